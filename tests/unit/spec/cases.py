"""Datasets that specs are held to, kinds of learners, and how problems are read."""

from pathlib import Path

import pytest

from phiforge.base.errors import SpecError
from phiforge.spec.checks import DatasetFacts
from phiforge.spec.read import parse_spec, read_spec

SPECS = Path(__file__).parents[3] / "specs"
SPLITS = ("train", "validation", "test")
FACTS = {
    "omniglot": DatasetFacts(dict(zip(SPLITS, (2844, 400, 3248), strict=True)), dict.fromkeys(SPLITS, 20)),
    "glyphs": DatasetFacts(dict(zip(SPLITS, (300, 75, 94), strict=True)), dict.fromkeys(SPLITS, 20)),
    "images": DatasetFacts(dict(zip(SPLITS, (64, 16, 20), strict=True)), dict.fromkeys(SPLITS, 12)),
    "features": DatasetFacts(dict(zip(SPLITS, (64, 16, 20), strict=True)), dict.fromkeys(SPLITS, 12)),
    **dict.fromkeys(("bandits", "navigation", "sinusoid", "tabular_mdp"), DatasetFacts({}, {})),
}
CUT = ["anil", "boil", "hyperparameters", "layer_rates", "learned_optimizer", "maml", "maml_plus_plus", "meta_lstm"]
CUT += ["meta_nas", "meta_sgd", "meta_weight_net", "learning_to_reweight", "meta_dropout"]
GRADIENT = [*CUT, "leo", "augmented_maml"]
METRIC = ["augmented_prototypical", "matching", "pooled", "prototypical", "r2d2", "relation", "siamese"]
REGRESSING = sorted({*CUT, "chosen_training", "from_scratch"} - {"learning_to_reweight", "meta_nas"})
ALLOWED = {name: {"backpropagation", "first_order", "evolution"} for name in GRADIENT}
ALLOWED |= {name: ALLOWED[name] | {"persistent_evolution"} for name in CUT}
ALLOWED |= {name: {"backpropagation", "evolution"} for name in METRIC}
ALLOWED |= {"augmented_maml": {"backpropagation", "evolution"}}
ALLOWED |= {"from_scratch": {"none"}, "pixel_nearest_neighbour": {"none"}}
ALLOWED |= {"chosen_training": {"reinforce", "evolution"}, "maml": ALLOWED["maml"] | {"reptile"}}
"""The estimators that make sense for a learner with its defaults."""
PLAIN = """
name: a-run
seed: 3
task: {n_way: 7, k_shot: 2}
learner: {name: maml, inner_lr: 0.25, network: {name: conv4, norm: layer}}
outer: {lr: 1.0, clip_norm: null, optimizer: {name: sgd, momentum: 0.9}}
"""


def facts_of(data):
    return FACTS[data.name]


def problems_of(raw):
    with pytest.raises(SpecError) as caught:
        parse_spec(raw, facts_of)
    return caught.value.problems


def read(tmp_path, text, *overrides):
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return read_spec(path, overrides)
