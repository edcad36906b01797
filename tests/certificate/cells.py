"""The table: what proves each learner x estimator, or the reason for which it is refused at submit."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from phiforge.base.errors import SpecError
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.registry import ESTIMATORS, LEARNERS
from phiforge.registry.section import Section
from phiforge.spec.read import parse_spec
from tests.certificate import proofs, shipped, unrolled
from tests.certificate.material import Figure, configured, estimating

NORMS = ("batch", "prior", "running", "per_step", "layer", "group", "none")
"""Every normalisation, for the learners that stand for all: one with an inner loop, one without."""
MLP = {"name": "mlp", "width": 10}
RELAXED = {"name": "relaxed_cell", "channels": 4, "stages": 1, "average": False}
"""One cell, whose features are places: means over places have slopes so small that differences are rounding."""
CELLS = {"name": "cell", "stages": 2, "normal": {"0-1": "conv1x1", "0-2": "skip"}, "reduction": {"0-1": "pool3x3"}}
BY_VMAP = {"maml": ("batch, 3 steps", "per_step, 3 steps"), "relation": ("plain",)}
"""Variants whose gradient by engine vmap is also held to finite differences."""
FITTING = {("maml", "implicit"): {"proximal": 1.0}, ("meta_nas", "darts"): {"adapts": "weights"}}
"""Settings of a learner without which an estimator refuses it."""
BY_PIECES = ("anil", "boil", "hyperparameters", "maml")
"""Learners whose inner loop in several pieces has a second formulation; that of others is held to the whole loop."""
DRAWING = ("hyperparameters", "leo")
"""Learners that draw for each episode by its place in the job: several tasks stand for the sum of episodes."""
MIDWAY, LATE = 30, 500
"""Versions of a thousand at which MAML++ weighs the losses of its steps unequally, and only the last."""


class Proof(NamedTuple):
    """One proof of a cell: what it shows, of which variant, and how to measure it."""

    kind: str
    variant: str
    measure: Callable[[], Figure]


class Variant(NamedTuple):
    """A configuration of a learner under a short name, at a version of a run of a thousand."""

    label: str
    config: Section
    version: int = 0


def refusal(learner: str, estimator: str) -> str | None:
    """Return why a submitted spec of the pair is refused, or None: what ``parse_spec`` says, of settings that fit."""
    versions = 0 if estimator == "none" else 10
    settings = FITTING.get((learner, estimator), {})
    raw = {"learner": {"name": learner} | settings, "estimator": {"name": estimator}, "outer": {"versions": versions}}
    try:
        parse_spec(raw)
    except SpecError as error:
        return "; ".join(error.problems)
    return None


def proofs_of(learner: str, estimator: str) -> list[Proof]:
    """Return the proofs of a cell that is not refused; raises KeyError for one that nobody has proven."""
    found = list(BY_ESTIMATOR[estimator](learner))
    if not found:
        raise KeyError(f"learner '{learner}' x estimator '{estimator}' is neither refused nor proven")
    return found


def cells() -> Iterator[tuple[str, str]]:
    """Yield every pair there is."""
    for learner in sorted(LEARNERS):
        for estimator in ESTIMATORS:
            yield learner, estimator


def _stepped(name: str, *steps: int, **settings: object) -> list[Variant]:
    """Return variants of so many inner steps."""
    return [Variant(_steps(each), configured(name, inner_steps=each, **settings)) for each in steps]


def _steps(count: int) -> str:
    return f"{count} step" + "s" * (count > 1)


def _normed(name: str, norm: str, **settings: object) -> Section:
    return configured(name, network={"name": "conv4", "norm": norm}, **settings)


def _plus_plus() -> list[Variant]:
    several = configured("maml_plus_plus", inner_steps=3)
    fixed = configured("maml_plus_plus", inner_steps=2, learned_rates=False)
    return [
        *_stepped("maml_plus_plus", 1),
        Variant("3 steps, losses alike", several),
        Variant("3 steps, losses annealed", several, MIDWAY),
        Variant("3 steps, last loss", several, LATE),
        Variant("2 steps, rates not learned", fixed),
    ]


def _mamls() -> list[Variant]:
    found = [
        Variant(f"{norm}, {_steps(each)}", _normed("maml", norm, inner_lr=0.1, inner_steps=each))
        for norm in NORMS
        for each in (1, 3)
    ]
    return [*found, Variant("proximal, 3 steps", configured("maml", inner_lr=0.1, inner_steps=3, proximal=0.5))]


def _architectures() -> list[Variant]:
    annealed = {"temperature": 0.8, "temperature_last": 0.2}
    reducing = RELAXED | {"stages": 2, "search_reduction": True}
    settings: dict[str, tuple[dict, int]] = {
        "1 step": ({"inner_steps": 1}, 0),
        "3 steps, annealed over a task": ({"inner_steps": 3, "annealed": "over_task"} | annealed, 0),
        "2 steps, weights alone": ({"inner_steps": 2, "adapts": "weights"}, 0),
        "architecture alone, annealed over the run": ({"adapts": "architecture"} | annealed, LATE),
        "1 step, two types of cells": ({"network": reducing}, 0),
    }
    return [
        Variant(label, configured("meta_nas", **({"network": RELAXED} | each)), version)
        for label, (each, version) in settings.items()
    ]


def _leos() -> list[Variant]:
    settings = [(1, 1), (3, 2)]
    return [
        Variant(f"{latent} + {_steps(tuned)}", configured("leo", latent_steps=latent, finetuning_steps=tuned))
        for latent, tuned in settings
    ]


def _reweighting() -> list[Variant]:
    through = configured("learning_to_reweight", inner_steps=2, trusted=2, through_weights=True)
    return [*_stepped("learning_to_reweight", 1, 3), Variant("2 steps, through the weights", through)]


def _contexts() -> list[Variant]:
    return [
        Variant("plain", configured("matching")),
        Variant("full context", configured("matching", full_context=True, steps=3)),
    ]


VARIANTS: dict[str, Callable[[], list[Variant]]] = {
    "anil": lambda: [
        *_stepped("anil", 1, 3, inner_lr=0.1),
        Variant("3 steps, body once", configured("anil", inner_lr=0.1, inner_steps=3, body="once")),
    ],
    "boil": lambda: _stepped("boil", 1, 3, inner_lr=0.1),
    "hyperparameters": lambda: [
        *_stepped("hyperparameters", 1, 3, weight_decay=0.5),
        Variant(
            "2 steps, learned start, each layer",
            configured("hyperparameters", inner_steps=2, per="layer", learn_start=True, weight_decay=0.5),
        ),
        Variant("2 steps, prior", _normed("hyperparameters", "prior", inner_steps=2)),
        Variant("2 steps, rates alone", configured("hyperparameters", inner_steps=2, learned=("rates",))),
    ],
    "layer_rates": lambda: _stepped("layer_rates", 1, 3, inner_lr=0.1),
    "learned_optimizer": lambda: [
        *_stepped("learned_optimizer", 1, 2),
        Variant("2 steps, fresh start", configured("learned_optimizer", inner_steps=2, learn_start=False)),
    ],
    "learning_to_reweight": _reweighting,
    "leo": _leos,
    "maml": _mamls,
    "maml_plus_plus": _plus_plus,
    "matching": _contexts,
    "meta_nas": _architectures,
    "meta_lstm": lambda: _stepped("meta_lstm", 1, 2),
    "meta_sgd": lambda: _stepped("meta_sgd", 1, 3, inner_lr=0.1),
    "meta_weight_net": lambda: _stepped("meta_weight_net", 1, 3),
    "pooled": lambda: [
        Variant("linear", configured("pooled")),
        Variant("cosines", configured("pooled", cosine=True)),
    ],
    "prototypical": lambda: [Variant(norm, _normed("prototypical", norm)) for norm in NORMS],
    "r2d2": lambda: [Variant("plain", configured("r2d2"))],
    "relation": lambda: [Variant("plain", configured("relation"))],
    "siamese": lambda: [Variant("plain", configured("siamese"))],
}
"""What is proven of each learner that has a gradient; the first is also proven in float32."""

OF_CELLS: dict[str, Callable[[], Variant]] = {
    "maml": lambda: Variant("cells, 2 steps", configured("maml", inner_lr=0.1, inner_steps=2, network=CELLS)),
    "prototypical": lambda: Variant("cells", configured("prototypical", network=CELLS)),
}
"""Learners that stand for all with a network of cells, which no second formulation knows."""


def _variants(learner: str) -> list[Variant]:
    """Return a learner's variants, and one on sinusoids if it learns regressions too."""
    found = VARIANTS[learner]()
    if LEARNERS[learner].regresses:
        found.append(Variant("sinusoids, 2 steps", configured(learner, inner_steps=2, inner_lr=0.02, network=MLP)))
    return found


