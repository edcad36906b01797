"""Families of tasks that are drawn from a formula, one a file."""

from phiforge.base.errors import RegistryError
from phiforge.registry import FAMILIES, PartConfig
from phiforge.tasks.families.bases.family import TaskFamily, regressions


def build_family(config: PartConfig) -> TaskFamily:
    """Return the family of tasks that ``config`` describes; raises MissingPartError if there is none such here."""
    family = FAMILIES[config.name]
    if not issubclass(family, TaskFamily):
        raise RegistryError(f"family '{config.name}' is {family.__qualname__}, expected a subclass of TaskFamily")
    return family(config)


__all__ = ["FAMILIES", "TaskFamily", "build_family", "regressions"]
