"""A contribution that is replaced while a set is read is no damage."""

import pytest
from prometheus_client import REGISTRY

from phiforge.base.canonical import sha256_hex
from phiforge.fleet.platform import Platform
from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.bounded_staleness.exchange import TicketExchange, Waiting
from phiforge.runs.steps import Ticket
from tests.fleet import head, tickets_of
from tests.integration.staleness.steps import take

pytestmark = pytest.mark.services


def damaged() -> float:
    return REGISTRY.get_sample_value("phiforge_damaged_total") or 0.0


def test_a_contribution_that_is_replaced_between_two_reads(
    platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a ticket whose contribution is dropped and comes again, by another worker, after what waits was read
    take(platform, run, (0, 0))
    real, times = TicketExchange.waiting_to_apply, []

    def replaced(exchange: TicketExchange, name: str) -> Waiting | None:
        waiting = real(exchange, name)
        if waiting and len(waiting.origins) == 2 and not times:
            times.append(1)
            replace(platform, run, Ticket(0, 1))
        return waiting

    monkeypatch.setattr(TicketExchange, "waiting_to_apply", replaced)
    before = damaged()
    # If the set is full, I expect the version to be made of it, at once, and nothing to count as damaged.
    take(platform, run, (0, 1))
    assert times
    assert head(platform, run) == 1
    assert damaged() == before


def replace(platform: Platform, run: str, ticket: Ticket) -> None:
    """Take a contribution out, and publish it again as another worker would, whose bytes are others."""
    tickets = tickets_of(platform)
    payload = platform.exchange.redis.get(tickets.contribution_key(run, Ticket(0, 0)))
    state = platform.exchange.state(run)
    assert state
    tickets.drop(run, [ticket])
    origin = Origin(sha256_hex(payload), "episodes", "another", 0.1, state.head)
    tickets.publish(run, ticket, state.phi_hash, payload, origin)
