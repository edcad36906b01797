"""What begins the names of entries of φ, where more than one kind of learner has them."""

START = "start"
"""Of θ⁰, by the model's own names."""
