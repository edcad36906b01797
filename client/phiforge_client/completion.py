"""What a shell offers after Tab: runs, ready-made specs, fields of a spec. What cannot be had is not offered.

Nothing here may print, fail or take long: it runs at every Tab.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

from phiforge.base.errors import PhiforgeError


def runs(begun: str) -> list[str]:
    """Return the ids of runs that begin so, and ``latest``; of an object storage on this machine alone."""
    from phiforge.base.settings import Settings
    from phiforge.runs.record import Record
    from phiforge.runs.run_ids import LATEST
    from phiforge.runs.store import open_store

    def found() -> Iterator[str]:
        yield LATEST
        settings = Settings()
        if settings.object_store_url.startswith("file://"):  # a server may take long to answer, or not to
            yield from Record(open_store(settings, make=False)).runs()

    return _beginning(begun, found)


def specs(begun: str) -> list[str]:
    """Return the ready-made specs that begin so."""
    from phiforge_client.ready_made import names

    return _beginning(begun, lambda: iter(names()))


def fields(begun: str) -> list[str]:
    """Return the paths of a spec that go on so: the fields, or the parts, of what is typed so far."""
    from phiforge.spec.explain import explain

    above, dot, _ = begun.rpartition(".")

    def found() -> Iterator[str]:
        explained = explain(above)
        names = [each.name for each in explained.fields] + [each.name for each in explained.parts]
        yield from (f"{above}{dot}{name}" for name in names)

    return _beginning(begun, found)


def _beginning(begun: str, found: Callable[[], Iterator[str]]) -> list[str]:
    offered: list[str] = []
    with suppress(PhiforgeError, OSError, ValueError):
        offered.extend(each for each in found() if each.startswith(begun))
    return offered
