"""What the messages of a version's jobs cost whoever sends them: one by one, and together in one command.

Both ways take turns in one process, to a real Redis that nobody takes messages from.

    python -m benchmarks.sending [--jobs 1 7 31] [--rounds 9]
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.page import NOT_QUIET, machine, parser, publish, spread, table, versions
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge_client.servers import RedisServer

COLUMNS = ("jobs", "way", "commands", "CPU, ms a message", "clock, ms a version")
RUN, VERSION, TIMES = "run-1", 3, 5
"""What is sent, and how often in a turn."""

Send = Callable[[], None]


class Cost(NamedTuple):
    """Milliseconds that sending a version's messages took, of the processor and by the clock."""

    cpu: float
    clock: float


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--jobs", type=int, nargs="+", default=[1, 7, 31], help="messages of a version")
    arguments.add_argument("--rounds", type=int, default=9)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder) / "sock", Path(folder) / "log") as redis:
        platform = Platform.open(Settings(home=Path(folder), redis_url=redis.url))
        rows = [row for jobs in options.jobs for row in measured(platform, jobs, options.rounds)]
        platform.close()
    publish([*table(COLUMNS, rows), "", f"{machine()}; {versions()}. {NOT_QUIET}"], options.output)


def measured(platform: Platform, jobs: int, rounds: int) -> list[tuple[str, ...]]:
    """Return a row of each way for a version of so many jobs."""
    queue, tickets = platform.queue, [(VERSION, job) for job in range(jobs)]

    def one_by_one() -> None:
        for ticket in tickets:
            queue.train(RUN, *ticket)

    ways = {"one by one": one_by_one, "together": lambda: queue.train_together(RUN, tickets)}
    commands = {name: commands_of(platform, send) for name, send in ways.items()}
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, send in ways.items():
            costs[name].append(turn(platform, send))
    return [
        (
            str(jobs),
            name,
            str(commands[name]),
            spread([each.cpu / jobs for each in found]),
            f"{statistics.median(each.clock for each in found):.3g}",
        )
        for name, found in costs.items()
    ]


def commands_of(platform: Platform, send: Send) -> int:
    """Return how many commands Redis runs to take a version's messages, once connections are there."""
    send()
    before = pushed(platform)
    send()
    return pushed(platform) - before


def pushed(platform: Platform) -> int:
    """Return how many times Redis has put something into a list so far."""
    return int(platform.exchange.redis.info("commandstats").get("cmdstat_lpush", {"calls": 0})["calls"])


def turn(platform: Platform, send: Send) -> Cost:
    """Send a version's messages a few times, and return what once took."""
    cpu, clock = time.process_time(), time.perf_counter()
    for _ in range(TIMES):
        send()
    cost = Cost(*(1000 * each / TIMES for each in (time.process_time() - cpu, time.perf_counter() - clock)))
    platform.exchange.redis.delete(platform.queue.name("training"))
    return cost


if __name__ == "__main__":
    main()
