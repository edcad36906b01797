"""Specs with a problem, and the sentence that each is refused with."""

import math

from tests.unit.spec.cases import REGRESSING
from tests.unit.spec.problems_of_values import ALL_DATA, OF_VALUES

ALL_LEARNERS = (
    "anil, augmented_maml, augmented_prototypical, boil, chosen_training, from_scratch, hyperparameters, layer_rates,"
    " learned_optimizer, learning_to_reweight, leo, maml, maml_plus_plus, matching, meta_dropout, meta_lstm, "
    "meta_nas, meta_sgd, meta_weight_net, pixel_nearest_neighbour, pooled, prototypical, r2d2, relation, rl2, rl_maml, "
    "siamese"
)
ALL_ESTIMATORS = (
    "backpropagation, darts, enas, evolution, first_order, implicit, none, persistent_evolution, reinforce, reptile"
)
WAVES = {"data": {"name": "sinusoid"}, "task": {"n_way": 1}, "learner": {"name": "maml", "network": {"name": "mlp"}}}
ALL_PARTS = (
    "name, seed, consistency, staleness, data, task, learner, estimator, outer, sampling, checkpoint, evaluation, "
    "numerics, scores"
)
BASELINE = {
    "learner": {"name": "pixel_nearest_neighbour"},
    "estimator": {"name": "none"},
    "outer": {"versions": 0},
}
MANY_WAYS = {"task": {"n_way": 100}}

