"""Messages that come twice, never, or in another order."""

import pytest

from client.chaos.stage import Stage
from tests.chaos.conftest import VERSIONS, Disturb
from tests.chaos.counting import counted

pytestmark = pytest.mark.services


@pytest.mark.parametrize("kind", ["double-messages", "reorder-messages", "lose-messages"])
def test_on_the_way(on_folder: Stage, disturb: Disturb, kind: str) -> None:
    # Given a run and, over most of it, messages that are delivered twice, lost or reordered
    commits, deaths = counted(on_folder, "phiforge_commits_total"), len(on_folder.own.deaths)
    messages = counted(on_folder, "phiforge_jobs_total")
    # I expect the same φ at every version, and not one commit too many;
    disturb(on_folder, kind, first=1)
    assert len(on_folder.own.deaths) == deaths
    assert counted(on_folder, "phiforge_commits_total") == commits + VERSIONS
    # of messages that came twice, that the trainers saw them.
    if kind == "double-messages":
        assert counted(on_folder, "phiforge_jobs_total") - messages > 6 * VERSIONS
