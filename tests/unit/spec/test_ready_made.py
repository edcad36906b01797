"""The specs that come with it."""

import re

import pytest

from phiforge.learning.learners import LEARNERS
from phiforge.registry import DATA
from phiforge.spec.read import parse_spec, read_spec
from tests.unit.spec.cases import SPECS, facts_of


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.yaml")), ids=lambda path: path.stem)
def test_specs_that_come_with_it(path):
    # Given a file under specs/, I expect it to fit the dataset that it is named after, and to be judged with the
    # ways and shots that it is named after, 5-way 1-shot unless it says so, where there are classes to tell apart.
    spec, dataset = parse_spec(read_spec(path), facts_of), path.stem.split("-")[0]
    assert spec.data.name == {
        "tabular": "tabular_mdp",
        "demo": "glyphs",
        "homework": "omniglot",
        "published": "omniglot",
    }.get(dataset, dataset)
    n_way, k_shot = map(int, (re.findall(r"-(\d+)w(\d+)s$", path.stem) or [(5, 1)])[0])
    assert (
        DATA[spec.data.name].regression
        or DATA[spec.data.name].reinforcement
        or (spec.evaluation_task.n_way, spec.evaluation_task.k_shot)
        == (
            n_way,
            k_shot,
        )
    )
    assert spec.name.split("-")[0] == path.stem.split("-")[0]


def test_specs_that_come_with_it_have_names_of_their_own():
    specs = [parse_spec(read_spec(path)) for path in SPECS.glob("*.yaml")]
    assert len(specs) >= 9
    assert len({spec.name for spec in specs}) == len({spec.hash for spec in specs}) == len(specs)
    assert {spec.learner.name for spec in specs} == set(LEARNERS)
