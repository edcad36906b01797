"""What faults act on: a fleet of this machine with its servers, or the fleet of an operator."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.record import RunStatus
from phiforge_client.chaos.clocks import Clocks, faketime_library
from phiforge_client.chaos.fleet import Fleet
from phiforge_client.chaos.proxy import FaultProxy
from phiforge_client.chaos.watchdog import Watchdog
from phiforge_client.servers import RedisServer, S3Server

LOOK_SECONDS = 0.02


@dataclass
class Stage:
    """One fleet and the run that is being disturbed; what is None cannot be acted on."""

    platform: Platform
    random: random.Random
    outage_seconds: float
    """How long a server stays away, or a store bad."""
    fleet: Fleet | None = None
    redis: RedisServer | None = None
    s3: S3Server | None = None
    proxy: FaultProxy | None = None
    clocks: Clocks | None = None
    pids: Sequence[int] = ()
    """Processes of an operator's fleet that may be killed."""
    watchdog: Watchdog | None = None

    @property
    def run(self) -> str:
        """The run that is being disturbed."""
        return self.watched.run

    @property
    def watched(self) -> Watchdog:
        """Who watches the run; raises ServiceError if there is none."""
        if not self.watchdog:
            raise ServiceError("no run is being watched")
        return self.watchdog

    @property
    def own(self) -> Fleet:
        """The fleet; raises ServiceError if it is an operator's, who starts his own processes."""
        if not self.fleet:
            raise ServiceError("this fault needs a fleet of its own")
        return self.fleet

    @property
    def on_disk(self) -> bool:
        """Whether the store is a folder of this machine."""
        return self.platform.store.url.startswith("file:")

    @property
    def over(self) -> bool:
        """Whether the run needs nothing more."""
        return self.look() is not RunStatus.RUNNING

    def look(self) -> RunStatus:
        """Start again what died, look at the run and return its status; raises ServiceError if it stands still."""
        time.sleep(LOOK_SECONDS)
        if self.fleet:
            self.fleet.tend()
        return self.watched.look()

    def pause(self, seconds: float) -> None:
        """Let ``seconds`` pass, looking."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for ``condition``, looking; False if ``seconds`` pass or the run is over before."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end or self.over:
                return False
        return True

    def reach(self, version: int) -> bool:
        """Wait until ``version`` was the head; False if the run is over before."""
        return self.wait(lambda: self.watched.head >= version, float("inf"))

    @contextmanager
    def watching(self, run: str, patience_seconds: float) -> Iterator[Watchdog]:
        """Watch ``run`` in this block."""
        self.watchdog = Watchdog(self.platform, run, patience_seconds)
        try:
            yield self.watchdog
        finally:
            self.watchdog.close()


@contextmanager
def own_stage(settings: Settings, trainers: int, seed: int, outage_seconds: float, use_s3: bool) -> Iterator[Stage]:
    """Start a Redis, an S3 server behind a fault proxy (or take a folder) and a fleet."""
    with ExitStack() as exit_:
        home = settings.home.resolve()
        redis = exit_.enter_context(RedisServer(settings.redis_socket, home / "logs" / "redis.log"))
        changes: dict[str, str] = {"redis_url": redis.url, "store_url": ""}
        s3, proxy = None, None
        if use_s3:
            s3 = exit_.enter_context(S3Server(home / "s3", home / "logs" / "s3.log"))
            proxy = exit_.enter_context(FaultProxy(s3.endpoint, seed))
            changes |= {"store_url": "s3://chaos", "s3_endpoint": s3.endpoint}
            changes |= {"s3_access_key": s3.access_key, "s3_secret_key": s3.secret_key}
        # this process has its own way to the store, past the weather
        platform = Platform.open(Settings.model_validate(settings.model_dump() | changes))
        exit_.callback(platform.close)
        through = {"s3_endpoint": proxy.endpoint} if proxy else {}
        clocks = Clocks(library, home / "clocks") if (library := faketime_library()) else None

        def environment(name: str) -> Mapping[str, str]:
            return clocks.environment(name) if clocks and clocks.has(name) else {}

        fleet = exit_.enter_context(Fleet(platform.settings.model_copy(update=through), trainers, environment))
        yield Stage(platform, random.Random(seed), outage_seconds, fleet, redis, s3, proxy, clocks)
