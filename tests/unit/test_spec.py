"""A spec is checked whole: every fault at once, each with what was allowed; valid ones have one hash."""

import json
import math
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from client.submission import settled
from phiforge.canonical import canonical_json, sha256_hex
from phiforge.errors import SpecError
from phiforge.learners import LEARNERS
from phiforge.spec.checks import DatasetFacts
from phiforge.spec.read import parse_spec, read_spec
from phiforge.spec.run import RunSpec

SPECS = Path(__file__).parents[2] / "specs"
SPLITS = ("train", "validation", "test")
FACTS = {
    "omniglot": DatasetFacts(dict(zip(SPLITS, (2844, 400, 3248), strict=True)), dict.fromkeys(SPLITS, 20)),
    "glyphs": DatasetFacts(dict(zip(SPLITS, (300, 75, 94), strict=True)), dict.fromkeys(SPLITS, 20)),
    "images": DatasetFacts(dict(zip(SPLITS, (64, 16, 20), strict=True)), dict.fromkeys(SPLITS, 12)),
    "sinusoid": DatasetFacts({}, {}),
}


def facts_of(data):
    return FACTS[data.name]


def faults_of(raw):
    with pytest.raises(SpecError) as caught:
        parse_spec(raw, facts_of)
    return caught.value.faults


def read(tmp_path, text, *overrides):
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return read_spec(path, overrides)


# Defaults, and what is frozen


def test_defaults_are_valid():
    # Given nothing, I expect a run that fits its dataset, the same as RunSpec's own defaults.
    spec = parse_spec({}, facts_of)
    assert spec == RunSpec()
    assert (spec.learner.name, spec.estimator.name, spec.data.name) == ("maml", "backpropagation", "glyphs")
    assert spec.evaluation_task is spec.task
    assert spec.outer.jobs * spec.outer.job_size == spec.outer.meta_batch


@pytest.mark.parametrize("path", ["seed", "task.n_way", "learner.network.channels", "outer.optimizer.beta1"])
def test_specs_are_frozen(path):
    # Given a spec, if one of its fields is set, at any depth, I expect an error.
    *parents, leaf = path.split(".")
    part = RunSpec()
    for parent in parents:
        part = getattr(part, parent)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(part, leaf, 3)


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_every_learner_has_an_estimator_that_makes_sense(name):
    # Given a learner, I expect the defaults of its config to make a run.
    learns, chooses = LEARNERS[name].learns, LEARNERS[name].chooses
    estimator = "none" if not learns else "reinforce" if chooses else "backpropagation"
    raw = {"learner": {"name": name}, "estimator": {"name": estimator}}
    assert parse_spec(raw | ({} if learns else {"outer": {"versions": 0}}), facts_of).learner.name == name


@pytest.mark.parametrize(
    ("version", "records", "validates"),
    [(0, True, True), (1, False, False), (20, True, False), (30, True, True), (60, True, True), (70, True, True)],
)
def test_which_versions_are_recorded_and_validated(version, records, validates):
    # Given a run of 70 versions, a checkpoint every 20, a validation every 30; I expect also the last to be judged.
    raw = {"outer": {"versions": 70}, "checkpoint": {"every": 20}, "evaluation": {"every": 30}}
    spec = RunSpec.model_validate(raw)
    assert (spec.records_at(version), spec.validates_at(version)) == (records, validates)


# The hash

PLAIN = """
name: a-run
seed: 3
task: {n_way: 7, k_shot: 2}
learner: {name: maml, inner_lr: 0.25, network: {name: conv4, norm: layer}}
outer: {lr: 1.0, clip_norm: null, optimizer: {name: sgd, momentum: 0.9}}
"""


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(yaml.safe_load(PLAIN)),
        json.dumps(yaml.safe_load(PLAIN), indent=2, sort_keys=True),
        "\n".join(reversed(PLAIN.strip().split("\n"))),
        "# a comment\n" + PLAIN.replace("1.0", "1").replace("0.25", "2.5e-1").replace("seed: 3", "seed: 0x3"),
        PLAIN
        + "data: {name: glyphs, jitter: 1}\nsampling: {}\nevaluation: {task: null}\nestimator: {name: backpropagation}",
    ],
    ids=["JSON", "sorted JSON", "other order", "other spelling", "explicit defaults"],
)
def test_equal_specs_have_equal_hashes(tmp_path, text):
    # Given one spec spelled in two ways, I expect one hash.
    expected = parse_spec(read(tmp_path, PLAIN))
    found = parse_spec(read(tmp_path, text))
    assert found == expected
    assert found.hash == expected.hash


