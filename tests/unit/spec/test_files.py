"""Files that hold a spec, and files that hold none."""

import re

import pytest

from phiforge.base.errors import SpecError
from phiforge.spec.read import read_spec
from tests.unit.spec.cases import PLAIN, problems_of, read
from tests.unit.spec.problems import ALL_LEARNERS


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("task: {n_way: 5", "is neither YAML nor JSON"),
        ("a: b: c", "is neither YAML nor JSON"),
        ('{"task": {"n_way": 5}', "is neither YAML nor JSON"),
        ("\0", "is neither YAML nor JSON"),
        ("? {a: b}\n: c", "is neither YAML nor JSON"),
        ("a: *nowhere", "is neither YAML nor JSON"),
        ("a: 1\n---\nb: 2", "is neither YAML nor JSON"),
        ("name: !!timestamp 2024-13-45", "is neither YAML nor JSON: month must be in 1..12"),
        ("seed: 1_000", "is neither YAML nor JSON: 1_000 has '_' in it"),
        ("seed: !!int foo", "is neither YAML nor JSON: 'foo' is no whole number"),
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
def test_files_that_hold_no_spec(tmp_path, text, problem):
    with pytest.raises(SpecError, match=re.escape(problem)):
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
    found = problems_of(read(tmp_path, "\n".join([*lines, "outer: {lr: *a6}", "learner: {name: *a6}"])))
    assert max(len(problem.replace(ALL_LEARNERS, "...")) for problem in found) < 400


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
    # Given YAML that holds itself, I expect a problem rather than no end.
    (found,) = problems_of(read(tmp_path, "data: &a {name: *a}"))
    assert found.endswith(
        "is unknown; allowed: bandits, features, glyphs, images, navigation, omniglot, sinusoid, tabular_mdp"
    )


def test_names_that_unfold_a_hundredfold(tmp_path):
    # Given YAML of references to references, nine to the seventh of them, in a section that is unknown
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 7)]
    found = problems_of(read(tmp_path, "\n".join(lines)))
    # I expect problems that are short.
    assert len(found) == 7
    assert sum(map(len, found)) < 10_000
