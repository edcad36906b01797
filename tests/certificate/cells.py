"""The table: what proves each learner x estimator, or the reason for which it is refused at submit."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from phiforge.base.errors import SpecError
from phiforge.registry import ESTIMATORS, LEARNERS, NETWORKS
from phiforge.registry.section import Section
from phiforge.spec.read import parse_spec
from tests.certificate import acting, drawn, proofs, shipped, unrolled
from tests.certificate.material import Figure, configured, estimating
from tests.certificate.variants import (
    DEEPER,
    MLP,
    OF_CELLS,
    RELAXED,
    VARIANTS,
    Variant,
    differentiable,
    in_steps,
    variants_of,
)

BY_VMAP = {"maml": ("batch, 3 steps", "per_step, 3 steps"), "relation": ("plain",)}
"""Variants whose gradient by engine vmap is also held to finite differences."""
ON_CELLS = ("augmented_prototypical", "matching", "pooled", "prototypical", "r2d2", "siamese")
"""Learners that are searched with as soon as their network is relaxed."""
FITTING = {
    ("maml", "implicit"): {"proximal": 1.0},
    ("meta_nas", "darts"): {"adapts": "weights"},
    ("meta_nas", "enas"): {"adapts": "weights"},
} | {(learner, "enas"): {"network": {"name": "relaxed_cell"}} for learner in ON_CELLS}
"""Settings of a learner without which an estimator refuses it."""
BY_PIECES = ("anil", "boil", "hyperparameters", "maml")
"""Learners whose inner loop in several pieces has a second formulation; that of others is held to the whole loop."""
DRAWING = ("augmented_maml", "augmented_prototypical", "hyperparameters", "leo", "meta_dropout")
"""Learners that draw for each episode by its place in the job: several tasks stand for the sum of episodes."""


class Proof(NamedTuple):
    """One proof of a cell: what it shows, of which variant, and how to measure it.

    ``hasty`` decides the same sooner, with another figure.
    """

    kind: str
    variant: str
    measure: Callable[[], Figure]
    hasty: Callable[[], Figure] | None = None

    def decide(self) -> Figure:
        """Return a figure that holds if what is measured does, as soon as that can be said."""
        return (self.hasty or self.measure)()


def refusal(learner: str, estimator: str) -> str | None:
    """Return why a submitted spec of the pair is refused, or None: what ``parse_spec`` says, of settings that fit."""
    versions = 0 if estimator == "none" else 10
    settings = FITTING.get((learner, estimator), {})
    raw = {"learner": {"name": learner} | settings, "estimator": {"name": estimator}, "outer": {"versions": versions}}
    raw |= {} if LEARNERS[learner].supervised else {"data": {"name": "bandits"}, "task": {"n_way": 1}}
    try:
        parse_spec(raw)
    except SpecError as error:
        return "; ".join(error.problems)
    return None


def proofs_of(learner: str, estimator: str) -> list[Proof]:
    """Return the proofs of a cell that is not refused; raises KeyError for one that nobody has proven."""
    if LEARNERS[learner].supervised:
        found = list(BY_ESTIMATOR[estimator](learner))
    else:
        found = [Proof(*each) for each in acting.proofs_of(learner, estimator)]
    if not found:
        raise KeyError(f"learner '{learner}' x estimator '{estimator}' is neither refused nor proven")
    return found


def cells() -> Iterator[tuple[str, str]]:
    """Yield every pair there is."""
    for learner in sorted(LEARNERS):
        for estimator in ESTIMATORS:
            yield learner, estimator


def _backpropagation(learner: str) -> Iterator[Proof]:
    variants = variants_of(learner)
    for label, config, version in variants:
        exact = differentiable(config)
        yield Proof("finite differences", label, partial(proofs.finite_differences, exact, version))
        if label in BY_VMAP.get(learner, ()):
            by_vmap = partial(proofs.finite_differences, exact, version, "vmap")
            yield Proof("finite differences", f"{label}, vmap", by_vmap)
    if learner in OF_CELLS:
        yield from _of_others(*OF_CELLS[learner]())
    for variant in DEEPER.get(learner, list)():
        yield from _of_others(*variant)
    yield from _gradient(learner, "backpropagation", variants)
    if learner in ("maml", "maml_plus_plus"):
        yield Proof("order annealed", variants[0].label, partial(proofs.order_annealed, variants[0].config))


def _of_others(label: str, config: Section, version: int) -> Iterator[Proof]:
    yield Proof("finite differences", label, partial(proofs.finite_differences, config, version))
    yield Proof("one direction", label, partial(proofs.finite_differences, config, version, directions=1))
    if not LEARNERS[config.name].mapped or NETWORKS[config.network.name].draws(config.network):
        return
    yield Proof("finite differences", f"{label}, vmap", partial(proofs.finite_differences, config, version, "vmap"))
    yield Proof("by vmap", label, partial(proofs.by_vmap, config, estimating("backpropagation"), version))


def _engines(label: str, config: Section, estimator: Section, version: int = 0) -> Iterator[Proof]:
    """Yield the proof that both engines agree, if the fused one has a part in the learner's network."""
    fused = NETWORKS[config.network.name].has_fused_blocks(config.network)
    if fused and not LEARNERS[config.name].third_derivatives(config):
        yield Proof("both engines", label, partial(proofs.by_engine, config, estimator, version))