def test_minus_zero_is_zero():
    jitters = [parse_spec({"data": {"name": "glyphs", "jitter": jitter}}).hash for jitter in (0.0, -0.0)]
    assert jitters[0] == jitters[1]


def test_the_hash_is_of_every_field():
    # Given a spec, I expect the SHA-256 of all its fields, those by default too.
    spec = RunSpec()
    fields = spec.model_dump(mode="json")
    assert spec.hash == sha256_hex(canonical_json(fields))
    # If any one of them changes, however deep, I expect another hash: one for each of them.
    changed = [RunSpec.model_validate(other).hash for other in others_of(fields)]
    assert len(changed) == len(leaves_of(fields)) - len(FIXED)
    assert len({spec.hash, *changed}) == 1 + len(changed)


FIXED = {"data.name", "learner.name", "learner.network.name", "estimator.name"}
FIXED |= {"outer.optimizer.name", "outer.local_optimizer.name"}
"""Fields that no other value may take by itself."""
ANOTHER = {
    "name": "another",
    "consistency": "bounded_staleness",
    "split": "lake",
    "schedule": "cosine",
    "dtype": "float64",
    "engine": "torch",
    "norm": "layer",
    "pools": 3,
    "augmentation": "mirror",
    "task": {"n_way": 5, "k_shot": 1, "n_query": 6},
}


def leaves_of(fields, place=""):
    """The dotted places of all fields that are no section."""
    return [
        leaf
        for key, value in fields.items()
        for leaf in (leaves_of(value, f"{place}{key}.") if isinstance(value, dict) else [place + key])
    ]


def others_of(fields, place=""):
    """Valid copies of ``fields`` that differ in one leaf, for every leaf but FIXED."""
    for key, value in fields.items():
        if isinstance(value, dict):
            others = list(others_of(value, f"{place}{key}."))
        elif place + key in FIXED:
            others = []
        elif key in ANOTHER:
            others = [ANOTHER[key]]
        elif isinstance(value, bool):
            others = [not value]
        else:
            others = [value + 1 if isinstance(value, int) else value * 0.99 or 0.5]
        yield from (fields | {key: other} for other in others)


# hypothesis: any valid spec


def floats(least, most):
    return st.floats(least, most, exclude_min=True, allow_subnormal=False)


def named(name, **optional):
    return st.fixed_dictionaries({"name": st.just(name)}, optional=optional)


def conv4s(*norms):
    return named(
        "conv4",
        channels=st.integers(1, 128).map(lambda n: 8 * n),
        norm=st.sampled_from(["batch", "layer", "group", "none", *norms]),
        pools=st.integers(1, 4),
    )


ALL_CONV4S = conv4s("running", "per_step")
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


def learners_on(networks, without_averages):
    """Learners by name, each with some of its settings, on a network or on one whose norm keeps no averages."""
    metric = {"network": networks}
    inner, forgetful = {**loop, "network": networks}, {**loop, "network": without_averages}
    return {
        "anil": named("anil", **inner),
        "boil": named("boil", **inner),
        "chosen_training": named(
            "chosen_training",
            steps=st.lists(st.integers(1, 100), min_size=1, max_size=4),
            rates=st.lists(rates, min_size=1, max_size=4),
            network=without_averages,
        ),
        "from_scratch": named(
            "from_scratch", inner_lr=rates, inner_steps=st.integers(1, 10_000), network=without_averages
        ),
        "layer_rates": named("layer_rates", weight_decay=floats(0, 1), **inner),
        "learned_optimizer": named(
            "learned_optimizer", units=st.integers(1, 256), learn_start=st.booleans(), **forgetful
        ),
        "leo": named("leo", latent=st.integers(1, 1024), kl_weight=floats(0, 1), network=networks),
        "maml": named("maml", proximal=floats(0, 10), **inner),
        "maml_plus_plus": named("maml_plus_plus", learned_rates=st.booleans(), multi_step_until=floats(0, 1), **inner),
        "matching": named(
            "matching", scale=floats(0, 100), full_context=st.booleans(), steps=st.integers(1, 100), **metric
        ),
        "meta_lstm": named("meta_lstm", units=st.integers(1, 256), **forgetful | {"inner_lr": floats(0, 0.9)}),
        "meta_sgd": named("meta_sgd", **inner),
        "pixel_nearest_neighbour": named("pixel_nearest_neighbour"),
        "pooled": named("pooled", cosine=st.booleans(), finetuning_steps=st.integers(1, 10_000), **metric),
        "prototypical": named("prototypical", **metric),
        "r2d2": named("r2d2", penalty=floats(0, 100), scale=floats(0, 100), **metric),
        "relation": named("relation", hidden=st.integers(1, 1024), network=ALL_CONV4S),
        "siamese": named("siamese", **metric),
    }


