"""What `phiforge explain` says of a spec is what the spec's own classes do."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from phiforge.base.errors import UnknownFieldError
from phiforge.registry import ESTIMATORS, LEARNERS
from phiforge.spec.explain import explain, explain_part
from phiforge.spec.run import RunSpec
from phiforge.spec.text import parse_text

MUST_NOT_IMPORT_TORCH = """
import sys
from phiforge.spec.explain import explain
for path in ("", "outer", "outer.lr", "outer.groups", "learner", "estimator", "data", "scores", "outer.optimizer"):
    explain(path)
sys.exit("torch" in sys.modules)
"""


def test_a_field_is_explained_as_its_class_has_it():
    # Given a field of a section, if it is explained
    found = explain("outer.lr")
    # Expect its type, bounds, default and what it is for
    assert found.field == ("lr", "number", "more than 0", "0.001", "Outer learning rate at its highest.")
    assert found.in_a_spec == "outer.lr"


def test_a_part_is_explained_with_its_source():
    # Given a part, Expect the paper that its file names, and its own fields without its name
    found = explain("learner.maml")
    assert "Finn, Abbeel and Levine 2017" in found.about
    assert {"inner_lr", "network"} <= {each.name for each in found.fields}
    assert "name" not in {each.name for each in found.fields}
    # Given a field of a part, Expect to be told how a spec names it: without the part
    assert explain("learner.maml.network.conv4.channels").in_a_spec == "learner.network.channels"


def test_all_parts_that_may_stand_somewhere_are_listed():
    # Given a field for parts, Expect every part of its kind, each with a line of what it is
    assert [each.name for each in explain("learner").parts] == list(LEARNERS)
    assert all(each.about for each in explain("estimator").parts)
    # Given a field that only some may stand in, Expect those alone
    assert [each.name for each in explain("learner.relation.network").parts] == ["cell", "conv4", "conv6", "resnet12"]


def test_every_default_is_what_a_spec_without_the_field_has():
    # Given every section and every part of ours, if each default that is explained is given in a spec
    spec = RunSpec()
    for section in ("task", "outer", "sampling", "checkpoint", "evaluation", "numerics"):
        given = {each.name: parse_text(each.default) for each in explain(section).fields if each.default}
        # Expect the section that was there without it
        assert type(getattr(spec, section)).model_validate(given) == getattr(spec, section), section
    for kind, catalogue in (("learner", LEARNERS), ("estimator", ESTIMATORS)):
        for name in catalogue:
            fields = explain_part(kind, name).fields
            given = {each.name: parse_text(each.default) for each in fields if each.default not in ("", "required")}
            assert catalogue[name].Config.model_validate(given | {"name": name}) == catalogue[name].Config(name=name)


def test_bounds_are_those_that_hold():
    # Given the bounds that are explained, if one goes beyond them, Expect a refusal; and none at the bound itself
    assert explain("outer.local_steps").field.allowed == "1 to 1000"
    assert RunSpec.model_validate({"outer": {"local_steps": 1000}})
    with pytest.raises(ValidationError):
        RunSpec.model_validate({"outer": {"local_steps": 1001}})


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("outer.lrr", "did you mean 'lr'"),
        ("learner.mmal", "did you mean 'maml'"),
        ("lr", "did you mean 'outer.lr'"),
        ("maml", "did you mean 'learner.maml'"),
        ("learner.inner_lr", "did you mean 'learner.maml.inner_lr'"),
        ("outer.lr.x", "nothing below it"),
        ("outer..lr", "there is no field ''"),
        ("x" * 300, "longer than any"),
        ("[red]", "there is no field '[red]'"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(path, said):
    # Given a path that leads nowhere, Expect one sentence that says what was probably meant, or what is wrong
    with pytest.raises(UnknownFieldError) as error:
        explain(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_sections_and_lists_of_parts_need_no_torch():
    # Given a fresh process, if all but the inside of parts is explained, Expect torch not to be imported
    assert subprocess.run([sys.executable, "-c", MUST_NOT_IMPORT_TORCH], check=False).returncode == 0