def _first_order(learner: str) -> Iterator[Proof]:
    variants = variants_of(learner)
    yield from _gradient(learner, "first_order", variants)
    yield Proof("not the gradient", "defaults", partial(proofs.not_first_order, configured(learner)))


def _gradient(learner: str, estimator: str, variants: list[Variant]) -> Iterator[Proof]:
    for label, config, version in variants:
        yield Proof("second formulation", label, partial(proofs.in_float64, config, estimator, version))
        yield from _engines(label, config, estimating(estimator), version)
        if LEARNERS[learner].mapped:
            yield Proof("by vmap", label, partial(proofs.by_vmap, config, estimating(estimator), version))
    for label, config, _ in variants[:1] if LEARNERS[learner].regresses else variants:
        yield Proof("several tasks", label, partial(proofs.of_several_tasks, config, estimator))
    label, config, _ = variants[0]
    in_float32 = partial(proofs.in_float32, config, estimator)
    yield Proof("float32", label, in_float32, partial(in_float32, hasty=True))
    if learner not in DRAWING:
        yield Proof("sum of episodes", label, partial(proofs.sum_of_episodes, config, estimating(estimator)))


def _reptile(learner: str) -> Iterator[Proof]:
    config, values = configured(learner), configured(learner, network=MLP)
    for optimizer, rate in (("sgd", 0.1), ("adam", 1e-3)):
        for batch in (None, 4):
            settings = {"inner_optimizer": optimizer, "inner_lr": rate, "inner_steps": 3, "batch": batch}
            label = f"{optimizer}, " + (f"minibatches of {batch}" if batch else "full batches")
            measure = partial(proofs.inner_training, config, estimating("reptile", **settings))
            yield Proof("second formulation", label, measure)
            yield from _engines(label, config, estimating("reptile", **settings))
    fewer = estimating("reptile", inner_steps=4, batch=5)
    yield Proof("second formulation", "adam, sinusoids", partial(proofs.inner_training, values, fewer))
    whole = estimating("reptile", batch=None, inner_steps=3)
    yield Proof("sum of episodes", "adam, full batches", partial(proofs.sum_of_episodes, config, whole))


def _implicit(learner: str) -> Iterator[Proof]:
    estimator = estimating("implicit")
    pulled = {"inner_lr": 0.1, "inner_steps": 3, "proximal": 2.0}
    networks = [({"name": "conv4", "norm": norm}, norm) for norm in ("batch", "layer")]
    for network, label in [*networks, (MLP, "sinusoids")]:
        config = configured(learner, network=network, **pulled)
        yield Proof("second formulation", label, partial(proofs.implicit, config, estimator))
        yield from _engines(label, config, estimator)
    published = {"pull_back": "at_the_end", "inner_steps": 3, "inner_lr": 0.1, "proximal": 2.0}
    damped = estimating("implicit", damping=22.0)
    config = configured(learner, **published)
    yield Proof("second formulation", "pulled back at the end, damped", partial(proofs.implicit, config, damped))
    yield from _engines("pulled back at the end, damped", config, damped)
    guarded = estimating("implicit", negative_curvature="stop")
    for network, label in networks:
        config = configured(learner, network=network, **pulled)
        yield Proof("second formulation", f"{label}, guarded", partial(proofs.implicit, config, guarded))
    yield Proof("sum of episodes", label, partial(proofs.sum_of_episodes, config, estimator))
    for tasks in (shipped.SOON, shipped.TRAINED):
        label = f"as shipped, after {tasks} tasks"
        yield Proof("cosine", label, partial(shipped.cosine_as_shipped, tasks))
        yield Proof("inner residual", label, partial(shipped.residual_as_shipped, tasks))
        yield Proof("curvature", label, partial(shipped.curvature_as_shipped, tasks))


