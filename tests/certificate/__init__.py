"""The certificate: every learner x estimator is refused with a reason, or proven right. ``python -m`` prints it."""
