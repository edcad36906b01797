"""Families of tasks that are drawn from a formula, one a file."""

from phiforge.registry import FAMILIES, PartConfig
from phiforge.tasks.families.bases.family import TaskFamily, regressions


def build_family(config: PartConfig) -> TaskFamily:
    """Return the family of tasks that ``config`` describes; raises MissingPartError if there is none such here."""
    return FAMILIES.built_on(TaskFamily, config.name)(config)


__all__ = ["FAMILIES", "TaskFamily", "build_family", "regressions"]
