"""Studies on a real fleet: services go on with them by themselves."""

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.studies.outcome import StudyStatus, TrialEnd, run_of_trial
from phiforge.runs.studies.record import Studies
from phiforge.search.read import parse_study
from phiforge.spec.read import parse_spec
from phiforge.spec.text import parse_text
from phiforge_client.stack import Stack
from phiforge_client.studies.findings import best_spec
from phiforge_client.studies.submission import submit_study
from phiforge_client.studies.view import view_of_study
from phiforge_client.submission import submit
from tests.fleet import hashes, wait_for_end
from tests.integration.studies.conftest import study, wait_for_study

pytestmark = pytest.mark.services


def test_a_study_goes_through(fleet: Platform, stack: Stack) -> None:
    # Given a study that was submitted to a fleet, by somebody who does nothing more
    submitted = submit_study(fleet, parse_study(study()))
    # I expect services to try all, in two generations, and to say which was best;
    found = wait_for_study(fleet, submitted, stack)
    assert Studies(fleet.store).status(submitted) is StudyStatus.COMPLETE
    assert [len(generation) for generation in found.generations] == [3, 3]
    assert {result.end for result in found.results.values()} == {TrialEnd.COMPLETE}
    best = min(found.results.values(), key=lambda result: result.value)
    assert Studies(fleet.store).ending(submitted, StudyStatus.COMPLETE)["best"]["trial"] == best.number
    # each value to be what was judged of the trial's last version,
    for result in found.results.values():
        assert result.value == fleet.record.scores(result.run, "validation", 4)["loss"]
        assert result.tasks == 4 * 6
    # and the spec of the best to come to the same φ when it is submitted.
    raw = parse_text(best_spec(view_of_study(fleet, submitted)))
    assert parse_spec(raw).outer.versions == 4
    again = submit(fleet, raw)
    assert wait_for_end(fleet, again) == "complete"
    assert hashes(fleet, again) == hashes(fleet, run_of_trial(submitted, best.number))
