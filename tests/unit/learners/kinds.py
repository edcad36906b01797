"""Every kind of learner, with settings that make it quick, on every normalisation that it takes."""

from phiforge.learning.learners import LEARNERS, Mode
from phiforge.learning.learners.pixel_nearest_neighbour import PixelNearestNeighbourConfig

TRAINING = Mode(training=True, second_order=True)

INNER = {"inner_lr": 0.1, "inner_steps": 2, "inner_steps_evaluation": 3}
SETTINGS = {
    "anil": INNER,
    "augmented_maml": INNER,
    "augmented_prototypical": {},
    "boil": INNER,
    "chosen_training": {"steps": [1, 3], "rates": [0.05, 0.1]},
    "from_scratch": {"inner_steps": 3},
    "hyperparameters": INNER,
    "layer_rates": INNER | {"weight_decay": 0.1},
    "learned_optimizer": INNER | {"units": 4},
    "learning_to_reweight": INNER,
    "leo": {"latent": 4, "latent_steps": 2, "finetuning_steps": 2},
    "maml": INNER,
    "maml_plus_plus": INNER,
    "matching": {},
    "meta_dropout": INNER | {"draws_evaluation": 2},
    "meta_lstm": INNER | {"units": 4},
    "meta_sgd": INNER,
    "meta_weight_net": INNER | {"hidden": 5},
    "pooled": {"finetuning_steps": 5},
    "prototypical": {},
    "r2d2": {},
    "relation": {},
    "siamese": {},
}
"""Learners that have a network, each with settings that make it quick."""
FORGETFUL = {"chosen_training", "from_scratch", "hyperparameters", "learned_optimizer", "meta_lstm"}
"""Those that keep no averages."""


def config_of(name, **settings):
    return LEARNERS[name].Config.model_validate({"name": name} | settings)


def conv4(norm):
    return {"name": "conv4", "channels": 8, "norm": norm}


def relaxed(norm):
    return {"name": "relaxed_cell", "channels": 4, "stages": 2, "norm": norm}


CONFIGS = [
    *(
        config_of(name, **settings, network=conv4(norm))
        for name, settings in SETTINGS.items()
        for norm in ("batch", "layer", "none", *(() if name in FORGETFUL else ("running",)))
    ),
    *(config_of(name, **SETTINGS[name], network=conv4("group")) for name in ("from_scratch", "maml", "prototypical")),
    *(config_of(name, **SETTINGS[name], network=conv4("per_step")) for name in ("maml", "maml_plus_plus", "relation")),
    *(
        config_of("maml_plus_plus", **INNER, network=conv4("per_step"), query_statistics=each)
        for each in ("averages", "support")
    ),
    config_of("maml", **INNER, network=conv4("batch"), query_statistics="support"),
    config_of("pooled", finetuning_steps=5, cosine=True, network=conv4("layer")),
    config_of("matching", full_context=True, steps=2, network=conv4("layer")),
    config_of("learned_optimizer", **INNER, units=4, learn_start=False, network=conv4("layer")),
    config_of("meta_dropout", **INNER, noise=False, network=conv4("layer")),
    config_of("hyperparameters", **INNER, learn_start=True, per="layer", network=conv4("layer")),
    config_of("maml_plus_plus", **INNER, learned_rates=False, network=conv4("layer")),
    *(config_of("meta_nas", **INNER, network=relaxed(norm)) for norm in ("batch", "layer", "running", "per_step")),
    config_of("meta_nas", **INNER, discretise="at_the_end", network=relaxed("layer")),
    PixelNearestNeighbourConfig(),
]
OF_EACH_KIND = [config for config in CONFIGS if not hasattr(config, "network") or config.network.norm == "layer"]
BY_PLACE = ("copies", "draws_evaluation", "trusted")
ORDERED = [
    config
    for config in CONFIGS
    if getattr(config, "full_context", False) or any(hasattr(config, name) for name in BY_PLACE)
]
"""Those that read the support set as a sequence, draw for each example by its place, or trust the first of a class."""


def named(config):
    special = "".join(f"-{each}" for each in ("cosine", "full_context") if getattr(config, each, False))
    special += "".join(f"-no_{each}" for each in ("learn_start", "learned_rates") if not getattr(config, each, True))
    special += "-no_noise" * (not getattr(config, "noise", True))
    special += "-discretised" if getattr(config, "discretise", "never") != "never" else ""
    special += "-learn_start" * (config.name == "hyperparameters" and config.learn_start)
    special += f"-{config.query_statistics}" if hasattr(config, "query_statistics") else ""
    return config.name + special + (f"-{config.network.norm}" if hasattr(config, "network") else "")
