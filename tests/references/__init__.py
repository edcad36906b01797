"""Every learner and estimator written down a second time, from the papers' equations, in plain loops of torch.

Nothing here imports the library: what they share is torch, the names of φ's entries, and the tasks.
"""
