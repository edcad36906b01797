"""What every estimator promises: reasons for what it refuses, pure contributions, and jobs that combine as the mean."""

from collections.abc import Iterator, Mapping
from functools import partial

import torch
from torch import Tensor

from phiforge.certify import learners, material
from phiforge.certify.differences import relative_error
from phiforge.certify.proof import Figure, Proof, count
from phiforge.learning.estimators import Contribution
from phiforge.learning.learners import Learner
from phiforge.learning.tensors import Tensors
from phiforge.registry import LEARNERS, PartConfig
from phiforge.registry.abilities import EstimatorPart
from phiforge.tasks.episodes import Episode

MEAN = 1e-12


def proofs(part: type[EstimatorPart]) -> Iterator[Proof]:
    """Yield the proofs of an estimator, with its defaults, on a small learner that it serves."""
    yield Proof("refuses with reasons, whatever the learner", partial(refusals, part))
    if not part.updates:
        return
    config, name = material.example_for(part), part.name
    if config is None:
        yield Proof("serves a learner that is here", lambda: count([True]))
        return
    yield Proof("contributing leaves φ and tasks as they were", partial(leaves_inputs, config, name))
    yield Proof("the same seed gives the same bytes", partial(same_bytes, config, name))
    yield Proof("a contribution is read back as it was written", partial(round_trip, config, name))
    yield Proof("reports the loss and the accuracy of its tasks", partial(scores, config, name))
    yield Proof("jobs combine as the mean over their tasks", partial(mean_over_tasks, config, name))
    yield Proof("combines to a direction in float64", partial(direction, config, name))
    if part.exact:
        yield Proof("contributes the gradient, against differences", partial(learners.gradient, config, name))
    if part.mapped:
        yield Proof("engine vmap contributes the same", partial(learners.by_vmap, config, name))


def refusals(part: type[EstimatorPart]) -> Figure:
    """Count the learners about which it says neither yes nor why not."""
    answers = [part.refuses(each, material.default_of(each)) for each in LEARNERS.working().values()]
    return count(not (answer is None or (isinstance(answer, str) and answer)) for answer in answers)


def leaves_inputs(config: PartConfig, name: str) -> Figure:
    """Count the tensors of φ and of the tasks that a job changes."""
    learner, phi, tasks = _material(config)
    before = material.copied(phi) | material.copied(material.parts_of(tasks))
    material.contributed(name, learner, phi, tasks, material.step_of())
    return material.changed(before, {**phi, **material.parts_of(tasks)})


def same_bytes(config: PartConfig, name: str) -> Figure:
    """Count the differences between two contributions of one job."""
    first, second = (_contribution(config, name).to_bytes() for _ in range(2))
    return count([first != second])


def round_trip(config: PartConfig, name: str) -> Figure:
    """Count the differences between a contribution's bytes and those of what is read from them."""
    data = _contribution(config, name).to_bytes()
    return count([Contribution.from_bytes(data).to_bytes() != data])


def scores(config: PartConfig, name: str) -> Figure:
    """Count what is missing of the scores of two tasks."""
    found = _contribution(config, name)
    values = [found.scores.get(each, float("nan")) for each in ("loss", "accuracy")]
    return count([found.tasks != 2, *(not torch.tensor(value).isfinite() for value in values)])


def mean_over_tasks(config: PartConfig, name: str) -> Figure:
    """Return how far two jobs, of two tasks and of one, are from the mean of what each comes to beside an idle one."""
    learner, phi, tasks = _material(config, count=3)
    estimator, step = material.estimator_by(name), material.step_of()
    first = estimator.contribute(learner, phi, tasks[:2], step, 0)
    second = estimator.contribute(learner, phi, tasks[2:], step, 1)
    together = estimator.combine(phi, [first, second], step)
    apart = (
        estimator.combine(phi, [first, _idle(second)], step),
        estimator.combine(phi, [_idle(first), second], step),
    )
    expected = {each: (2 * apart[0][each] + apart[1][each]) / 3 for each in apart[0]}
    return Figure(relative_error(together, expected), MEAN)


def direction(config: PartConfig, name: str) -> Figure:
    """Count the entries of a direction that are not float64, of φ's shapes and finite; and whether it is nought."""
    learner, phi, tasks = _material(config)
    estimator, step = material.estimator_by(name), material.step_of()
    found = estimator.combine(phi, [estimator.contribute(learner, phi, tasks, step, 0)], step)
    wrong = [_wrong(each, value, phi) for each, value in found.items()]
    return count([*wrong, not any(bool(value.any()) for value in found.values())])


def _wrong(name: str, value: Tensor, phi: Mapping[str, Tensor]) -> bool:
    fits = name in phi and value.shape == phi[name].shape
    return not (fits and value.dtype == torch.float64 and bool(value.isfinite().all()))


def _idle(like: Contribution) -> Contribution:
    """Return what a job without tasks would contribute."""
    nothing = {name: torch.zeros_like(value) for name, value in like.values.items()}
    return Contribution(dict.fromkeys(like.scores, 0.0), 0, nothing)


def _contribution(config: PartConfig, name: str) -> Contribution:
    learner, phi, tasks = _material(config)
    return material.contributed(name, learner, phi, tasks, material.step_of())


def _material(config: PartConfig, count: int = 2) -> tuple[Learner, Tensors, list[Episode]]:
    learner = material.learner_of(config)
    return learner, material.phi_of(learner), material.episodes_of(learner, count)
