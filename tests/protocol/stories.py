"""Sequences of events in which a check of the protocol is all that stands between them and a wrong φ.

Each ends well; with one check less it does not, and the machine must say so.
"""

from tests.protocol.machine import ProtocolMachine
from tests.protocol.machine import Worker as Process
from tests.protocol.model import EVERY, JOBS, VERSIONS


def begun(machine: ProtocolMachine, job: int, before: str, version: int = 0) -> Process:
    """Return a process at a job, which stands before a call."""
    worker = machine.take(("train", {"version": version, "job": job}))
    assert worker
    worker.go_to(before)
    assert worker.before == before
    return worker


def done(machine: ProtocolMachine, process: Process) -> None:
    process.finish()
    machine.check()


def reach(machine: ProtocolMachine, version: int) -> None:
    """Let all that is sent be done until ``version`` is the head."""
    while machine.model.head != version:
        machine.work()


def last_of(machine: ProtocolMachine, before: str, version: int = 0) -> Process:
    """Return a process at the last job of a step, which stands before a call; no message is left for another."""
    machine.bag.messages = [message for message in machine.bag.messages if message[0] != "train"]
    done(machine, begun(machine, 0, "publish", version))
    return begun(machine, 1, before, version)


def dead(machine: ProtocolMachine, process: Process) -> None:
    process.kill()
    machine.workers.remove(process)
    machine.check()


def a_zombie_contributes(machine: ProtocolMachine) -> None:
    """A process stands still with a contribution while its version is committed without it."""
    zombie = begun(machine, 1, "publish")
    reach(machine, 1)
    done(machine, zombie)


def a_job_is_done_twice(machine: ProtocolMachine) -> None:
    """Two processes contribute the same job, in other bytes: what others may have read must stay."""
    first, second = begun(machine, 1, "publish"), begun(machine, 1, "publish")
    done(machine, first)
    done(machine, second)


def two_commit(machine: ProtocolMachine) -> None:
    """Two processes find the set full, and commit one after the other."""
    done(machine, begun(machine, 0, "publish"))
    first, second = begun(machine, 1, "commit"), begun(machine, 1, "commit")
    done(machine, first)
    done(machine, second)


def a_version_is_over(machine: ProtocolMachine) -> None:
    """A version is committed, and nothing of it is left."""
    reach(machine, 1)


def a_late_restore(machine: ProtocolMachine) -> None:
    """Two processes restore a lost Redis, one of them long after, when the run has gone on."""
    machine.wipe()
    late, soon = machine.looking(), machine.looking()
    late.go_to("restore")
    done(machine, soon)
    reach(machine, 1)
    done(machine, late)


def a_death_before_the_checkpoint(machine: ProtocolMachine) -> None:
    """A process dies between the commit of a version that is to be recorded and its record."""
    reach(machine, EVERY - 1)
    dead(machine, last_of(machine, "put", EVERY - 1))
    for _ in range(3):
        machine.work()


def a_kept_job_is_lost(machine: ProtocolMachine) -> None:
    """A process commits, keeps a job of the next version to itself, of which there is no message, and dies at it."""
    machine.bag.serves_on = True
    last = last_of(machine, "commit")
    last.step()
    last.go_to("publish")
    assert last.before == "publish"
    dead(machine, last)
    sent = [fields["job"] for kind, fields in machine.bag.messages if kind == "train"]
    assert len(sent) == JOBS - 1


def a_death_at_the_end(machine: ProtocolMachine) -> None:
    """A process commits the last version, and dies before its checkpoint is written."""
    reach(machine, VERSIONS - 1)
    last = last_of(machine, "commit", VERSIONS - 1)
    last.step()
    dead(machine, last)
    assert machine.model.head == VERSIONS


def every_message_is_lost(machine: ProtocolMachine) -> None:
    """The queues lose all that is in them."""
    machine.bag.messages.clear()
