"""What learners have in common; a learner of its own is a file beside this folder."""
