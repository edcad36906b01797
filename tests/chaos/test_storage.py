"""Object storage that is away, slow, busy or cut off; damaged objects; a full disk."""

from dataclasses import replace
from typing import cast

import pytest

from phiforge_client.chaos.faults import KINDS, Kind
from phiforge_client.chaos.faults.processes import kill_everything
from phiforge_client.chaos.faults.storage import kill_store
from phiforge_client.chaos.stage import Stage
from tests.chaos.conftest import Disturb
from tests.chaos.counting import counted

pytestmark = pytest.mark.services


def test_killed_and_started_again(on_s3: Stage, disturb: Disturb) -> None:
    # Given a run on S3
    # If the server is killed by -9 and comes back, I expect the same φ at every version, each committed once.
    disturb(on_s3, "kill-store")


@pytest.mark.parametrize(
    ("kind", "what"), [("slow-store", None), ("busy-store", "refused"), ("cut-connections", "cut")]
)
def test_bad_weather(on_s3: Stage, disturb: Disturb, kind: str, what: str | None) -> None:
    # Given a run on S3
    assert on_s3.proxy
    before = on_s3.proxy.done.copy()
    # If it is slow, busy, or its connections are cut for a while, I expect the same,
    disturb(on_s3, kind)
    # and that the weather was bad indeed.
    assert not what or on_s3.proxy.done[what] > before[what] + 5


def test_services_that_start_while_it_is_away(on_s3: Stage, disturb: Disturb) -> None:
    # Given every service killed, and the server before they are back
    def kill_everything_then_the_store(stage: Stage) -> None:
        kill_everything(stage)
        kill_store(stage)

    # If the server comes back later, I expect that they waited for it, and the same φ.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cast("dict[str, Kind]", KINDS), "kill-all", Kind(kill_everything_then_the_store))
        disturb(replace(on_s3, outage_seconds=10.0), "kill-all")


def test_damaged_objects(on_s3: Stage, disturb: Disturb) -> None:
    # Given a run on S3
    damaged = counted(on_s3, "phiforge_damaged_objects_total")
    # If episodes are cut short, and bits of others flipped, before a trainer reads them
    disturb(on_s3, "truncate-episodes", "flip-bit-of-episodes")
    # I expect each to be noticed, none trained on, and the same φ at every version.
    assert counted(on_s3, "phiforge_damaged_objects_total") >= damaged + 8


def test_a_full_disk(on_folder: Stage, disturb: Disturb) -> None:
    # Given a run on a folder
    # If no byte can be written to a file for a while, I expect the same, and no service to end.
    disturb(on_folder, "fill-disk")