def _differentiable(config: Section) -> Section:
    """Return a configuration whose loss has no part that is a constant by decree: LEO's penalty, Ren's weights."""
    if config.name == "learning_to_reweight":
        return config.model_copy(update={"through_weights": True})
    return config.model_copy(update={"encoder_weight": 0.0}) if config.name == "leo" else config


def _backpropagation(learner: str) -> Iterator[Proof]:
    variants = _variants(learner)
    for label, config, version in variants:
        exact = _differentiable(config)
        yield Proof("finite differences", label, partial(proofs.finite_differences, exact, version))
        if label in BY_VMAP.get(learner, ()):
            by_vmap = partial(proofs.finite_differences, exact, version, "vmap")
            yield Proof("finite differences", f"{label}, vmap", by_vmap)
    if learner in OF_CELLS:
        yield from _of_cells(*OF_CELLS[learner]())
    yield from _gradient(learner, "backpropagation", variants)
    if learner in ("maml", "maml_plus_plus"):
        yield Proof("order annealed", variants[0].label, partial(proofs.order_annealed, variants[0].config))


def _of_cells(label: str, config: Section, version: int) -> Iterator[Proof]:
    yield Proof("finite differences", label, partial(proofs.finite_differences, config, version))
    yield Proof("finite differences", f"{label}, vmap", partial(proofs.finite_differences, config, version, "vmap"))
    yield Proof("by vmap", label, partial(proofs.by_vmap, config, estimating("backpropagation"), version))


