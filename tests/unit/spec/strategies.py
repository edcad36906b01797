"""Any valid spec, for hypothesis."""

from hypothesis import strategies as st

from phiforge.learning.learners import LEARNERS
from tests.unit.spec.cases import ALLOWED, REGRESSING


def floats(least, most):
    return st.floats(least, most, exclude_min=True, allow_subnormal=False)


def named(name, **optional):
    return st.fixed_dictionaries({"name": st.just(name)}, optional=optional)


def conv4s(*norms):
    return named(
        "conv4",
        channels=st.integers(1, 128).map(lambda n: 8 * n),
        norm=st.sampled_from(["batch", "prior", "layer", "group", "none", *norms]),
        pools=st.integers(1, 4),
    )


ALL_CONV4S = conv4s("running", "per_step")
relaxed_cells = named(
    "relaxed_cell",
    nodes=st.integers(2, 4),
    channels=st.integers(1, 8).map(lambda n: 8 * n),
    stages=st.integers(1, 3),
    norm=st.sampled_from(["batch", "layer", "group", "none", "running", "per_step"]),
    search_reduction=st.booleans(),
)
EVERY_NORM = st.sampled_from(["batch", "prior", "layer", "group", "none", "running", "per_step"])
conv6s = named("conv6", channels=st.sampled_from([8, 64]), norm=EVERY_NORM, pools=st.integers(1, 4))
resnet12s = st.fixed_dictionaries(
    {"name": st.just("resnet12"), "keep_rate": st.just(1.0)},
    optional={
        "widths": st.tuples(*[st.integers(1, 16).map(lambda n: 8 * n)] * 4).map(list),
        "norm": EVERY_NORM,
        "pools": st.integers(1, 4),
        "average": st.booleans(),
        "drop_block": st.integers(1, 64),
    },
)
DEEPER = conv6s | resnet12s
mlps = named("mlp", width=st.integers(1, 4096), layers=st.integers(1, 16))
shots = {"k_shot": st.integers(1, 10), "n_query": st.integers(1, 10)}
tasks = st.fixed_dictionaries({}, optional={"n_way": st.integers(2, 20), **shots})
single_tasks = st.fixed_dictionaries({"n_way": st.just(1)}, optional=shots)
datas = named(
    "omniglot",
    split=st.sampled_from(["half", "lake", "vinyals", "random1200"]),
    split_seed=st.integers(0, 2**80),
    rotations=st.booleans(),
    image_size=st.integers(16, 105),
) | named("glyphs", jitter=floats(0, 2), drawings=st.integers(2, 100))
bounds = st.tuples(floats(-100, 100), floats(-100, 100)).map(sorted)
sinusoids = named("sinusoid", amplitudes=bounds, phases=bounds, inputs=bounds)
rates = floats(0, 10)
loop = {"inner_lr": rates, "inner_steps": st.integers(1, 100), "inner_steps_evaluation": st.integers(1, 1000)}

AUGMENTATION = {
    "copies": st.integers(1, 16),
    "operations": st.lists(st.sampled_from(["rotate", "scale", "contrast"]), min_size=1, max_size=3, unique=True),
    "probability": st.floats(0, 1, exclude_min=True, exclude_max=True, allow_subnormal=False),
    "temperature": floats(0, 10),
}


