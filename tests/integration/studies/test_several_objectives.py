"""Several objectives of a study on a fleet's record: what is measured, what is shown, and what can be submitted."""

import csv
import json

import pytest
import yaml

from phiforge.base.errors import StudyError
from phiforge.fleet.platform import Platform
from phiforge.runs.learners import initial_phi
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.look import look
from phiforge.runs.studies.outcome import StudyStatus, run_of_trial
from phiforge.runs.studies.record import Studies
from phiforge.spec.read import parse_spec
from phiforge_client.studies.export import export
from phiforge_client.studies.findings import best_spec
from phiforge_client.studies.table import sentence
from phiforge_client.studies.view import to_json, view_of_study
from tests.integration.studies.conftest import Submit, finish, trials_that_go_on

pytestmark = pytest.mark.services

WIDTHS = {
    "learner.network.width": {"type": "choice", "values": [2, 4, 8, 16]},
    "outer.lr": {"type": "log", "low": 1e-3, "high": 1e-1},
}
LOSSES = {2: 0.9, 4: 0.5, 8: 0.7, 16: 0.3}
"""By width: so 8 is dominated by 4, which is smaller and better."""


@pytest.fixture
def found(platform: Platform, submitted: Submit) -> str:
    """A study of losses and parameters that is complete."""
    mine = submitted(
        space=WIDTHS,
        proposer={"name": "grid", "points": 1},
        objectives=[{"score": "loss"}, {"score": "parameters"}],
        budget={"trials": 4},
        generation=4,
    )
    for run in trials_that_go_on(platform, mine):
        finish(platform, run, LOSSES[platform.record.submitted(run).spec["learner"]["network"]["width"]])
    look(platform, mine)
    assert Studies(platform.store).status(mine) is StudyStatus.COMPLETE
    return mine


def test_what_no_other_dominates(platform: Platform, found: str) -> None:
    # Given four networks, of which the third largest does worse than a smaller one
    results = Found.of(Studies(platform.store), found).results
    for number, result in results.items():
        # I expect the numbers in φ to be counted,
        phi = initial_phi(platform.run(run_of_trial(found, number)))
        assert result.measures == {"parameters": sum(tensor.numel() for tensor in phi.values())}
    # and all others to be on the front, as is recorded and said.
    view = view_of_study(platform, found)
    widths = [view.found.proposals[result.number].point["learner.network.width"] for result in view.front]
    assert sorted(widths) == [2, 4, 16]
    numbers = [result.number for result in view.front]
    assert to_json(view)["front"] == numbers
    assert Studies(platform.store).ending(found, StudyStatus.COMPLETE)["front"] == numbers
    assert f"no other dominates trials {', '.join(map(str, numbers))}" in sentence(view)


def test_each_of_them_can_be_submitted(platform: Platform, found: str) -> None:
    # Given a front, I expect the first objective's best to be printed, or another that is asked for.
    view = view_of_study(platform, found)
    assert parse_spec(yaml.safe_load(best_spec(view))).learner.network.width == 16
    smallest = next(each for each in view.found.proposals if each.point["learner.network.width"] == 2)
    assert parse_spec(yaml.safe_load(best_spec(view, smallest.number))).learner.network.width == 2
    with pytest.raises(StudyError, match=r"trial 9 of study .* has no value; allowed: 0, 1, 2, 3"):
        best_spec(view, 9)


def test_exported_with_its_front(platform: Platform, found: str, tmp_path) -> None:
    # Given a front, if the study is exported, I expect a column of its cost, and a picture of the front on the page.
    files = export(view_of_study(platform, found), tmp_path)
    assert "front.png" in {path.name for path in files}
    with (tmp_path / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    told = json.loads((tmp_path / "study.json").read_text())
    assert [float(row["cost_parameters"]) for row in rows] == [
        trial["measures"]["parameters"] for trial in told["trials"]
    ]
    assert "Trials that no other dominates" in (tmp_path / "study.html").read_text()
