"""What estimators have in common; an estimator of its own is a file beside this folder."""