ESTIMATORS = {
    "backpropagation": named("backpropagation", second_order_from=floats(0, 1)),
    "evolution": named("evolution", sigma=floats(0, 1), pairs=st.integers(1, 10_000)),
    "first_order": named("first_order"),
    "implicit": named("implicit", iterations=st.integers(1, 1000)),
    "none": named("none"),
    "reinforce": named("reinforce"),
    "reptile": named(
        "reptile",
        inner_optimizer=st.sampled_from(["sgd", "adam"]),
        inner_lr=rates,
        inner_steps=st.integers(1, 10_000),
        batch=st.none() | st.integers(1, 1000),
    ),
}
GRADIENT = ["anil", "boil", "layer_rates", "learned_optimizer", "leo", "maml", "maml_plus_plus", "meta_lstm"]
GRADIENT += ["meta_sgd"]
METRIC = ["matching", "pooled", "prototypical", "r2d2", "relation", "siamese"]
REGRESSING = ["anil", "boil", "chosen_training", "from_scratch", "layer_rates", "learned_optimizer", "maml"]
REGRESSING += ["maml_plus_plus", "meta_lstm", "meta_sgd"]
ALLOWED = {name: {"backpropagation", "first_order", "evolution"} for name in GRADIENT}
ALLOWED |= {name: {"backpropagation", "evolution"} for name in METRIC}
ALLOWED |= {"from_scratch": {"none"}, "pixel_nearest_neighbour": {"none"}}
ALLOWED |= {"chosen_training": {"reinforce", "evolution"}, "maml": ALLOWED["maml"] | {"reptile"}}
"""The estimators that make sense for a learner with its defaults."""


@st.composite
def pairs(draw, *, regression):
    """A learner, and an estimator that makes sense for it."""
    kinds = (mlps, mlps) if regression else (ALL_CONV4S | mlps, conv4s() | mlps)
    learner = draw(learners_on(*kinds)[draw(st.sampled_from(REGRESSING if regression else sorted(ALLOWED)))])
    if regression:  # which no learner's network is for by default
        learner = {"network": {"name": "mlp"}} | learner
    allowed = ALLOWED[learner["name"]] | ({"implicit"} if learner.get("proximal") else set())
    if learner.get("network", {}).get("norm") == "per_step":
        allowed = allowed - {"reptile", "implicit"}
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
        "numerics": st.fixed_dictionaries({}, optional={"dtype": st.sampled_from(["float32", "float64"])}),
    }
    augmentations = st.just("none") if regression else st.sampled_from(["none", "mirror"])
    sampling = {"window": st.integers(1, 1000), "augmentation": augmentations}
    optional |= {"sampling": st.fixed_dictionaries({}, optional=sampling)} | ({} if regression else {"data": datas})
    raw = {"learner": learner, "estimator": estimator, "task": task} | draw(
        st.fixed_dictionaries({}, optional=optional)
    )
    raw |= {"data": draw(sinusoids)} if regression else {}
    return raw | ({"outer": raw.get("outer", {}) | {"versions": 0}} if estimator["name"] == "none" else {})


@given(raw_specs(), st.randoms(use_true_random=False))
def test_any_valid_spec_round_trips_to_the_same_hash(raw, random):
    # Given any valid spec
    spec = parse_spec(raw, lambda data: DatasetFacts(dict.fromkeys(SPLITS, 20), dict.fromkeys(SPLITS, 20)))
    # If it is written down in full, as JSON or as YAML, or given with its sections in another order
    shuffled = {name: raw[name] for name in random.sample(list(raw), len(raw))}
    fields = spec.model_dump(mode="json")
    for again in (json.loads(spec.model_dump_json()), yaml.safe_load(yaml.safe_dump(fields)), fields, shuffled):
        # I expect the same spec and the same hash.
        assert parse_spec(again) == spec
        assert parse_spec(again).hash == spec.hash


