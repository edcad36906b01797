"""Messages that come twice, never, or in another order."""

from dataclasses import replace

import pytest

from phiforge_client.chaos.stage import Stage
from tests.chaos.conftest import VERSIONS, Disturb
from tests.chaos.counting import counted

pytestmark = pytest.mark.services


@pytest.mark.parametrize(
    ("kind", "seconds"), [("double-messages", 60.0), ("reorder-messages", 60.0), ("lose-messages", 3.0)]
)
def test_on_the_way(on_folder: Stage, disturb: Disturb, kind: str, seconds: float) -> None:
    # Given a run and, for so long or until its end, messages that are delivered twice, reordered or lost
    commits, deaths = counted(on_folder, "phiforge_commits_total"), len(on_folder.own.deaths)
    messages = counted(on_folder, "phiforge_jobs_total")
    # I expect the same φ at every version, and not one commit too many;
    disturb(replace(on_folder, outage_seconds=seconds), kind, first=0)
    assert len(on_folder.own.deaths) == deaths
    assert counted(on_folder, "phiforge_commits_total") == commits + VERSIONS
    # of messages that came twice, that the trainers saw them.
    if kind == "double-messages":
        assert counted(on_folder, "phiforge_jobs_total") - messages > 6 * VERSIONS
