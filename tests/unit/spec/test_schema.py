"""Specs stay readable: what a field that came later does to the records and hashes of specs that do not use it."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.base.errors import MissingPartError
from phiforge.registry.section import RECORDED, Section, Since
from phiforge.spec.run import RunSpec
from phiforge.spec.schema import SCHEMA, recorded, schema_of

GROUPS = [{"pattern": "rates/*", "lr": 1e-4}, {"pattern": "*.bias", "lr": 0}]


class Inner(Section):
    """A section as it became: ``later`` came with the third schema, when its absence meant 7."""

    first: int = 1
    later: Annotated[int, Since(3, absent=7)] = Field(default=9)


class Whole(Section):
    """A section that holds another, with a field of the second schema."""

    inner: Inner = Inner()
    second: Annotated[tuple[int, ...], Since(2, absent=())] = ()


def test_what_says_no_more_than_its_absence_is_not_recorded():
    # Given a spec that uses nothing that came later, I expect no word of it in what is recorded,
    written = RunSpec().to_json()
    assert "scores" not in written
    assert "groups" not in written["outer"]
    assert RunSpec().schema_version == 1
    # and the hash of just that.
    assert RunSpec().hash == sha256_hex(canonical_json(written))


@pytest.mark.parametrize(
    "raw",
    [
        {"outer": {"groups": GROUPS}},
        {"scores": [{"name": "loss"}]},
        {"sampling": {"label_noise": 0.4}},
        {"evaluation": {"label_noise": 0.0}},
    ],
    ids=["groups", "scores", "noise", "judged without noise"],
)
def test_what_says_more_is_recorded_and_needs_a_newer_schema(raw):
    # Given a spec that uses a field of the second schema, I expect it in the record, in the hash, and back from there.
    spec = RunSpec.model_validate(raw)
    assert spec.schema_version == 2 == SCHEMA
    assert spec.hash != RunSpec().hash
    assert RunSpec.from_json(spec.to_json()) == spec


@given(st.integers(0, 20), st.integers(0, 20), st.lists(st.integers(), max_size=2))
def test_records_are_read_as_they_were_written(first, later, second):
    # Given any values, if they are recorded and read, I expect the same, whatever defaults have become since.
    section = Whole(inner=Inner(first=first, later=later), second=tuple(second))
    written = recorded(section)
    assert Whole.model_validate(written, context=RECORDED) == section
    # I expect the oldest schema that can say so.
    assert schema_of(section) == (3 if later != 7 else 2 if second else 1)
    assert ("later" in written["inner"], "second" in written) == (later != 7, bool(second))


def test_absence_means_what_it_meant_in_a_record_and_the_default_in_a_file():
    # Given a section without a field that came later: of a record I expect what its absence meant, of a person's file
    # today's default.
    assert Inner.model_validate({"first": 1}, context=RECORDED).later == 7
    assert Inner.model_validate({"first": 1}).later == 9
    assert Whole.model_validate({"inner": {}}, context=RECORDED).inner.later == 7


def test_the_absence_reaches_the_configurations_of_parts():
    # Given a record whose sections are those of parts, I expect each to be read as a record.
    written = RunSpec().to_json()
    assert RunSpec.from_json(written) == RunSpec()
    assert RunSpec.from_json(written).outer.groups == ()


def test_a_part_that_is_not_here_is_not_a_damaged_record():
    # Given a record that names a learner and an optimiser of packages that this process lacks,
    written = RunSpec().to_json()
    written["learner"] = {"name": "of_another_package", "depth": 3}
    written["outer"]["optimizer"] = {"name": "lion"}
    # I expect to be told so, for another worker may have them.
    with pytest.raises(MissingPartError, match="learner 'of_another_package', optimizer 'lion'"):
        RunSpec.from_json(written)