def _evolution(learner: str) -> Iterator[Proof]:
    if learner == "chosen_training":
        yield Proof("second formulation", "6 pairs", partial(proofs.antithetic, _choices(), pairs=6, sigma=1.0))
        yield from _engines("6 pairs", _choices(), estimating("evolution", pairs=6, sigma=1.0))
        return
    label, config, _ = VARIANTS[learner]()[0]
    yield from _engines(label, config, estimating("evolution", pairs=2))
    yield Proof("second formulation", label, partial(proofs.antithetic, config))
    if learner not in DRAWING:
        pairs = estimating("evolution", pairs=2)
        yield Proof("sum of episodes", label, partial(proofs.sum_of_episodes, config, pairs))


def _persistent_evolution(learner: str) -> Iterator[Proof]:
    label, config, _ = VARIANTS[learner]()[0]
    yield from _engines(label, config, estimating("persistent_evolution", pairs=2))
    yield Proof("second formulation", f"{label}, one piece", partial(unrolled.second_formulation, config, 5))
    if learner in BY_PIECES:
        several = configured(learner, inner_steps=3)
        for losses in ("every", "last"):
            measure = partial(unrolled.second_formulation, several, 2, losses)
            yield Proof("second formulation", f"3 steps, two pieces, {losses}", measure)
    if learner not in DRAWING:
        pairs = estimating("persistent_evolution", pairs=2, truncation=1)
        yield Proof("sum of episodes", label, partial(proofs.sum_of_episodes, config, pairs))


def _choices() -> Section:
    return configured("chosen_training", steps=(1, 3), network={"name": "conv4", "channels": 16})


def _darts(learner: str) -> Iterator[Proof]:
    cases = [("second", 1), ("second", 3), ("first", 1), ("first", 3)]
    for order, steps in cases:
        settings = {"adapts": "weights", "temperature": 0.5, "temperature_last": 0.5, "network": RELAXED}
        config = configured(learner, inner_steps=steps, **settings)
        estimator, label = estimating("darts", order=order), f"{order} order, {in_steps(steps)}"
        yield Proof("second formulation", label, partial(proofs.support_and_query, config, estimator))
    several = configured(learner, adapts="weights", inner_steps=2, network=RELAXED)
    for order in ("second", "first"):
        estimator = estimating("darts", order=order)
        yield Proof("sum of episodes", f"{order} order", partial(proofs.sum_of_episodes, several, estimator))


def _enas(learner: str) -> Iterator[Proof]:
    norms, steps = ("batch", "layer", "group", "none"), LEARNERS[learner].inner_gradient
    for norm in norms if learner in ("meta_nas", "prototypical") else norms[:1]:
        config = drawn.searched(learner, norm=norm, channels=8 if norm == "group" else 4)
        measure = partial(drawn.by_discrete_networks, config, estimating("enas", entropy=0.1))
        yield Proof("second formulation", f"{norm}, discrete networks", measure)
    reducing, first = drawn.searched(learner, search_reduction=True), estimating("enas", order="first")
    measure = partial(drawn.by_discrete_networks, reducing, first)
    yield Proof("second formulation", "two types of cells, first order, discrete networks", measure)
    for order in ("second", "first") if steps else ():
        measure = partial(drawn.by_reference, drawn.searched(learner), estimating("enas", order=order))
        yield Proof("second formulation", f"{order} order, 2 steps", measure)
    if learner in ("meta_nas", "prototypical"):
        yield Proof("expected gradient", "900 draws", partial(drawn.expected_gradient, learner))


def _reinforce(learner: str) -> Iterator[Proof]:
    yield Proof("second formulation", "5 draws", partial(proofs.score_function, _choices()))
    yield Proof("both engines", "5 draws", partial(proofs.by_engine, _choices(), estimating("reinforce"), count=5))
    yield Proof("expected gradient", "960 draws", proofs.expected_score)


def _none(learner: str) -> Iterator[Proof]:
    settings = {"inner_steps": 5} if learner == "from_scratch" else {}
    yield Proof("second formulation", "query loss", partial(proofs.baseline_loss, configured(learner, **settings)))
    if learner == "from_scratch":
        yield Proof("both engines", "query loss", partial(proofs.baseline_by_engine, configured(learner, **settings)))


BY_ESTIMATOR: dict[str, Callable[[str], Iterator[Proof]]] = {
    "backpropagation": _backpropagation,
    "darts": _darts,
    "enas": _enas,
    "evolution": _evolution,
    "first_order": _first_order,
    "implicit": _implicit,
    "none": _none,
    "persistent_evolution": _persistent_evolution,
    "reinforce": _reinforce,
    "reptile": _reptile,
}