# The specs that come with it


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.yaml")), ids=lambda path: path.stem)
def test_specs_that_come_with_it(path):
    # Given a file under specs/, I expect it to fit the dataset that it is named after, and to be judged with the
    # ways and shots that it is named after, 5-way 1-shot unless it says so, where there are classes to tell apart.
    spec, dataset = parse_spec(read_spec(path), facts_of), path.stem.split("-")[0]
    assert spec.data.name == ("glyphs" if dataset == "demo" else dataset)
    n_way, k_shot = map(int, (re.findall(r"-(\d+)w(\d+)s$", path.stem) or [(5, 1)])[0])
    assert spec.data.regression or (spec.evaluation_task.n_way, spec.evaluation_task.k_shot) == (n_way, k_shot)
    assert spec.name.split("-")[0] == path.stem.split("-")[0]


def test_specs_that_come_with_it_have_names_of_their_own():
    specs = [parse_spec(read_spec(path)) for path in SPECS.glob("*.yaml")]
    assert len(specs) >= 9
    assert len({spec.name for spec in specs}) == len({spec.hash for spec in specs}) == len(specs)
    assert {spec.learner.name for spec in specs} == set(LEARNERS)


# --set


@pytest.mark.parametrize(
    ("overrides", "changed"),
    [
        (["seed=7"], {"seed": 7}),
        (["name=b-run"], {"name": "b-run"}),
        (["outer.lr=3e-4"], {"outer": {"lr": 3e-4}}),
        (["outer.lr=0.5", "outer.lr=0.25"], {"outer": {"lr": 0.25}}),
        (["outer.clip_norm=5"], {"outer": {"clip_norm": 5.0}}),
        (["outer.clip_norm=null"], {"outer": {"clip_norm": None}}),
        (["learner.network.norm=none"], {"learner": {"network": {"norm": "none"}}}),
        (["sampling.augmentation=mirror"], {"sampling": {"augmentation": "mirror"}}),
        (["learner.network.channels=8", "numerics.dtype=float64"], None),
        (["data.name=omniglot", "data.rotations=false"], {"data": {"name": "omniglot", "rotations": False}}),
        (["evaluation.task={n_way: 7, n_query: 3}"], {"evaluation": {"task": {"n_way": 7, "n_query": 3}}}),
        (["evaluation.task.n_way=7"], {"evaluation": {"task": {"n_way": 7}}}),
    ],
    ids=str,
)
def test_set(tmp_path, overrides, changed):
    # Given a spec and what is to be changed in it, I expect that, of the right type, and the rest as it was.
    changed = changed or {"learner": {"network": {"channels": 8}}, "numerics": {"dtype": "float64"}}
    expected = merged(yaml.safe_load(PLAIN), changed)
    assert parse_spec(read(tmp_path, PLAIN, *overrides)) == RunSpec.model_validate(expected)


def merged(first, second):
    both = first | second
    return both | {
        key: merged(first[key], second[key]) for key in first.keys() & second.keys() if isinstance(second[key], dict)
    }


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("outer.lr", "--set 'outer.lr': expected section.field=value, like outer.lr=3e-4"),
        ("=3", "--set '=3': expected section.field=value, like outer.lr=3e-4"),
        ("", "--set '': expected section.field=value, like outer.lr=3e-4"),
        ("outer..lr=3", "--set 'outer..lr=3': expected section.field=value, like outer.lr=3e-4"),
        (".lr=3", "--set '.lr=3': expected section.field=value, like outer.lr=3e-4"),
        ("outer.lr=[", "--set 'outer.lr=[': '[' is no YAML value"),
        ("name=!!python/name:os.system x", "is no YAML value"),
        ("seed.x=1", "--set 'seed.x=1': 'seed' is 3, not a section"),
        ("outer.lr.x=1", "--set 'outer.lr.x=1': 'lr' is 1.0, not a section"),
    ],
)
def test_set_that_cannot_be_read(tmp_path, override, fault):
    with pytest.raises(SpecError, match=re.escape(fault)):
        read(tmp_path, PLAIN, override)


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("outer.rate=1", "outer.rate: unknown; allowed here: versions, meta_batch, job_size, optimizer, lr, "),
        ("otter.lr=1", "otter: unknown; allowed here: name, seed, consistency, staleness, data, task, learner, "),
        ("learner.network.depth=5", "learner.network.depth: unknown; allowed here: name, channels, norm"),
        ("learner.name=reptile", "learner.name: 'reptile' is unknown; allowed: anil, boil, chosen_training, "),
        ("outer.lr=fast", "outer.lr: Input should be a valid number"),
        ("outer.lr=", "outer.lr: Input should be a valid number"),
        ("task.n_way=2.5", "task.n_way: Input should be a valid integer"),
        ("outer.optimizer.beta1=0.9", "outer.optimizer.beta1: unknown; allowed here: name, momentum"),
    ],
)
def test_set_of_what_is_not_allowed(tmp_path, override, fault):
    # Given an override that can be read, I expect the fault it makes, as if it stood in the file, and no other.
    (found,) = faults_of(read(tmp_path, PLAIN, override))
    assert found.startswith(fault)


