"""What a person sees of where a version came from, and of its verification."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from phiforge.fleet.platform import Platform
from phiforge.runs.commit_log import Difference
from phiforge_client.lineage_view import print_verified, print_where, print_why
from phiforge_client.verification import verify
from phiforge_client.why import where, why
from tests.integration.lineage.runs import JOBS

pytestmark = pytest.mark.services


def test_what_a_person_sees(platform: Platform, trained: str) -> None:
    # Given what lies behind a version, where one of its classes took part, and two verifications
    def shown(show: Callable[[Console], None]) -> str:
        console = Console(file=io.StringIO(), width=200)
        show(console)
        return console.file.getvalue()

    explained = why(platform, trained, 4)
    item = explained.jobs[2].episodes[1].query[3]
    places = where(platform, trained, item.name)
    verified = verify(platform, trained, 4)
    differing = verified._replace(
        differences=[Difference(4, None, "phi_hash", "a", "b"), Difference(4, 2, "contribution", "c", "d")]
    )
    # I expect each to say it in words: hashes, names, places,
    step = shown(lambda console: print_why(console, explained))
    assert f"step to version 4: φ {explained.entry['phi_hash_before'][:12]}" in step
    assert step.count("as logged") == JOBS
    assert item.name in step
    assert len({each.version for _, each in places.appearances}) > 1
    back = shown(lambda console: print_where(console, places))
    assert f"in {len({each.version for _, each in places.appearances})} versions" in back
    assert "every hash is the same" in shown(lambda console: print_verified(console, verified))
    # and what differs first.
    assert "version 4, job 2, is the first that differs" in shown(lambda console: print_verified(console, differing))
