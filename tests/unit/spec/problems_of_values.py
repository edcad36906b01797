"""Specs with a value that no field of its kind takes, and the sentence that each is refused with."""

import math

ALL_DATA = "bandits, features, glyphs, images, navigation, omniglot, sinusoid, tabular_mdp"

OF_VALUES = [
    # numbers out of their range
    ({"seed": -1}, ["seed: Input should be greater than or equal to 0"]),
    ({"seed": 2**63}, ["seed: Input should be less than 9223372036854775808"]),
    ({"task": {"n_way": 0}}, ["task.n_way: Input should be greater than or equal to 1"]),
    ({"task": {"n_way": 1}}, ["task.n_way: 1 way leaves nothing to tell apart; allowed: 2 or more"]),
    ({"task": {"k_shot": 0}}, ["task.k_shot: Input should be greater than or equal to 1"]),
    ({"task": {"n_query": 0}}, ["task.n_query: Input should be greater than or equal to 1"]),
    ({"task": {"k_shot": 1.5}}, ["task.k_shot: Input should be a valid integer"]),
    ({"outer": {"lr": 0}}, ["outer.lr: Input should be greater than 0"]),
    ({"outer": {"lr": math.nan}}, ["outer.lr: Input should be a finite number"]),
    ({"outer": {"lr": math.inf}}, ["outer.lr: Input should be a finite number"]),
    ({"outer": {"clip_norm": 0}}, ["outer.clip_norm: Input should be greater than 0"]),
    ({"outer": {"versions": -1}}, ["outer.versions: Input should be greater than or equal to 0"]),
    ({"outer": {"job_size": 0}}, ["outer.job_size: Input should be greater than or equal to 1"]),
    ({"outer": {"optimizer": {"name": "adam", "beta2": 1}}}, ["outer.optimizer.beta2: Input should be less than 1"]),
    (
        {"outer": {"optimizer": {"name": "sgd", "momentum": -0.1}}},
        ["outer.optimizer.momentum: Input should be greater"],
    ),
    ({"learner": {"name": "maml", "inner_lr": math.nan}}, ["learner.inner_lr: Input should be a finite number"]),
    (
        {"learner": {"name": "maml", "network": {"name": "conv4", "channels": 0}}},
        ["learner.network.channels: Input should be greater"],
    ),
    ({"learner": {"name": "meta_lstm", "inner_lr": 1}}, ["learner.inner_lr: Input should be less than 1"]),
    ({"learner": {"name": "leo", "latent": 0}}, ["learner.latent: Input should be greater than or equal to 1"]),
    ({"learner": {"name": "relation", "network": {"pools": 5}}}, ["learner.network.pools: Input should be less than"]),
    ({"estimator": {"name": "evolution", "sigma": 0}}, ["estimator.sigma: Input should be greater than 0"]),
    ({"estimator": {"name": "reptile", "batch": 0}}, ["estimator.batch: Input should be greater than or equal to 1"]),
    (
        {"estimator": {"name": "backpropagation", "second_order_from": 1.1}},
        ["estimator.second_order_from: Input should be less than or equal to 1"],
    ),
    ({"sampling": {"augmentation": "flip"}}, ["sampling.augmentation: Input should be 'none', 'mirror' or 'turn'"]),
    (
        {"data": {"name": "glyphs", "rotations": True}, "sampling": {"augmentation": "turn"}},
        ["sampling.augmentation: 'turn' turns classes that data.rotations turns too; allowed: one of the two"],
    ),
    ({"data": {"name": "omniglot", "image_size": 106}}, ["data.image_size: Input should be less than or equal to 105"]),
    ({"data": {"name": "glyphs", "jitter": 2.5}}, ["data.jitter: Input should be less than or equal to 2"]),
    ({"evaluation": {"test_tasks": 1}}, ["evaluation.test_tasks: Input should be greater than or equal to 2"]),
    ({"evaluation": {"validation_tasks": 1}}, ["evaluation.validation_tasks: Input should be greater than or equal"]),
    ({"checkpoint": {"every": 0}}, ["checkpoint.every: Input should be greater than or equal to 1"]),
    ({"sampling": {"window": 1001}}, ["sampling.window: Input should be less than or equal to 1000"]),
    ({"numerics": {"threads": 0}}, ["numerics.threads: Input should be greater than or equal to 1"]),
    # values of another kind
    ({"name": "A Run"}, ["name: 'A Run' is no name; allowed are 1 to 48 of"]),
    ({"name": "a" * 49}, [f"name: '{'a' * 49}' is no name; allowed are 1 to 48 of"]),
    ({"name": "run\n"}, ["name: 'run\\n' is no name; allowed are 1 to 48 of"]),
    ({"name": "../run"}, ["name: '../run' is no name; allowed are 1 to 48 of"]),
    ({"name": 12}, ["name: Input should be a valid string"]),
    ({"outer": None}, ["outer: Input should be a valid dictionary"]),
    ({"outer": [1]}, ["outer: Input should be a valid dictionary"]),
    ({"learner": "maml"}, ["learner: Input should be a valid dictionary"]),
    ({"task": {"k_shot": True}}, ["task.k_shot: Input should be a valid integer"]),
    ({"outer": {"lr": True}}, ["outer.lr: Input should be a valid number"]),
    ({"outer": {"clip_norm": False}}, ["outer.clip_norm: Input should be a valid number"]),
    ({"outer": {"meta_batch": 10**12}}, ["outer.meta_batch: Input should be less than or equal to 65536"]),
    ({1: {}}, ["1: "]),
    (
        {"data": {"name": ["glyphs"]}},
        [f"data.name: ['glyphs'] is unknown; allowed: {ALL_DATA}"],
    ),
    ({1: 2}, ["1: Keys should be strings"]),
]