# Faults

ALL_LEARNERS = (
    "anil, boil, chosen_training, from_scratch, layer_rates, learned_optimizer, leo, maml, maml_plus_plus, matching, "
    "meta_lstm, meta_sgd, pixel_nearest_neighbour, pooled, prototypical, r2d2, relation, siamese"
)
ALL_ESTIMATORS = "backpropagation, evolution, first_order, implicit, none, reinforce, reptile"
WAVES = {"data": {"name": "sinusoid"}, "task": {"n_way": 1}, "learner": {"name": "maml", "network": {"name": "mlp"}}}
ALL_PARTS = (
    "name, seed, consistency, staleness, data, task, learner, estimator, outer, sampling, checkpoint, evaluation, "
    "numerics"
)
BASELINE = {
    "learner": {"name": "pixel_nearest_neighbour"},
    "estimator": {"name": "none"},
    "outer": {"versions": 0},
}
MANY_WAYS = {"task": {"n_way": 100}}

FAULTS = [
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
                "keeps no averages of; allowed: batch, layer, group, none"
            ],
        )
        for name in ("chosen_training", "learned_optimizer", "meta_lstm")
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
        ["learner.inner_lr: unknown; allowed here: network, name"],
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
        ["learner.network: {'norm': 'layer'} has no 'name'; allowed names: conv4, mlp"],
    ),
    (
        {"learner": {"name": "maml", "network": {"name": "mlp", "norm": "layer"}}},
        ["learner.network.norm: unknown; allowed here: name, width, layers"],
    ),
    ({"learner": {"name": "relation", "network": {"name": "mlp"}}}, ["learner.network.name: Input should be 'conv4'"]),
    ({"estimator": {"name": "es"}}, [f"estimator.name: 'es' is unknown; allowed: {ALL_ESTIMATORS}"]),
    ({"data": {"name": "mnist"}}, ["data.name: 'mnist' is unknown; allowed: omniglot, glyphs, images, sinusoid"]),
    ({"outer": {"optimizer": {"name": "lion"}}}, ["outer.optimizer.name: 'lion' is unknown; allowed: adam, sgd"]),
    (
        {"learner": {"name": "maml", "network": {"name": "resnet"}}},
        ["learner.network.name: 'resnet' is unknown; allowed: conv4, mlp"],
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
    ({"outer": {"schedule": "step"}}, ["outer.schedule: Input should be 'constant' or 'cosine'"]),
    ({"numerics": {"dtype": "float16"}}, ["numerics.dtype: Input should be 'float32' or 'float64'"]),
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
    ({"sampling": {"augmentation": "turn"}}, ["sampling.augmentation: Input should be 'none' or 'mirror'"]),
    ({"data": {"name": "omniglot", "image_size": 106}}, ["data.image_size: Input should be less than or equal to 105"]),
    ({"data": {"name": "glyphs", "jitter": 2.5}}, ["data.jitter: Input should be less than or equal to 2"]),
    ({"evaluation": {"test_tasks": 1}}, ["evaluation.test_tasks: Input should be greater than or equal to 2"]),
    ({"evaluation": {"validation_tasks": 1}}, ["evaluation.validation_tasks: Input should be greater than or equal"]),
    ({"checkpoint": {"every": 0}}, ["checkpoint.every: Input should be greater than or equal to 1"]),
    ({"sampling": {"window": 1001}}, ["sampling.window: Input should be less than or equal to 1000"]),
    ({"numerics": {"threads": 0}}, ["numerics.threads: Input should be greater than or equal to 1"]),
    # values of another kind
    ({"name": "A Run"}, ["name: String should match pattern"]),
    ({"name": "a" * 49}, ["name: String should match pattern"]),
    ({"name": "run\n"}, ["name: String should match pattern"]),
    ({"name": "../run"}, ["name: String should match pattern"]),
    ({"name": 12}, ["name: Input should be a valid string"]),
    ({"outer": None}, ["outer: Input should be a valid dictionary"]),
    ({"outer": [1]}, ["outer: Input should be a valid dictionary"]),
    ({"learner": "maml"}, ["learner: Input should be a valid dictionary"]),
    ({"task": {"k_shot": True}}, ["task.k_shot: Input should be a valid integer"]),
    ({"outer": {"lr": True}}, ["outer.lr: Input should be a valid number"]),
    ({"outer": {"clip_norm": False}}, ["outer.clip_norm: Input should be a valid number"]),
    ({"outer": {"meta_batch": 10**12}}, ["outer.meta_batch: Input should be less than or equal to 65536"]),
    ({1: {}}, ["1: "]),
    ({"data": {"name": ["glyphs"]}}, ["data.name: ['glyphs'] is unknown; allowed: omniglot, glyphs, images, sinusoid"]),
    ({1: 2}, ["1: Keys should be strings"]),
]


