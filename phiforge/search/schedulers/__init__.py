"""Schedulers: which trials are stopped before they are trained to the end. One a file."""

from phiforge.search.schedulers.bases.scheduler import Scheduler, build_scheduler

__all__ = ["Scheduler", "build_scheduler"]
