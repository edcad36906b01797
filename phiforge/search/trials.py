"""What a trial is to be: its raw spec, where it is compared with others, and how many tasks it takes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from phiforge.search.schedulers import Scheduler, build_scheduler
from phiforge.spec.read import parse_spec
from phiforge.spec.studies.space import Point
from phiforge.spec.studies.study import StudySpec
from phiforge.spec.studies.trial import of_length, raw_of, versions_of


class Planned(NamedTuple):
    """A trial as it would be submitted.

    Args:
        raw: its spec, as a person would write it
        rungs: versions at which it is compared with the others of its generation; the last is its end
        version_tasks: tasks that one version is learned from
        start: the version at which it begins
    """

    raw: dict[str, Any]
    rungs: tuple[int, ...]
    version_tasks: int
    start: int = 0

    @property
    def tasks(self) -> int:
        """Tasks of the whole trial."""
        return (self.rungs[-1] - self.start) * self.version_tasks


def planned(study: StudySpec, point: Point, generation: int, start: int = 0) -> Planned:
    """Return the trial at ``point`` that begins at version ``start``.

    Raises SpecError, with every problem, if its spec is none.
    """
    raw = raw_of(study, point)
    spec = parse_spec(raw)
    lengths = build_scheduler(study.scheduler).rungs(versions_of(study.objective, spec), generation)
    rungs = tuple(start + length for length in lengths)
    raw = of_length(raw, rungs)
    parse_spec(raw)
    return Planned(raw, rungs, spec.outer.tasks, start)


def tasks_together(scheduler: Scheduler, trials: Sequence[Planned]) -> int:
    """Return how many tasks a generation takes at most: at each rung those go on that take most."""
    left, total, rung = sorted(trials, key=lambda each: -each.tasks), 0, 0
    while left:
        total += sum(
            (each.rungs[rung] - (each.rungs[rung - 1] if rung else each.start)) * each.version_tasks for each in left
        )
        rung += 1
        left = [each for each in left if rung < len(each.rungs)]
        left = left[: len(scheduler.goes_on(dict.fromkeys(range(len(left)), 0.0)))]
    return total