@pytest.mark.parametrize(
    ("raw", "expected"), FAULTS, ids=lambda value: str(value)[:60] if isinstance(value, dict) else ""
)
def test_faults(raw, expected):
    # Given a spec with a fault, I expect it to be named with its place and what is allowed, and no other.
    found = faults_of(raw)
    assert len(found) == len(expected)
    for sentence, start in zip(found, expected, strict=True):
        assert sentence.startswith(start)


@pytest.mark.parametrize(
    "raw",
    [
        {"data": {"name": "glyphs", "image_size": 15}, "learner": {"name": "pixel_nearest_neighbour"}}
        | {"estimator": {"name": "none"}, "outer": {"versions": 0}},
        {"task": {"n_way": 75, "k_shot": 10, "n_query": 10}},
        {"learner": {"name": "prototypical"}, "task": {"n_way": 300}, "evaluation": {"task": {"n_way": 75}}},
        {"outer": {"meta_batch": 12, "job_size": 12}},
        {"name": "a" * 48},
        {"data": {"name": "glyphs", "image_size": 8}, "learner": {"name": "maml", "network": {"name": "mlp"}}},
        {"data": {"name": "glyphs", "image_size": 8}}
        | {"learner": {"name": "maml", "network": {"name": "conv4", "pools": 3}}},
        WAVES,
        WAVES | {"task": {"n_way": 1, "k_shot": 1000}, "evaluation": {"task": {"n_way": 1}}},
        *({"learner": {"name": name}, "evaluation": {"task": {"n_way": 20}}} for name in METRIC),
    ],
    ids=str,
)
def test_specs_that_are_just_allowed(raw):
    parse_spec(raw, facts_of)


def test_all_faults_at_once():
    # Given a spec with faults in and between all kinds of sections
    raw = {
        "name": "No Good",
        "task": {"k_shot": 30, "n_query": 0},
        "lerner": 3,
        "learner": {"name": "pixel_nearest_neighbour"},
        "outer": {"job_size": 5, "versions": 10},
        "numerics": {"dtype": "int8", "threads": 1000},
        "evaluation": {"task": {"n_way": 500}},
    }
    found = faults_of(raw)
    # I expect each of them, once,
    expected = [
        "name: String",
        "task.n_query: Input",
        "lerner: unknown",
        "numerics.threads: Input",
        "numerics.dtype: Input",
        "outer.job_size: 5 does not divide",
        "estimator.name: learner 'pixel_nearest_neighbour'",
        "evaluation.task.n_way: 500 ways, but the validation",
        "evaluation.task.n_way: 500 ways, but the test",
    ]
    assert [start for start in expected if sum(sentence.startswith(start) for sentence in found) == 1] == expected
    assert len(found) == len(expected)
    # and the message to have them all, with how many they are.
    message = str(SpecError(found))
    assert message.startswith("the spec has 9 faults:\n")
    assert all(f"  - {sentence}" in message.splitlines() for sentence in found)


