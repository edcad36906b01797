"""The variants of each learner that the certificate proves: settings that a gradient may depend on, by name."""

from collections.abc import Callable
from typing import NamedTuple

from phiforge.registry import LEARNERS
from phiforge.registry.section import Section
from tests.certificate.material import configured

NORMS = ("batch", "prior", "running", "per_step", "layer", "group", "none")
"""Every normalisation, for the learners that stand for all: one with an inner loop, one without."""
MLP = {"name": "mlp", "width": 10}
RELAXED = {"name": "relaxed_cell", "channels": 4, "stages": 1, "average": False}
"""One cell, whose features are places: means over places have slopes so small that differences are rounding."""
CELLS = {"name": "cell", "stages": 2, "normal": {"0-1": "conv1x1", "0-2": "skip"}, "reduction": {"0-1": "pool3x3"}}
MIDWAY, LATE = 30, 500
"""Versions of a thousand at which MAML++ weighs the losses of its steps unequally, and only the last."""


class Variant(NamedTuple):
    """A configuration of a learner under a short name, at a version of a run of a thousand."""

    label: str
    config: Section
    version: int = 0


def _stepped(name: str, *steps: int, **settings: object) -> list[Variant]:
    """Return variants of so many inner steps."""
    return [Variant(in_steps(each), configured(name, inner_steps=each, **settings)) for each in steps]


def in_steps(count: int) -> str:
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
        Variant(f"{norm}, {in_steps(each)}", _normed("maml", norm, inner_lr=0.1, inner_steps=each))
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
        Variant(f"{latent} + {in_steps(tuned)}", configured("leo", latent_steps=latent, finetuning_steps=tuned))
        for latent, tuned in settings
    ]


def _reweighting() -> list[Variant]:
    through = configured("learning_to_reweight", inner_steps=2, trusted=2, through_weights=True)
    return [*_stepped("learning_to_reweight", 1, 3), Variant("2 steps, through the weights", through)]


def _perturbing() -> list[Variant]:
    quiet = configured("meta_dropout", inner_lr=0.1, inner_steps=2, noise=False)
    by_layer = _normed("meta_dropout", "layer", inner_lr=0.1, inner_steps=2)
    by_step = _normed("meta_dropout", "per_step", inner_lr=0.1, inner_steps=2)
    return [
        *_stepped("meta_dropout", 1, 3, inner_lr=0.1),
        Variant("2 steps, its noise off", quiet),
        Variant("2 steps, layer", by_layer),
        Variant("2 steps, per_step", by_step),
    ]


def _augmenting(name: str, **settings: object) -> list[Variant]:
    places = ("shear", "rotate", "translate_y")
    few = configured(name, copies=3, operations=places, temperature=1.0, strength=0.6, **settings)
    return [
        Variant("one copy, layer", _normed(name, "layer", **settings)),
        Variant("one copy", configured(name, **settings)),
        Variant("three copies, places alone", few),
    ]


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
    "augmented_maml": lambda: _augmenting("augmented_maml", inner_lr=0.1, inner_steps=2),
    "augmented_prototypical": lambda: _augmenting("augmented_prototypical"),
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
    "meta_dropout": _perturbing,
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
    "learning_to_reweight": lambda: Variant(
        "cells, 2 steps, through the weights",
        configured("learning_to_reweight", inner_steps=2, trusted=2, through_weights=True, network=CELLS),
    ),
    "prototypical": lambda: Variant("cells", configured("prototypical", network=CELLS)),
}
"""Learners that stand for all with a network of cells, which no second formulation knows."""


def variants_of(learner: str) -> list[Variant]:
    """Return a learner's variants, and one on sinusoids if it learns regressions too."""
    found = VARIANTS[learner]()
    if LEARNERS[learner].regresses:
        found.append(Variant("sinusoids, 2 steps", configured(learner, inner_steps=2, inner_lr=0.02, network=MLP)))
    return found


def differentiable(config: Section) -> Section:
    """Return a configuration whose loss has no part that is a constant by decree: LEO's penalty, Ren's weights."""
    if config.name == "learning_to_reweight":
        return config.model_copy(update={"through_weights": True})
    return config.model_copy(update={"encoder_weight": 0.0}) if config.name == "leo" else config
