"""Where episodes come from: families of tasks, datasets, and how pictures are turned into tasks."""