def stepping_on(networks, without_averages):
    """Learners with an inner loop by name, on a network or on one whose norm keeps no averages."""
    inner, forgetful = {**loop, "network": networks}, {**loop, "network": without_averages}
    return {
        "anil": named("anil", **inner),
        "augmented_maml": named("augmented_maml", **AUGMENTATION, **inner),
        "boil": named("boil", **inner),
        "hyperparameters": named(
            "hyperparameters",
            weight_decay=floats(0, 1),
            label_smoothing=st.floats(0, 1, exclude_min=True, exclude_max=True, allow_subnormal=False),
            learned=st.lists(
                st.sampled_from(["rates", "weight_decay", "label_smoothing"]), min_size=1, max_size=3, unique=True
            ).filter(lambda names: names != ["label_smoothing"]),  # which a regression refuses
            per=st.sampled_from(["network", "layer"]),
            learn_start=st.booleans(),
            **forgetful,
        ),
        "layer_rates": named("layer_rates", weight_decay=floats(0, 1), **inner),
        "learned_optimizer": named(
            "learned_optimizer", units=st.integers(1, 256), learn_start=st.booleans(), **forgetful
        ),
        "learning_to_reweight": named("learning_to_reweight", through_weights=st.booleans(), **inner),
        "maml": named("maml", proximal=floats(0, 10), **inner),
        "maml_plus_plus": named("maml_plus_plus", learned_rates=st.booleans(), multi_step_until=floats(0, 1), **inner),
        "meta_nas": named(
            "meta_nas",
            architecture_lr=rates,
            adapts=st.sampled_from(["both", "weights", "architecture"]),
            temperature=floats(0, 10),
            temperature_last=floats(0, 10),
            annealed=st.sampled_from(["over_run", "over_task"]),
            discretise=st.sampled_from(["never", "at_the_end", "at_the_start"]),
            **loop,
            network=relaxed_cells,
        ),
        "meta_lstm": named("meta_lstm", units=st.integers(1, 256), **forgetful | {"inner_lr": floats(0, 0.9)}),
        "meta_sgd": named("meta_sgd", **inner),
        "meta_dropout": named("meta_dropout", noise=st.booleans(), draws_evaluation=st.integers(1, 100), **inner),
        "meta_weight_net": named("meta_weight_net", hidden=st.integers(1, 4096), **inner),
    }


def learners_on(networks, without_averages):
    """Learners by name, each with some of its settings, on a network or on one whose norm keeps no averages."""
    metric = {"network": networks}
    return stepping_on(networks, without_averages) | {
        "chosen_training": named(
            "chosen_training",
            steps=st.lists(st.integers(1, 100), min_size=1, max_size=4),
            rates=st.lists(rates, min_size=1, max_size=4),
            network=without_averages,
        ),
        "from_scratch": named(
            "from_scratch", inner_lr=rates, inner_steps=st.integers(1, 10_000), network=without_averages
        ),
        "leo": named("leo", latent=st.integers(1, 1024), kl_weight=floats(0, 1), network=networks),
        "matching": named(
            "matching", scale=floats(0, 100), full_context=st.booleans(), steps=st.integers(1, 100), **metric
        ),
        "pixel_nearest_neighbour": named("pixel_nearest_neighbour"),
        "pooled": named("pooled", cosine=st.booleans(), finetuning_steps=st.integers(1, 10_000), **metric),
        "augmented_prototypical": named("augmented_prototypical", **AUGMENTATION, **metric),
        "prototypical": named("prototypical", **metric),
        "r2d2": named("r2d2", penalty=floats(0, 100), scale=floats(0, 100), **metric),
        "relation": named("relation", hidden=st.integers(1, 1024), network=ALL_CONV4S | DEEPER),
        "siamese": named("siamese", **metric),
    }


ESTIMATORS = {
    "backpropagation": named("backpropagation", second_order_from=floats(0, 1)),
    "darts": named("darts", order=st.sampled_from(["second", "first"])),
    "enas": named(
        "enas",
        policy=st.sampled_from(["learned", "uniform"]),
        entropy=floats(0, 100),
        order=st.sampled_from(["second", "first"]),
    ),
    "evolution": named(
        "evolution",
        sigma=floats(0, 1),
        pairs=st.integers(1, 10_000),
        shaping=st.sampled_from(["none", "centred_ranks"]),
    ),
    "first_order": named("first_order"),
    "implicit": named("implicit", iterations=st.integers(1, 1000)),
    "none": named("none"),
    "persistent_evolution": named(
        "persistent_evolution",
        sigma=floats(0, 1),
        pairs=st.integers(1, 10_000),
        truncation=st.integers(1, 1000),
        losses=st.sampled_from(["every", "last"]),
    ),
    "reinforce": named("reinforce"),
    "reptile": named(
        "reptile",
        inner_optimizer=st.sampled_from(["sgd", "adam"]),
        inner_lr=rates,
        inner_steps=st.integers(1, 10_000),
        batch=st.none() | st.integers(1, 1000),
    ),
}


