"""Trials that go on from others: branches of their runs, at the version at which those ended."""

from collections.abc import Iterator
from functools import partial

from phiforge.base.errors import FormatError, MissingObjectError, RunError, SpecError
from phiforge.base.seeds import numpy_generator
from phiforge.learning.tensors import Tensors
from phiforge.registry import PROPOSERS
from phiforge.runs.branches import carried_on
from phiforge.runs.changing import expect_fit
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.learners import initial_phi
from phiforge.runs.platform import RunPlatform
from phiforge.runs.studies.facts import facts_of
from phiforge.runs.studies.outcome import Proposal, run_of_trial
from phiforge.runs.studies.record import StudyRecord
from phiforge.runs.submission import checked_record
from phiforge.runs.submitted import Parent, RunRecord
from phiforge.search.trials import planned
from phiforge.spec.studies.space import Point
from phiforge.spec.studies.study import StudySpec

_TRIED = 8
"""Values of a field at which the shape of φ is looked at."""
_POINTS = 64
"""Points among which one is looked for that has a field with a condition."""


def with_parent(platform: RunPlatform, study: str, proposal: Proposal, record: RunRecord) -> RunRecord:
    """Return the run of a trial as the branch that it is; as it is if it goes on from nobody.

    Raises RunError if there is no φ to go on from, or it does not fit.
    """
    if proposal.parent is None:
        return record
    run = run_of_trial(study, proposal.parent)
    start = _checkpoint(platform, run, proposal.start)
    expect_fit(start.phi, initial_phi(record), f"version {start.version} of run {run!r}")
    return record._replace(parent=Parent(run, start.version, start.phi_hash, start.tasks))


def start_of_branch(platform: RunPlatform, record: RunRecord, parent: Parent) -> Checkpoint:
    """Return where a trial's run starts that is a branch; raises RunError if that cannot be read."""
    return carried_on(_checkpoint(platform, parent.run, parent.version), platform.run(parent.run), record)


def _checkpoint(platform: RunPlatform, run: str, version: int) -> Checkpoint:
    try:
        return platform.checkpoints.load(run, version)
    except (FormatError, MissingObjectError, RunError) as error:
        raise RunError(f"there is no φ to go on from: version {version} of run {run!r}: {error}") from error


def shape_problems(record: StudyRecord, spec: StudySpec) -> Iterator[str]:
    """Yield the fields of a space that change the shape of φ, where trials go on from each other."""
    if not PROPOSERS[spec.proposer.name].continues:
        return
    space = spec.points
    for field, dimension in space.items():
        point = next((each for each in _drawn(spec) if field in each), None)
        if point is None:
            continue
        values = [point[field], *dimension.points(_TRIED)[:_TRIED]]
        shapes = [_shape(record, spec, {**point, field: value}) for value in values]
        if len({tuple(sorted(shape.items())) for shape in shapes if shape}) > 1:
            yield f"space.{field}: it changes the shape of φ, and trials go on from each other; set it in the base"


def _drawn(spec: StudySpec) -> Iterator[Point]:
    """Yield the middle of the space, and points of it that may have fields which that has not."""
    yield spec.points.point(lambda field: 0.5)
    for number in range(_POINTS):
        yield spec.points.point(partial(_unit, spec.seed, number))


def _unit(seed: int, number: int, field: str) -> float:
    return float(numpy_generator(seed, "shapes", number, field).random())


def _shape(record: StudyRecord, spec: StudySpec, point: Point) -> dict[str, tuple[int, ...]]:
    """Return the shape of φ of the trial at a point; none if there is no such trial."""
    try:
        raw = planned(spec, point, 0).raw
        phi: Tensors = initial_phi(
            checked_record(raw, lambda data: facts_of(record, data), record.device, lambda _: "")
        )
    except SpecError:
        return {}
    return {name: tuple(tensor.shape) for name, tensor in phi.items()}
