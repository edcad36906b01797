"""``--set``: one field of a spec is changed."""

import re

import pytest
import yaml

from phiforge.base.errors import SpecError
from phiforge.spec.read import parse_spec
from phiforge.spec.run import RunSpec
from tests.unit.spec.cases import PLAIN, problems_of, read


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
    ("override", "problem"),
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
def test_set_that_cannot_be_read(tmp_path, override, problem):
    with pytest.raises(SpecError, match=re.escape(problem)):
        read(tmp_path, PLAIN, override)


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("outer.rate=1", "outer.rate: unknown; allowed here: versions, meta_batch, job_size, optimizer, lr, "),
        ("otter.lr=1", "otter: unknown; allowed here: name, seed, consistency, staleness, data, task, learner, "),
        ("learner.network.depth=5", "learner.network.depth: unknown; allowed here: name, channels, norm"),
        ("learner.name=reptile", "learner.name: 'reptile' is unknown; allowed: anil, augmented_maml, "),
        ("outer.lr=fast", "outer.lr: Input should be a valid number"),
        ("outer.lr=", "outer.lr: Input should be a valid number"),
        ("task.n_way=2.5", "task.n_way: Input should be a valid integer"),
        ("outer.optimizer.beta1=0.9", "outer.optimizer.beta1: unknown; allowed here: name, momentum"),
    ],
)
def test_set_of_what_is_not_allowed(tmp_path, override, problem):
    # Given an override that can be read, I expect the problem it makes, as if it stood in the file, and no other.
    (found,) = problems_of(read(tmp_path, PLAIN, override))
    assert found.startswith(problem)
