"""What a spec is without a word, what is frozen, which versions count, and which engine is settled."""

import pytest
from pydantic import ValidationError

from phiforge.learning.learners import LEARNERS
from phiforge.runs.settling import settled
from phiforge.spec.read import parse_spec
from phiforge.spec.run import RunSpec
from tests.unit.spec.cases import facts_of


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
    raw |= {} if LEARNERS[name].supervised else {"data": {"name": "bandits"}, "task": {"n_way": 1}}
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


@pytest.mark.parametrize(
    ("numerics", "network", "device", "engine"),
    [
        ({}, {}, "cpu", "fused"),
        ({}, {"norm": "per_step"}, "cpu", "fused"),
        ({}, {"norm": "layer"}, "cpu", "fused"),
        ({}, {"name": "mlp"}, "cpu", "torch"),
        ({}, {}, "cuda:0", "vmap"),
        ({}, {"name": "mlp"}, "cuda:0", "vmap"),
        ({"dtype": "bfloat16"}, {}, "cuda", "vmap"),
        ({"dtype": "bfloat16"}, {}, "cpu", "fused"),
        ({"dtype": "bfloat16"}, {"name": "mlp"}, "cpu", "torch"),
        ({"chunk": 8}, {}, "cuda:0", "vmap"),
        ({"engine": "vmap", "chunk": 8}, {}, "cpu", "vmap"),
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


@pytest.mark.parametrize(
    ("learner", "estimator", "engine"),
    [
        ("prototypical", "backpropagation", "vmap"),
        ("meta_sgd", "first_order", "vmap"),
        ("maml", "reptile", "torch"),
        ("leo", "backpropagation", "torch"),
        ("maml_plus_plus", "backpropagation", "torch"),
        ("r2d2", "backpropagation", "torch"),
    ],
)
def test_a_gpu_maps_over_episodes_where_that_serves_and_can_be_recorded(learner, estimator, engine):
    # Given a learner that draws, one whose loss changes with progress, one that solves equations, or an estimator that
    # does not go through F_φ
    spec = RunSpec.model_validate({"learner": {"name": learner}, "estimator": {"name": estimator}})
    # I expect plain torch of them, and vmap of the others.
    assert settled(spec, "cuda:0").numerics.engine == engine
