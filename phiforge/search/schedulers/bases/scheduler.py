"""What a scheduler is: at which versions trials are compared, and who of them goes on."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from phiforge.registry import SCHEDULERS, PartConfig
from phiforge.registry.abilities import SchedulerPart
from phiforge.search.schedulers.bases.curve import Curve


class Scheduler(SchedulerPart, ABC):
    """One way to spend less on trials that do badly. It keeps nothing.

    Example::

        scheduler = build_scheduler(SuccessiveHalvingConfig(factor=3, rungs=3))
        scheduler.rungs(90, generation=0)          # (10, 30, 90)
        scheduler.goes_on({0: 0.2, 1: 0.9, 2: 0.5})   # [0]
    """

    def __init__(self, config: Any) -> None:  # noqa: ANN401 - its own configuration
        self.config = config

    @abstractmethod
    def rungs(self, versions: int, generation: int) -> tuple[int, ...]:
        """Return the versions at which trials are compared, each a multiple of the first; the last one is their end.

        Args:
            versions: how long a trial is to be; its end may be a little later.
            generation: of the trials.
        """

    @abstractmethod
    def goes_on(self, costs: Mapping[int, float]) -> list[int]:
        """Return, in order, which trials of a generation go on from a rung.

        Args:
            costs: by number of the trial, lower is better: all that reached the rung.
        """

    def choose(self, here: Mapping[int, Curve], others: Mapping[int, Curve]) -> list[int]:
        """Return, in order, which of the trials at a rung go on from it; by default as their costs there say.

        Args:
            here: by number of the trial: those to be decided for, each up to this rung.
            others: those that came at least as far, and are decided for or over.
        """
        return self.goes_on({number: curve.costs[-1] for number, curve in here.items()})

    def reason(self, here: Mapping[int, Curve], others: Mapping[int, Curve]) -> str:
        """Return what a trial that ``choose`` stops is told, beside its place at the rung; empty if that says all."""
        return ""


def build_scheduler(config: PartConfig) -> Scheduler:
    """Return the scheduler that ``config`` describes; raises MissingPartError if there is none such here."""
    return SCHEDULERS.built_on(Scheduler, config.name)(config)
