"""The log suffices to compute such a run again, and what that needs is kept."""

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.episode_deletion import delete_episodes
from phiforge.runs.steps import Ticket
from phiforge_client.branching import branch
from phiforge_client.verification import verify
from phiforge_client.why import where, why
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.fleet import head, tickets_of
from tests.integration.staleness.steps import EACH_ONCE, VERSIONS, sampled, spec_of, take, take_all, works

pytestmark = pytest.mark.services


def test_the_log_suffices_to_compute_it_again(platform: Platform, run: str) -> None:
    # Given a run whose contributions lagged, across its checkpoint too
    take(platform, run, (1, 0), (1, 1), (0, 0), (2, 0))
    record, state = platform.run(run), platform.exchange.state(run)
    assert state
    payload, origin = Trainer(platform).work(record, state, 3, 0)
    take(platform, run, (0, 1), (2, 1))
    tickets_of(platform).publish(run, Ticket(3, 0), state.phi_hash, payload, origin._replace(phi_version=state.head))
    assert (state.head, head(platform, run)) == (2, 3)
    take_all(platform, run)
    # I expect verify to start where nothing before is needed, and to find every hash,
    verified = verify(platform, run)
    assert (verified.start, verified.versions) == (0, [1, 2, 3, 4, 5, 6])
    assert verified.differences == []
    # and to say that the spec alone would not have been enough;
    assert not verified.bit_reproducible
    # why to name the jobs that a version was made of,
    first = why(platform, run, 1)
    assert [job.as_logged for job in first.jobs] == [True, True]
    item = first.jobs[0].episodes[0].support[0]
    assert 1 in {each.version for _, each in where(platform, run, item.name, item.drawing).appearances}
    # and a branch that changes nothing to start from the same φ with the same tickets left.
    before = {entry["version"]: entry["phi_hash"] for entry in platform.record.log(run)}
    child = branch(platform, run, 4)
    assert platform.checkpoints.load(child, 4).phi_hash == before[4]
    assert {tuple(ticket) for ticket in platform.record.extras(child, 4)["tickets"]} == EACH_ONCE.keys() - {
        Ticket(work.version, work.job) for made in works(platform, run)[:4] for work in made
    }


def test_episodes_of_open_tickets_are_kept(platform: Platform) -> None:
    # Given a run that keeps no episodes, past a checkpoint at which a ticket of version 0 is open
    settings = platform.settings.model_copy(
        update={"keep_episodes": 0, "namespace": f"{platform.settings.namespace}-k"}
    )
    frugal = Platform.open(settings)
    run = sampled(frugal, spec_of(2))
    take(frugal, run, (0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (3, 0))
    assert (head(frugal, run), frugal.record.checkpoints(run)) == (3, [0, 3])
    # If episodes are deleted
    delete_episodes(frugal, run)
    # I expect those of version 0 to be there, which may be asked for again if they get lost too.
    assert {version for version, _ in frugal.record.training_episodes(run)} == set(range(VERSIONS))
    key = next(key for version, key in frugal.record.training_episodes(run) if version == 0)
    frugal.store.delete(key)
    Sampler(frugal).sample_training(run, 0, sent_at=0)
    assert frugal.store.exists(key)
    frugal.close()
