"""The datasets that a sampler has in memory: as many as fit, the one that was used last longest ago goes first."""

from collections import OrderedDict
from collections.abc import Callable

from phiforge.tasks.pool import POOL_BYTES, Pool


class Pools:
    """Pools by their dataset's digest; everything here is a cache."""

    def __init__(self, load: Callable[[str], Pool], limit_bytes: int = POOL_BYTES) -> None:
        """Keep pools that ``load`` makes of a digest, in ``limit_bytes`` together; one alone may be larger."""
        self._load, self._limit = load, limit_bytes
        self._pools: OrderedDict[str, Pool] = OrderedDict()

    def __call__(self, digest: str) -> Pool:
        """Return the pool of a dataset; raises what ``load`` does."""
        if digest not in self._pools:
            self._pools[digest] = self._load(digest)
        self._pools.move_to_end(digest)
        self._trim()
        return self._pools[digest]

    def __contains__(self, digest: str) -> bool:
        return digest in self._pools

    @property
    def nbytes(self) -> int:
        """How many bytes all of them take."""
        return sum(pool.nbytes for pool in self._pools.values())

    def _trim(self) -> None:
        """Let go what was used last longest ago; a pool grew since, if its tasks turn images."""
        while self.nbytes > self._limit and len(self._pools) > 1:
            self._pools.popitem(last=False)
