"""What every consistency is: one interface, and the same questions with answers of its own."""

import inspect
from types import SimpleNamespace

import pytest

from phiforge.base.errors import FormatError
from phiforge.runs.commit_log import Work
from phiforge.runs.consistency.base import Consistency, Rules
from phiforge.runs.consistency.chosen import RULES, consistency_of
from phiforge.runs.consistency.protocols import PROTOCOLS, protocol_of
from phiforge.runs.steps import Ticket
from phiforge.spec.run import RunSpec

JOBS, VERSIONS = 2, 6
SPECS = {
    name: RunSpec.model_validate(
        {
            "consistency": name,
            "staleness": staleness,
            "outer": {"versions": VERSIONS, "meta_batch": JOBS, "job_size": 1},
        }
    )
    for name, staleness in (("synchronous", 0), ("bounded_staleness", 2))
}
BOTH = pytest.mark.parametrize("name", SPECS)


def jobs_of(*versions):
    return [Ticket(version, job) for version in versions for job in range(JOBS)]


def test_every_consistency_is_there():
    # Given what a spec may choose, I expect rules and a protocol for each, and the spec to lead to them.
    platform = SimpleNamespace(once=lambda kind: kind)
    assert RULES.keys() == PROTOCOLS.keys() == SPECS.keys()
    for name, spec in SPECS.items():
        assert type(consistency_of(spec)) is RULES[name]
        assert protocol_of(platform, SimpleNamespace(spec=spec)) is PROTOCOLS[name]


@BOTH
def test_the_whole_interface(name):
    # Given a protocol, I expect all of the interface, with arguments of the same names.
    for base, kind in ((Rules, RULES[name]), (Consistency, PROTOCOLS[name])):
        assert not inspect.isabstract(kind)
        for method in base.__abstractmethods__:
            asked, given = (getattr(each, method) for each in (base, kind))
            if not isinstance(asked, property):
                assert list(inspect.signature(asked).parameters) == list(inspect.signature(given).parameters)


@pytest.mark.parametrize(
    ("name", "in_step", "reproducible", "reach", "at_start", "opened"),
    [
        ("synchronous", True, True, 0, jobs_of(1), jobs_of(3)),
        ("bounded_staleness", False, False, 2, jobs_of(1, 2, 3), jobs_of(5)),
    ],
)
def test_which_jobs_are_open(name, in_step, reproducible, reach, at_start, opened):
    # Given a run of either, I expect it to say what it promises, and which jobs there are when.
    rules = consistency_of(SPECS[name])
    assert (rules.name, rules.in_step, rules.bit_reproducible, rules.reach) == (name, in_step, reproducible, reach)
    assert rules.open_at(1, {}) == at_start
    assert rules.opened_by(3) == opened
    assert rules.opened_by(VERSIONS) == rules.open_at(VERSIONS, {}) == []


@pytest.mark.parametrize(
    ("name", "used", "extras", "needed"),
    [
        ("synchronous", jobs_of(0), {}, 1),
        (
            "bounded_staleness",
            [Ticket(0, 1), Ticket(2, 0)],
            {"tickets": [[0, 0], [1, 0], [1, 1], [2, 1], [3, 0], [3, 1]]},
            0,
        ),
    ],
)
def test_what_a_checkpoint_keeps(name, used, extras, needed):
    # Given a version made of some jobs, I expect what its checkpoint lists, as JSON, and whose episodes that needs.
    rules = consistency_of(SPECS[name])
    assert rules.extras_after(0, {}, used) == extras
    assert rules.needed_from(1, extras) == needed
    assert rules.needed_from(1, {}) == 1


@pytest.mark.parametrize(("name", "noted", "determined"), [("synchronous", 0, True), ("bounded_staleness", 2, False)])
def test_what_the_log_names(name, noted, determined):
    # Given works of which one saw an older φ, I expect the log to name them where nothing else tells, and φ of a later
    # version not to be enough to compute them again.
    rules, works = consistency_of(SPECS[name]), [Work(3, 0, 3), Work(3, 1, 2)]
    assert len(rules.noted(works)) == noted
    entry = {"version": 4, "jobs": [work._asdict() for work in works]}
    assert rules.is_determined(3, [entry]) is determined
    assert rules.is_determined(2, [entry])


def test_damaged_tickets_are_an_error():
    # Given a checkpoint that lists no tickets but something else, I expect an error.
    with pytest.raises(FormatError, match="not a list of tickets"):
        consistency_of(SPECS["bounded_staleness"]).open_at(0, {"tickets": "all"})


def test_whose_checkpoints_fit():
    # Given two runs, I expect what a checkpoint lists to be right for both only if they have the same jobs when.
    synchronous, bounded = (consistency_of(spec) for spec in SPECS.values())
    longer = consistency_of(SPECS["bounded_staleness"].model_copy(update={"staleness": 3}))
    assert bounded.has_pace_of(consistency_of(SPECS["bounded_staleness"].model_copy(update={"seed": 1})))
    assert not bounded.has_pace_of(longer)
    assert not bounded.has_pace_of(synchronous)


@pytest.mark.parametrize(("name", "kinds"), [("synchronous", ["3", "4"]), ("bounded_staleness", ["tickets"] * 2)])
def test_how_attempts_are_counted(name, kinds):
    # Given attempts at jobs of two versions, I expect those of a synchronous run to be forgotten with each version.
    exchange = SimpleNamespace(redis=None, script=lambda *_: None)
    protocol = PROTOCOLS[name](SimpleNamespace(exchange=exchange))
    assert [protocol.attempts_kind(version) for version in (3, 4)] == kinds