REFUSED = {
    **{
        (learner, estimator): "has no φ to learn: use estimator 'none'"
        for learner in ("from_scratch", "pixel_nearest_neighbour")
        for estimator in ("backpropagation", "evolution", "first_order", "implicit", "reinforce", "reptile")
    },
    **{(learner, "none"): "has a φ that 'none' would never train" for learner in (*GRADIENT, *METRIC)},
    ("chosen_training", "none"): "has a φ that 'none' would never train",
    **{
        (learner, "first_order"): "takes no inner gradient to approximate: use estimator 'backpropagation'"
        for learner in METRIC
    },
    **{
        (
            "chosen_training",
            estimator,
        ): "makes choices, which have no gradient: use estimator 'reinforce' or 'evolution'"
        for estimator in ("backpropagation", "first_order")
    },
    **{(learner, "reinforce"): "draws no choices: use learner 'chosen_training'" for learner in (*GRADIENT, *METRIC)},
    **{
        (learner, "reptile"): "has entries of φ that its inner loop does not move: use learner 'maml'"
        for learner in (*GRADIENT, *METRIC, "chosen_training")
        if learner != "maml"
    },
    **{
        (learner, "implicit"): "has no proximal inner loss: use learner 'maml'"
        for learner in (*GRADIENT, *METRIC, "chosen_training")
    },
}


@pytest.mark.parametrize("estimator", sorted(ESTIMATORS))
@pytest.mark.parametrize("learner", sorted(LEARNERS))
def test_which_estimator_makes_sense_for_which_learner(learner, estimator):
    # Given a learner and an estimator with their defaults
    raw = {"learner": {"name": learner}, "estimator": {"name": estimator}}
    raw |= {"outer": {"versions": 0}} if estimator == "none" else {}
    # I expect a run if they fit, else one fault that says why.
    if estimator in ALLOWED[learner]:
        assert (learner, estimator) not in REFUSED
        assert parse_spec(raw, facts_of).estimator.name == estimator
        return
    (found,) = faults_of(raw)
    if (learner, estimator) == ("maml", "implicit"):
        assert found.startswith("estimator.name: estimator 'implicit' needs learner 'maml' with proximal above 0")
    else:
        assert found == f"estimator.name: learner '{learner}' {REFUSED[learner, estimator]}"


def test_implicit_needs_a_pull():
    # Given MAML that is pulled back to φ, I expect estimator 'implicit' to make a run.
    raw = {"learner": {"name": "maml", "proximal": 2.0, "inner_steps": 10}, "estimator": {"name": "implicit"}}
    assert parse_spec(raw, facts_of).learner.proximal == 2.0


def test_one_fault_is_one():
    assert str(SpecError(["task: bad"])) == "the spec has 1 fault:\n  - task: bad"


def test_the_dataset_is_asked_only_for_a_valid_section():
    # Given a data section with a fault, I expect that fault and no look-up.
    with pytest.raises(SpecError, match=r"1 fault:\n  - data\.name: 'mnist' is unknown"):
        parse_spec({"data": {"name": "mnist"}}, lambda data: pytest.fail("it was looked up"))


# Files


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("task: {n_way: 5", "is neither YAML nor JSON"),
        ("a: b: c", "is neither YAML nor JSON"),
        ('{"task": {"n_way": 5}', "is neither YAML nor JSON"),
        ("\0", "is neither YAML nor JSON"),
        ("? {a: b}\n: c", "is neither YAML nor JSON"),
        ("a: *nowhere", "is neither YAML nor JSON"),
        ("a: 1\n---\nb: 2", "is neither YAML nor JSON"),
        ("name: 2024-13-45", "is neither YAML nor JSON: month must be in 1..12"),
        ("seed: 0x_", "is neither YAML nor JSON: invalid literal"),
        ("seed: !!int foo", "is neither YAML nor JSON: invalid literal"),
        ("name: !!bool foo", "is neither YAML nor JSON: 'foo'"),
        ("[" * 3000, "is neither YAML nor JSON: it is nested too deeply"),
        ("{a: " * 3000, "is neither YAML nor JSON: it is nested too deeply"),
        ("seed: 1\nname: a\nseed: 2", "is neither YAML nor JSON: seed: given twice"),
        ('{"task": {"n_way": 5, "n_way": 6}}', "is neither YAML nor JSON: n_way: given twice"),
        ("", "holds NoneType, expected a mapping like 'task: {n_way: 5}'"),
        ("# nothing", "holds NoneType, expected a mapping"),
        ("[1, 2]", "holds list, expected a mapping"),
        ("maml", "holds str, expected a mapping"),
        ("3", "holds int, expected a mapping"),
    ],
)
def test_files_that_hold_no_spec(tmp_path, text, fault):
    with pytest.raises(SpecError, match=re.escape(fault)):
        read(tmp_path, text)