@st.composite
def pairs(draw, *, regression):
    """A learner, and an estimator that makes sense for it."""
    kinds = (mlps, mlps) if regression else (ALL_CONV4S | DEEPER | mlps, conv4s() | mlps)
    learner = draw(learners_on(*kinds)[draw(st.sampled_from(REGRESSING if regression else sorted(ALLOWED)))])
    if regression:  # which no learner's network is for by default
        learner = {"network": {"name": "mlp"}} | learner
    allowed = ALLOWED[learner["name"]] | ({"implicit"} if learner.get("proximal") else set())
    allowed = allowed | ({"darts", "enas"} if learner.get("adapts") == "weights" else set())
    if learner.get("network", {}).get("norm") in ("per_step", "prior"):
        allowed = allowed - {"reptile", "implicit", "darts", "enas"}
    if learner.get("network", {}).get("norm") == "running":
        allowed = allowed - {"enas"}
    return learner, draw(ESTIMATORS[draw(st.sampled_from(sorted(allowed)))])


@st.composite
def outers(draw):
    job_size = draw(st.integers(1, 20))
    optional = {
        "versions": st.integers(0, 10**6),
        "lr": floats(0, 1e6),
        "schedule": st.sampled_from(["constant", "cosine"]),
        "warmup": st.integers(0, 100),
        "clip_norm": st.none() | floats(0, 1e6),
        "optimizer": st.fixed_dictionaries(
            {"name": st.just("adam")}, optional={"beta1": st.floats(0.1, 0.99), "epsilon": floats(0, 1)}
        )
        | st.fixed_dictionaries({"name": st.just("sgd")}, optional={"momentum": st.floats(0.1, 0.99)}),
    }
    sizes = {"job_size": job_size, "meta_batch": job_size * draw(st.integers(1, 20))}
    return sizes | draw(st.fixed_dictionaries({}, optional=optional))


@st.composite
def raw_specs(draw):
    regression = draw(st.booleans())
    learner, estimator = draw(pairs(regression=regression))
    task, judged = draw(single_tasks if regression else tasks), single_tasks if regression else tasks
    if not LEARNERS[learner["name"]].any_n_way:
        judged = judged.map(lambda task_judged: task_judged | {"n_way": task.get("n_way", 5)})
    optional = {
        "name": st.from_regex(r"[a-z0-9][a-z0-9-]{0,47}", fullmatch=True),
        "seed": st.integers(0, 2**63 - 1),
        "outer": outers(),
        "checkpoint": st.fixed_dictionaries({}, optional={"every": st.integers(1, 10**9)}),
        "evaluation": st.fixed_dictionaries(
            {},
            optional={
                "test_tasks": st.integers(2, 10**6),
                "task": st.none() | judged,
            },
        ),
        "numerics": st.fixed_dictionaries({}, optional={"dtype": st.sampled_from(["float32", "float64", "bfloat16"])}),
    }
    augmentations = st.just("none") if regression else st.sampled_from(["none", "mirror"])
    sampling = {"window": st.integers(1, 1000), "augmentation": augmentations}
    optional |= {"sampling": st.fixed_dictionaries({}, optional=sampling)} | ({} if regression else {"data": datas})
    raw = {"learner": learner, "estimator": estimator, "task": task} | draw(
        st.fixed_dictionaries({}, optional=optional)
    )
    raw |= {"data": draw(sinusoids)} if regression else {}
    return raw | ({"outer": raw.get("outer", {}) | {"versions": 0}} if estimator["name"] == "none" else {})
