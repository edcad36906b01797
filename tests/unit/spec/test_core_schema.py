"""What words of YAML mean, in a file and after ``--set`` alike."""

import pytest
import yaml

from phiforge.base.errors import SpecError
from phiforge.spec.read import parse_spec, read_spec
from phiforge.spec.text import TextError, parse_text
from tests.unit.spec.cases import SPECS, problems_of, read

MEANT = {
    "010": 10,
    "0o10": 8,
    "0x1F": 31,
    "+12": 12,
    "-0": 0,
    "5e3": 5000.0,
    "5E+3": 5000.0,
    "1.": 1.0,
    "-.5": -0.5,
    "true": True,
    "False": False,
    "~": None,
    "null": None,
    "yes": "yes",
    "no": "no",
    "On": "On",
    "off": "off",
    "y": "y",
    "1:30": "1:30",
    "2026-01-01": "2026-01-01",
    "0b11": "0b11",
    "1_000x": "1_000x",
    "5_way": "5_way",
    "0x_": "0x_",
    "'010'": "010",
}


@pytest.mark.parametrize(("text", "meant"), MEANT.items())
def test_a_word_means_what_people_mean_in_both_places(tmp_path, text, meant):
    # Given a word, I expect what YAML 1.2 says, and the same type of it, alone and in a file.
    found = [parse_text(text), read(tmp_path, f"name: {text}")["name"], read(tmp_path, "{}", f"name={text}")["name"]]
    assert found == [meant] * 3
    assert {type(each) for each in found} == {type(meant)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1_000", "write 1000, or '1_000' for text"),
        ("1_0.5e1_0", "write 10.5e10, or"),
        ("0x1_f", "write 0x1f, or"),
        (".inf", "no finite number; allowed are such as 10, 0.5 and 3e-4"),
        ("-.Inf", "no finite number"),
        (".nan", "no finite number"),
        ("!!int 1:30", "no whole number; allowed are such as 10"),
        ("!!bool yes", "no truth value; allowed are true and false"),
    ],
)
def test_words_that_may_be_meant_otherwise_are_refused(tmp_path, text, sentence):
    # Given a word that reads as a number and may be none, I expect a sentence that says what to write, in both places.
    with pytest.raises(SpecError, match=sentence):
        read(tmp_path, f"seed: {text}")
    with pytest.raises(SpecError, match=sentence):
        read(tmp_path, "{}", f"seed={text}")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", '{"outer": {"lr": NaN}}'])
def test_json_has_no_such_numbers_either(text):
    with pytest.raises(TextError, match="no finite number"):
        parse_text(text)


@pytest.mark.parametrize(("text", "seed"), [("5e3", 5000), ("010", 10), ("0o10", 8)])
def test_a_whole_number_fits_a_whole_field(tmp_path, text, seed):
    # Given a whole number however it is spelled, I expect the field to take it, from the file and from --set.
    assert parse_spec(read(tmp_path, f"seed: {text}")).seed == seed
    assert parse_spec(read(tmp_path, "{}", f"seed={text}")).seed == seed


@pytest.mark.parametrize("text", ["5.5", "1:30", "2026-01-01", "yes"])
def test_what_is_no_whole_number_does_not(tmp_path, text):
    (problem,) = problems_of(read(tmp_path, f"seed: {text}"))
    assert problem.startswith("seed: Input should be a valid integer")


@pytest.mark.parametrize("name", ["no", "on", "2026-01-01", "true", "null-1"])
def test_a_name_is_the_text_that_was_written(tmp_path, name):
    assert parse_spec(read(tmp_path, f"name: {name}")).name == name


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.yaml")), ids=lambda path: path.stem)
def test_specs_that_come_with_it_are_read_as_ever(path):
    # Given a file under specs/, I expect the spec that YAML 1.1 made of it.
    before = parse_spec(yaml.safe_load(path.read_text()))
    assert (parse_spec(read_spec(path)), parse_spec(read_spec(path)).hash) == (before, before.hash)
