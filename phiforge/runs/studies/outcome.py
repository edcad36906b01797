"""How studies and their trials end."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple, Self


class StudyStatus(StrEnum):
    """Whether a study goes on, or how it ended."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TrialEnd(StrEnum):
    """What became of a trial."""

    COMPLETE = "complete"
    """It was trained to its end."""
    STOPPED = "stopped"
    """The scheduler stopped it at a rung; `phiforge resume` lets the run go on, for whoever wants to see more."""
    FAILED = "failed"
    """Its run failed."""
    REFUSED = "refused"
    """What was proposed is no run: parts of the spec do not go together."""
    CANCELLED = "cancelled"
    """A person cancelled its run."""


class Proposal(NamedTuple):
    """A trial as it was proposed.

    Args:
        number: from 0 on, of the whole study
        generation: from 0 on
        point: the values of its fields
        rungs: versions at which it is compared with others, the last is its end; none if it is refused
        version_tasks: tasks that one version is learned from
        refused: why it is no run, if it is none
        parent: the number of the trial that it goes on from; None: it begins with φ₀
        start: the version at which it begins
    """

    number: int
    generation: int
    point: Mapping[str, Any]
    rungs: tuple[int, ...] = ()
    version_tasks: int = 0
    refused: str = ""
    parent: int | None = None
    start: int = 0

    @property
    def tasks(self) -> int:
        """Tasks of the whole trial."""
        return self.tasks_to(len(self.rungs) - 1) if self.rungs else 0

    def tasks_to(self, rung: int) -> int:
        """Return how many tasks it is trained on up to a rung."""
        return (self.rungs[rung] - self.start) * self.version_tasks

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Return what ``_asdict`` gave; raises what Python does for anything else."""
        rungs, parent = tuple(int(rung) for rung in fields["rungs"]), fields.get("parent")
        return cls(
            int(fields["number"]),
            int(fields["generation"]),
            dict(fields["point"]),
            rungs,
            int(fields["version_tasks"]),
            str(fields["refused"]),
            None if parent is None else int(parent),
            int(fields.get("start", 0)),
        )


class Result(NamedTuple):
    """What came of a trial.

    Args:
        number: the trial's
        run: the id of its run; empty if there is none
        end: what became of it
        value: the objective; None if it has none
        version: at which it was judged, or was to be next
        share: of its whole length that this is
        tasks: that are charged to the study's budget
        phi_hash: of the φ that was judged
        scores: of the validation tasks, by name
        why: what is to be said of the end
        measures: what it costs, of what the study looks for little of, by name
    """

    number: int
    run: str
    end: TrialEnd
    value: float | None = None
    version: int = 0
    share: float = 0.0
    tasks: int = 0
    phi_hash: str = ""
    scores: Mapping[str, float] = {}
    why: str = ""
    measures: Mapping[str, float] = {}

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; what is not measured is left out, as earlier versions do not know it."""
        fields = self._asdict()
        return fields if self.measures else {name: each for name, each in fields.items() if name != "measures"}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Return what ``to_json`` gave; raises what Python does for anything else."""
        return cls(**{**fields, "end": TrialEnd(fields["end"])})


class Decision(NamedTuple):
    """Who went on from a rung.

    Args:
        costs: there, by number of the trial, lower is better: of all that were known when it was decided
        goes_on: the numbers of those who went on
        why: what those are told who did not, beside their place
    """

    costs: Mapping[int, float]
    goes_on: tuple[int, ...]
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        costs = {str(number): cost for number, cost in self.costs.items()}
        return {"costs": costs, "goes_on": list(self.goes_on), "why": self.why}

    def place(self, number: int) -> str:
        """Say how a trial did there that was stopped."""
        order = sorted(self.costs, key=lambda each: (self.costs[each], each))
        kept = sum(each in self.goes_on for each in order)
        why = f"; {self.why}" if self.why else ""
        return f"number {order.index(number) + 1} of {len(order)} at this rung; {kept} went on{why}"

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Return what ``to_json`` gave; raises what Python does for anything else."""
        costs = {int(number): float(cost) for number, cost in fields["costs"].items()}
        return cls(costs, tuple(int(number) for number in fields["goes_on"]), str(fields.get("why", "")))


def run_of_trial(study: str, number: int) -> str:
    """Return the id of a trial's run."""
    return f"{study}-{number:04d}"