def test_json_may_be_indented_with_tabs(tmp_path):
    assert read(tmp_path, '{\n\t"task": {\n\t\t"n_way": 6\n\t}\n}') == {"task": {"n_way": 6}}


def test_one_of_two_places_that_share_a_section_is_set_alone(tmp_path):
    # Given YAML in which two places are one section, I expect a change at one to leave the other as it was.
    text = "task: &shape {n_way: 5, k_shot: 1}\nevaluation: {task: *shape}"
    raw = read(tmp_path, text, "evaluation.task.k_shot=3")
    assert raw["task"] == {"n_way": 5, "k_shot": 1}
    assert raw["evaluation"]["task"] == {"n_way": 5, "k_shot": 3}


def test_what_was_given_is_quoted_briefly(tmp_path):
    # Given YAML of references to references where a number should be, I expect a sentence that a person can read.
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 7)]
    found = faults_of(read(tmp_path, "\n".join([*lines, "outer: {lr: *a6}", "learner: {name: *a6}"])))
    assert max(len(fault.replace(ALL_LEARNERS, "...")) for fault in found) < 400


def test_files_that_cannot_be_read(tmp_path):
    # Given no file, a folder, and bytes that are no text, I expect errors that name them.
    with pytest.raises(SpecError, match=r"cannot read .*missing\.yaml: No such file"):
        read_spec(tmp_path / "missing.yaml")
    with pytest.raises(SpecError, match=r"cannot read .*: Is a directory"):
        read_spec(tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(SpecError, match=r"bytes\.yaml is neither YAML nor JSON"):
        read_spec(tmp_path / "bytes.yaml")


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:pathlib.Path.touch [{path}]",
        "!!python/object/new:pathlib.PosixPath [{path}]",
        "!!python/object/apply:os.system ['touch {path}']",
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/tuple [1, 2]",
        "!include {path}",
    ],
)
def test_hostile_tags(tmp_path, value):
    # Given YAML that would run code in a careless reader, I expect it to be refused, and nothing to be run.
    touched = tmp_path / "touched"
    with pytest.raises(SpecError, match="could not determine a constructor for the tag"):
        read(tmp_path, "name: " + value.format(path=touched))
    with pytest.raises(SpecError, match="is no YAML value"):
        read(tmp_path, PLAIN, "name=" + value.format(path=touched))
    assert not touched.exists()


def test_references_to_themselves(tmp_path):
    # Given YAML that holds itself, I expect a fault rather than no end.
    (found,) = faults_of(read(tmp_path, "data: &a {name: *a}"))
    assert found.endswith("is unknown; allowed: omniglot, glyphs, images, sinusoid")


def test_names_that_unfold_a_hundredfold(tmp_path):
    # Given YAML of references to references, nine to the seventh of them, in a section that is unknown
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 7)]
    found = faults_of(read(tmp_path, "\n".join(lines)))
    # I expect faults that are short.
    assert len(found) == 7
    assert sum(map(len, found)) < 10_000


@pytest.mark.parametrize(
    ("numerics", "network", "device", "engine"),
    [
        ({}, {}, "cpu", "fused"),
        ({}, {"norm": "per_step"}, "cpu", "fused"),
        ({}, {"norm": "layer"}, "cpu", "torch"),
        ({}, {"name": "mlp"}, "cpu", "torch"),
        ({}, {}, "cuda:0", "torch"),
        ({"engine": "torch"}, {}, "cpu", "torch"),
        ({"engine": "fused"}, {}, "cuda:0", "fused"),
    ],
)
def test_the_engine_is_settled_at_submit(numerics, network, device, engine):
    # Given a spec that names an engine or leaves it open
    raw = {"numerics": numerics, "learner": {"name": "maml", "network": {"name": "conv4"} | network}}
    spec = RunSpec.model_validate(raw)
    # If it is submitted from a device, I expect a concrete engine in what is recorded, and so in its hash.
    recorded = settled(spec, device)
    assert recorded.numerics.engine == engine
    assert (recorded.hash == spec.hash) == ("engine" in numerics)
    assert settled(recorded, "cpu") == settled(recorded, "cuda") == recorded
