"""Meta-training in one process, without queue or storage, by the fleet's own functions: the same φ to the bit."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from phiforge.base.errors import RunError
from phiforge.learning.estimators import Estimator, Step
from phiforge.learning.estimators.bases.local_steps import estimator_of
from phiforge.learning.learners import Learner, Phi
from phiforge.learning.optimizers import init_state, judged
from phiforge.learning.reduction import reduce
from phiforge.learning.repeatable import as_a_trainer
from phiforge.learning.scoring import score
from phiforge.learning.start import first_phi, learner_for
from phiforge.learning.statistics import Estimate, estimate
from phiforge.learning.tensors import Tensors, decode, encode, fingerprint
from phiforge.registry import DATA
from phiforge.spec.run import RunSpec
from phiforge.tasks.episodes import Episode

EpisodesOf = Callable[[int, int], Sequence[Episode]]
"""Returns the episodes that a job takes in the step from a version: (version, job)."""


class Version(NamedTuple):
    """One version of φ: its number, its tensors, their hash, and the mean scores of the tasks that led to it.

    ``judged`` is what stands for φ where it is judged: φ, or its average if the spec says so.
    ``contributions``: the bytes that its jobs contributed, in order of job, of which it can be ``rebuilt``. Gradients
    are of φ's size each; whoever keeps many versions leaves them out.
    """

    version: int
    phi: Tensors
    phi_hash: str
    scores: Mapping[str, float]
    judged: Tensors
    contributions: tuple[bytes, ...] = ()


def meta_train(spec: RunSpec, episodes_of: EpisodesOf, train_classes: int = 0) -> Iterator[Version]:
    """Yield φ₀ and then every version of φ, as each is asked for.

    Args:
        spec: what is learned and how. Its engine is ``torch`` unless it names another; a submitted run's is settled.
        episodes_of: the training tasks, ``Tasks(spec).training`` for those that a fleet would draw.
        train_classes: how many classes these are of, for learners whose φ has a head over all.

    Raises RunError if the spec lets contributions lag, NotFiniteError if φ stops being finite.

    Example::

        for version in meta_train(spec, Tasks(spec).training):
            print(version.version, version.scores.get("loss"))
    """
    if spec.consistency != "synchronous":
        raise RunError(f"consistency '{spec.consistency}' needs workers that lag: meta_train takes 'synchronous'")
    input_shape = DATA[spec.data.name].input_shape(spec.data)
    learner, estimator = learner_for(spec, spec.task, input_shape, train_classes), estimator_of(spec)
    phi = decode(encode(first_phi(spec, learner)))
    optimizer = init_state(spec.outer, phi)
    yield Version(0, phi, fingerprint(phi), {}, judged(spec.outer, phi, optimizer))
    for version in range(spec.outer.versions):
        with as_a_trainer(spec.numerics.threads):
            step = Step(spec, version)
            payloads = _contributed(learner, estimator, step, phi, episodes_of)
            found = reduce(estimator, step, phi, optimizer, payloads)
        phi, optimizer = decode(found.phi), decode(found.optimizer)
        yield Version(version + 1, phi, found.phi_hash, found.scores, judged(spec.outer, phi, optimizer), payloads)


def judge(
    spec: RunSpec, phi: Phi, chunks: Iterable[Sequence[Episode]], split: str = "validation"
) -> dict[str, Estimate]:
    """Return the mean of every score with its 95 % interval, of the models that F_φ builds for unseen tasks.

    Args:
        spec: what φ was learned by. Inner steps on unseen tasks are as many as its learner says; a fleet tries several
            if nobody gave a number.
        phi: the version that is judged.
        chunks: the tasks, ``Tasks(spec).judged(split)`` for those that an evaluator would take.
        split: which they are; it names their randomness.
    """
    learner = learner_for(spec, spec.evaluation_task, DATA[spec.data.name].input_shape(spec.data))
    values: dict[str, list[float]] = {}
    for chunk, episodes in enumerate(chunks):
        with as_a_trainer(spec.numerics.threads):
            seed = (spec.evaluation.seed, "judge", split, chunk)
            found = score(learner, phi, episodes, *seed, together=spec.numerics.chunk)
        for name, of_tasks in found.of.items():
            values.setdefault(name, []).extend(of_tasks)
    return {name: estimate(each) for name, each in values.items()}


def _contributed(
    learner: Learner, estimator: Estimator, step: Step, phi: Tensors, episodes_of: EpisodesOf
) -> tuple[bytes, ...]:
    """Return every job's contribution to the step, as bytes, in order of job."""
    return tuple(
        estimator.contribute(learner, phi, episodes_of(step.version, job), step, job).to_bytes()
        for job in range(step.spec.outer.jobs)
    )
