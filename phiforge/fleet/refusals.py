"""Runs that a worker cannot do the work of: another may, and only if nobody in the fleet can do they fail."""

import logging
import time
from collections import Counter
from collections.abc import Mapping

from phiforge.fleet.roster import Roster
from phiforge.runs.exchange import EXPIRY_SECONDS, Exchange
from phiforge.runs.queues import SERVICES, QueueName
from phiforge.runs.scripts import Value

log = logging.getLogger(__name__)

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.02, 0.3
"""Seconds that a worker stands back after it met all that it cannot do."""

_MOST_MET = 10_000


class Refusals:
    """What the workers of one queue said that they cannot do, as one of them sees it."""

    def __init__(self, exchange: Exchange, roster: Roster) -> None:
        self._exchange, self._roster = exchange, roster
        self._refuse = exchange.script("refuse", "phiforge.fleet")
        self._told = ""

    def refuse(self, run: str, why: str) -> str | None:
        """Note that this worker cannot do the work of ``run``, and ``why``.

        Return why nobody can, to one caller alone, once every worker that lives has said so and a lease went by with
        none that had not: time enough for one that joins, or is started again.
        """
        if run != self._told:
            log.info("the work of run %s is put back, for a worker that can: %s", run, why)
            self._told = run
        there = self._roster.beat()
        patience = int(1000 * self._roster.lease_seconds)
        values: dict[str, Value] = {"worker": self._roster.me, "why": why[:1000]}
        values |= {"patience": patience, "expiry": EXPIRY_SECONDS}
        key = self._exchange.refusals_key(run, self._roster.queue)
        found = self._refuse({"refusals": key}, values, more_values=sorted(there))
        texts = [text.decode(errors="replace") for text in found]
        reasons = dict(zip(texts[::2], texts[1::2], strict=True))
        return _nobody_can(self._roster.queue, there, reasons) if reasons else None


def _nobody_can(queue: QueueName, there: Mapping[str, str], reasons: Mapping[str, str]) -> str:
    """Return what each kind of worker lacks, as one sentence."""
    kinds = Counter((about, reasons[worker]) for worker, about in there.items())
    each = [f"{count}{f' on {about}' if about else ''}: {why}" for (about, why), count in sorted(kinds.items())]
    return f"no {SERVICES[queue]} of this fleet can do its work: {'; '.join(each)}"


class Pause:
    """Keeps a worker from taking again and again what it cannot do, and holds up what it can do by little.

    What is put back comes round once all else that waits was taken. So a worker stands back when it meets once more
    what it refused, and each time for longer, unless it did some work in between.
    """

    def __init__(self) -> None:
        self._met: set[tuple[str, str]] = set()
        self._seconds = _SHORTEST_PAUSE

    def refused(self, run: str, work: str) -> None:
        """Stand back for a moment if this piece of work came round."""
        if (run, work) in self._met or len(self._met) >= _MOST_MET:
            time.sleep(self._seconds)
            self._seconds = min(2 * self._seconds, _LONGEST_PAUSE)
            self._met.clear()
        self._met.add((run, work))

    def worked(self) -> None:
        """Note that there is work which this worker can do."""
        self._seconds = _SHORTEST_PAUSE