PROBLEMS = [
    # what the dataset cannot give
    (
        MANY_WAYS,
        [
            "task.n_way: 100 ways, but the validation split has 75 classes",
            "task.n_way: 100 ways, but the test split has 94 classes",
        ],
    ),
    (
        {"task": {"n_way": 301}, "learner": {"name": "prototypical"}, "evaluation": {"task": {"n_way": 76}}},
        [
            "task.n_way: 301 ways, but the train split has 300 classes",
            "evaluation.task.n_way: 76 ways, but the validation split has 75 classes",
        ],
    ),
    (
        {"task": {"k_shot": 10, "n_query": 11}, "evaluation": {"task": {}}},
        ["task: k_shot + n_query = 10 + 11 = 21, but a class of the train split has 20 drawings"],
    ),
    (
        {"evaluation": {"task": {"k_shot": 20}}},
        [
            "evaluation.task: k_shot + n_query = 20 + 5 = 25, but a class of the validation split has 20 drawings",
            "evaluation.task: k_shot + n_query = 20 + 5 = 25, but a class of the test split has 20 drawings",
        ],
    ),
    # what sections must be to each other
    (
        {"outer": {"meta_batch": 12, "job_size": 5}},
        ["outer.job_size: 5 does not divide the meta-batch of 12; allowed: 1, 2, 3, 4, 6, 12"],
    ),
    ({"outer": {"meta_batch": 2}}, ["outer.job_size: 4 does not divide the meta-batch of 2; allowed: 1, 2"]),
    (
        {"learner": {"name": "prototypical"}, "estimator": {"name": "first_order"}},
        [
            "estimator.name: learner 'prototypical' takes no inner gradient to approximate: "
            "use estimator 'backpropagation'"
        ],
    ),
    (
        {"estimator": {"name": "none"}, "outer": {"versions": 0}},
        ["estimator.name: learner 'maml' has a φ that 'none' would never train"],
    ),
    (
        {"learner": {"name": "from_scratch"}},
        ["estimator.name: learner 'from_scratch' has no φ to learn: use estimator 'none'"],
    ),
    (
        {"learner": {"name": "pixel_nearest_neighbour"}, "estimator": {"name": "first_order"}},
        ["estimator.name: learner 'pixel_nearest_neighbour' has no φ to learn: use estimator 'none'"],
    ),
    (
        {"learner": {"name": "from_scratch"}, "estimator": {"name": "none"}, "outer": {"versions": 5}},
        ["outer.versions: 5, but estimator 'none' makes no updates; allowed: 0"],
    ),
    (
        {"evaluation": {"task": {"n_way": 20}}},
        ["evaluation.task.n_way: 20, but learner 'maml' has a head for the 5 ways of training; allowed: 5"],
    ),
    (
        {"data": {"name": "glyphs", "image_size": 15}},
        ["data.image_size: 15, but network 'conv4' halves the image 4 times; allowed: 16 or more"],
    ),
    (
        {"learner": {"name": "maml", "network": {"name": "conv4", "pools": 3}}}
        | {"data": {"name": "omniglot", "image_size": 8}, "task": {"n_way": 1}},
        ["task.n_way: 1 way leaves nothing to tell apart; allowed: 2 or more"],
    ),
    (
        {"learner": {"name": "maml", "network": {"name": "conv4", "norm": "group", "channels": 12}}},
        ["learner.network: Value error, norm 'group' needs channels divisible by 8, not 12"],
    ),
    *(
        (
            {"learner": {"name": name, "network": {"name": "conv4", "norm": norm}}, "estimator": {"name": "evolution"}},
            [
                f"learner.network.norm: '{norm}' averages over tasks what its passes see, which learner '{name}' "
                "keeps no averages of; allowed: batch, prior, layer, group, none"
            ],
        )
        for name in ("chosen_training", "hyperparameters", "learned_optimizer", "meta_lstm")
        for norm in ("running", "per_step")
    ),
    *(
        (
            {"learner": {"name": "maml", "proximal": 1, "network": {"name": "conv4", "norm": "per_step"}}}
            | {"estimator": {"name": name}},
            [
                "estimator.name: norm 'per_step' has entries of φ that the inner loop does not move: "
                "use estimator 'backpropagation'"
            ],
        )
        for name in ("implicit", "reptile")
    ),
    # what a regression is not
    (WAVES | {"task": {"n_way": 5}}, ["task.n_way: 5 ways, but data 'sinusoid' is a regression; allowed: 1"]),
    (WAVES | {"task": {}}, ["task.n_way: 5 ways, but data 'sinusoid' is a regression; allowed: 1"]),
    (
        WAVES | {"learner": {"name": "prototypical", "network": {"name": "mlp"}}, "evaluation": {"task": {"n_way": 2}}},
        [
            "evaluation.task.n_way: 2 ways, but data 'sinusoid' is a regression; allowed: 1",
            "learner.name: 'prototypical' tells classes apart, but data 'sinusoid' is a regression; allowed: "
            f"{', '.join(REGRESSING)}",
        ],
    ),
    (
        WAVES | {"learner": {"name": "maml"}},
        ["learner.network.name: 'conv4' looks at images, which data 'sinusoid' has none of; allowed: mlp"],
    ),
    (
        WAVES | {"sampling": {"augmentation": "mirror"}},
        ["sampling.augmentation: 'mirror' needs images; allowed with 'sinusoid': none"],
    ),
    (
        WAVES | {"data": {"name": "sinusoid", "phases": [2, 1]}},
        ["data.phases: Value error, the least, 2.0, is above the most, 1.0"],
    ),
    (WAVES | {"data": {"name": "sinusoid", "inputs": [0, math.inf]}}, ["data.inputs.1: Input should be a finite"]),
    (
        {"learner": {"name": "prototypical"}, "evaluation": {"task": {"n_way": 1}}},
        ["evaluation.task.n_way: 1 way leaves nothing to tell apart; allowed: 2 or more"],
    ),
    # names and keys that are unknown
    ({"lerner": {}}, [f"lerner: unknown; allowed here: {ALL_PARTS}"]),
    ({"task": {"n_ways": 5}}, ["task.n_ways: unknown; allowed here: n_way, k_shot, n_query"]),
    ({"evaluation": {"task": {"ways": 5}}}, ["evaluation.task.ways: unknown; allowed here: n_way, k_shot, n_query"]),
    (
        {"learner": {"name": "prototypical", "inner_lr": 1}},
        ["learner.inner_lr: unknown; allowed here: name, network"],
    ),
    ({"estimator": {"name": "none", "samples": 3}}, ["estimator.samples: unknown; allowed here: name"]),
    (
        {"learner": {"name": "reptile"}},
        [f"learner.name: 'reptile' is unknown; allowed: {ALL_LEARNERS}"],
    ),
    (
        {"learner": {"inner_lr": 1}},
        [f"learner: {{'inner_lr': 1}} has no 'name'; allowed names: {ALL_LEARNERS}"],
    ),
    (
        {"learner": {"name": "maml", "network": {"norm": "layer"}}},
        [
            "learner.network: {'norm': 'layer'} has no 'name'; allowed names: cell, conv4, conv6, mlp, pretrained, "
            "relaxed_cell, resnet12"
        ],
    ),
    (
        {"learner": {"name": "maml", "network": {"name": "mlp", "norm": "layer"}}},
        ["learner.network.norm: unknown; allowed here: name, width, layers"],
    ),
    (
        {"learner": {"name": "relation", "network": {"name": "mlp"}}},
        ["learner.network.name: 'mlp' is unknown; allowed: cell, conv4, conv6, resnet12"],
    ),
    ({"estimator": {"name": "es"}}, [f"estimator.name: 'es' is unknown; allowed: {ALL_ESTIMATORS}"]),
    (
        {"data": {"name": "mnist"}},
        [f"data.name: 'mnist' is unknown; allowed: {ALL_DATA}"],
    ),
    ({"outer": {"optimizer": {"name": "lion"}}}, ["outer.optimizer.name: 'lion' is unknown; allowed: adam, sgd"]),
    (
        {"learner": {"name": "maml", "network": {"name": "resnet"}}},
        [
            "learner.network.name: 'resnet' is unknown; allowed: cell, conv4, conv6, mlp, pretrained, "
            "relaxed_cell, resnet12; did you mean 'resnet12'?"
        ],
    ),
    ({"consistency": "eventual"}, ["consistency: Input should be 'synchronous' or 'bounded_staleness'"]),
    # lagging contributions and jobs of several steps
    ({"staleness": 2}, ["staleness: 2, but consistency 'synchronous' waits for every job; allowed: 0"]),
    ({"consistency": "bounded_staleness", "staleness": -1}, ["staleness: Input should be greater than or equal to 0"]),
    (
        {"consistency": "bounded_staleness", "estimator": {"name": "evolution"}},
        ["consistency: 'bounded_staleness', but estimator 'evolution' draws its perturbations again from the version"],
    ),
    (
        BASELINE | {"consistency": "bounded_staleness"},
        ["consistency: 'bounded_staleness', but estimator 'none' makes no contributions; allowed: synchronous"],
    ),
    (
        {"outer": {"local_steps": 4}, "estimator": {"name": "evolution"}},
        ["outer.local_steps: 4, but estimator 'evolution' contributes scores, which need every job's to become a step"],
    ),
    (
        BASELINE | {"outer": {"versions": 0, "local_steps": 2}},
        ["outer.local_steps: 2, but estimator 'none' takes no steps; allowed: 1"],
    ),
    ({"outer": {"local_steps": 0}}, ["outer.local_steps: Input should be greater than or equal to 1"]),
    ({"outer": {"local_lr": 0}}, ["outer.local_lr: Input should be greater than 0"]),
    (
        {"outer": {"schedule": "step"}},
        ["outer.schedule: Input should be 'constant', 'cosine', 'linear', 'restarts' or 'halving'"],
    ),
    (
        {"outer": {"schedule": "restarts"}},
        ["outer.period: 0, but schedule 'restarts' goes by periods; allowed: 1 or more versions"],
    ),
    (
        {"outer": {"schedule": "cosine", "period": 5}},
        ["outer.period: 5, but schedule 'cosine' has no periods; allowed: 0, or schedule 'restarts' or 'halving'"],
    ),
    (
        {"outer": {"schedule": "halving", "period": 5, "period_factor": 2}},
        ["outer.period_factor: 2, but periods grow under schedule 'restarts' alone, not 'halving'; allowed: 1"],
    ),
    ({"outer": {"average": {"decay": 1}}}, ["outer.average.decay: Input should be less than 1"]),
    ({"numerics": {"dtype": "float16"}}, ["numerics.dtype: Input should be 'float32', 'float64' or 'bfloat16'"]),
    # what vectors are not
    (
        {"data": {"name": "features"}},
        ["learner.network.name: 'conv4' looks at images, which data 'features' has none of; allowed: mlp"],
    ),
    (
        {"data": {"name": "features"}, "sampling": {"augmentation": "mirror"}}
        | {"learner": {"name": "maml", "network": {"name": "mlp"}}},
        ["sampling.augmentation: 'mirror' needs images; allowed with 'features': none"],
    ),
    # wrong labels
    ({"sampling": {"label_noise": 0.7}}, ["sampling.label_noise: Input should be less than or equal to 0.6"]),
    (
        {"sampling": {"label_noise": 0.2}},
        [
            "sampling.label_noise: 0.2 of the 1 support examples of a class is no whole number; "
            "allowed with task.k_shot 1: 0"
        ],
    ),
    (
        {"task": {"k_shot": 5}, "evaluation": {"label_noise": 0.5}},
        [
            "evaluation.label_noise: 0.5 of the 5 support examples of a class is no whole number; "
            "allowed with task.k_shot 5: 0, 0.2, 0.4, 0.6"
        ],
    ),
    (
        {"task": {"k_shot": 5}, "sampling": {"label_noise": 0.4}, "evaluation": {"task": {"k_shot": 2}}},
        [
            "sampling.label_noise: 0.4 of the 2 support examples of a class is no whole number; "
            "allowed with evaluation.task.k_shot 2: 0, 0.5"
        ],
    ),
    (
        WAVES | {"task": {"n_way": 1, "k_shot": 10}, "sampling": {"label_noise": 0.5}},
        ["sampling.label_noise: 0.5, but data 'sinusoid' is a regression, without labels; allowed: 0"],
    ),
    (
        {"task": {"k_shot": 5}, "sampling": {"label_noise": 0.6}}
        | {"learner": {"name": "learning_to_reweight", "trusted": 3}},
        [
            "learner.trusted: 3 examples of each class are to be right for sure, but task has 2 that are; "
            "allowed: 1 to 2"
        ],
    ),
    # what cannot be computed as asked
    (
        {"numerics": {"engine": "fused"}, "learner": {"name": "learning_to_reweight", "through_weights": True}},
        [
            "numerics.engine: 'fused' has no third derivatives, which learner 'learning_to_reweight' so configured "
            "needs; allowed with it: auto, torch"
        ],
    ),
    (
        {"numerics": {"engine": "vmap"}, "learner": {"name": "leo"}, "estimator": {"name": "evolution"}},
        [
            "numerics.engine: 'vmap' computes the episodes of a chunk as one, which learner 'leo' cannot; allowed with "
            "it: auto, fused, torch; learners that can: anil, boil, layer_rates, maml, maml_plus_plus, matching, "
            "meta_nas, meta_sgd, meta_weight_net, prototypical, r2d2, relation, siamese",
            "numerics.engine: 'vmap' computes the gradients of estimators backpropagation and first_order, not what "
            "'evolution' contributes; allowed with it: auto, fused, torch",
        ],
    ),
    (
        {"numerics": {"engine": "vmap"}, "learner": {"name": "prototypical", "network": {"name": "resnet12"}}},
        [
            "numerics.engine: 'vmap' computes the episodes of a chunk as one, but network 'resnet12' so configured "
            "draws for each of them; allowed with it: auto, fused, torch"
        ],
    ),
    (
        {"numerics": {"engine": "vmap"}, "learner": {"name": "prototypical", "network": {"name": "pretrained"}}},
        [
            "numerics.engine: 'vmap' computes the episodes of a chunk as one, but network 'pretrained' so configured "
            "looks each image up by its bytes; allowed with it: auto, fused, torch"
        ],
    ),
    (
        {"data": {"name": "glyphs", "image_size": 12}, "learner": {"name": "maml", "network": {"name": "resnet12"}}},
        ["data.image_size: 12, but network 'resnet12' halves the image 4 times; allowed: 16 or more"],
    ),
    (
        {"learner": {"name": "relation", "network": {"name": "pretrained"}}},
        ["learner.network.name: 'pretrained' is unknown; allowed: cell, conv4, conv6, resnet12"],
    ),
    (
        {"learner": {"name": "maml", "network": {"name": "pretrained", "digest": "12"}}},
        ["learner.network.digest: String should match pattern"],
    ),
    ({"numerics": {"engine": "vmap"}, "estimator": {"name": "reptile"}}, ["numerics.engine: 'vmap' computes the grad"]),
    ({"numerics": {"engine": "jax"}}, ["numerics.engine: Input should be 'auto', 'torch', 'fused' or 'vmap'"]),
    # rates of their own, and further scores
    ({"outer": {"groups": [{"lr": 1}]}}, ["outer.groups.0.pattern: Field required"]),
    ({"outer": {"groups": [{"pattern": "*", "lr": -1}]}}, ["outer.groups.0.lr: Input should be greater than or equal"]),
    (
        {"outer": {"groups": [{"pattern": "*", "lr": 1, "momentum": 1}]}},
        ["outer.groups.0.momentum: unknown; allowed here: pattern, lr"],
    ),
    ({"scores": [{"name": "f1"}]}, ["scores.0.name: 'f1' is unknown; allowed: accuracy, loss"]),
    ({"scores": ["accuracy"]}, ["scores.0: Input should be a valid dictionary"]),
    ({"scores": [{"name": "loss", "beta": 1}]}, ["scores.0.beta: unknown; allowed here: name"]),
    ({"scores": [{"name": "accuracy"}]}, ["scores: 'accuracy' is of every run already"]),
    *OF_VALUES,
]