def _engines(label: str, config: Section, estimator: Section, version: int = 0) -> Iterator[Proof]:
    """Yield the proof that both engines agree, if the fused one has a part in the learner's network."""
    by_fused = isinstance(config.network, Conv4Config) and config.network.norm in ("batch", "running", "per_step")
    if by_fused and not LEARNERS[config.name].third_derivatives(config):
        yield Proof("both engines", label, partial(proofs.by_engine, config, estimator, version))


def _first_order(learner: str) -> Iterator[Proof]:
    variants = _variants(learner)
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
    yield Proof("float32", label, partial(proofs.in_float32, config, estimator))
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
    yield Proof("cosine", "as shipped, after 200 tasks", shipped.cosine_as_shipped)
    yield Proof("inner residual", "as shipped, after 200 tasks", shipped.residual_as_shipped)
    yield Proof("curvature", "as shipped, after 200 tasks", shipped.curvature_as_shipped)


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
        estimator, label = estimating("darts", order=order), f"{order} order, {_steps(steps)}"
        yield Proof("second formulation", label, partial(proofs.support_and_query, config, estimator))
    several = configured(learner, adapts="weights", inner_steps=2, network=RELAXED)
    for order in ("second", "first"):
        estimator = estimating("darts", order=order)
        yield Proof("sum of episodes", f"{order} order", partial(proofs.sum_of_episodes, several, estimator))


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
    "evolution": _evolution,
    "first_order": _first_order,
    "implicit": _implicit,
    "none": _none,
    "persistent_evolution": _persistent_evolution,
    "reinforce": _reinforce,
    "reptile": _reptile,
}
