"""``phiforge verify``: versions computed again from a checkpoint, every hash compared with what was written down."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from phiforge.base.errors import FormatError, RunError
from phiforge.fleet.platform import Platform
from phiforge.learning.tensors import fingerprint
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.commit_log import Difference, Entry, differences
from phiforge.runs.consistency.chosen import consistency_of
from phiforge.runs.recompute import recompute
from phiforge.runs.submitted import RunRecord
from phiforge_client.episodes import TrainingEpisodes
from phiforge_client.submission import first_checkpoint

Report = Callable[[int], None]
"""Told which version was computed again."""


class Verified(NamedTuple):
    """What was compared, up to the first version that differs; all is well if there are no ``differences``."""

    run: str
    start: int
    versions: list[int]
    checkpoints: list[int]
    jobs: int
    episodes_read: int
    episodes_made: int
    differences: list[Difference]
    bit_reproducible: bool = True
    """False: the log, and not the spec alone, decided what each version was made of; that was computed again."""


def verify(
    platform: Platform, run: str, version: int | None = None, *, every: bool = False, report: Report = lambda _: None
) -> Verified:
    """Compute versions of ``run`` again and compare: ``version``, ``every`` one, or those since the last checkpoint.

    Raises RunError if there is no such version, or no checkpoint to start from can be read.
    """
    record = platform.run(run)
    after, upto = _span(platform, record, version, every=every)
    start, found = determined_checkpoint(platform, record, after, upto)
    logged = {entry["version"]: entry for entry in platform.record.log(run, start.version - 1, upto)}
    found += _start_differences(record, start, logged)
    episodes = TrainingEpisodes(platform, record)
    versions: list[int] = []
    checkpoints = [start.version]
    steps = recompute(record, start, upto, episodes.file, platform.settings.device, logged)
    for checkpoint, entry in steps if not found else ():
        versions.append(checkpoint.version)
        report(checkpoint.version)
        found += differences(logged.get(checkpoint.version, {}), entry)
        if platform.record.has_checkpoint(run, checkpoint.version):
            checkpoints.append(checkpoint.version)
            found += _checkpoint_differences(platform, run, checkpoint)
        if found:
            break
    found += [Difference(at + 1, job, "episode file", "whole", "damaged") for at, job in episodes.damaged]
    jobs = len(versions) * record.spec.outer.jobs
    files, reproducible = (episodes.read, episodes.made), consistency_of(record.spec).bit_reproducible
    return Verified(run, start.version, versions, checkpoints, jobs, *files, found, reproducible)


def determined_checkpoint(
    platform: Platform, record: RunRecord, after: int, upto: int
) -> tuple[Checkpoint, list[Difference]]:
    """Return the newest checkpoint up to ``after`` that the versions up to ``upto`` follow from, and damaged ones.

    Of a run with bounded staleness that is one after which no contribution came from a φ before it: the first one at
    the latest. Raises RunError if none can be read.
    """
    rules = consistency_of(record.spec)
    while True:
        start, damaged = readable_checkpoint(platform, record, after)
        entries = platform.record.log(record.run, start.version, upto)
        if start.version == record.first_version or rules.is_determined(start.version, entries):
            return start, damaged
        after = start.version - 1


def readable_checkpoint(platform: Platform, record: RunRecord, upto: int) -> tuple[Checkpoint, list[Difference]]:
    """Return the newest checkpoint up to a version that can be read, and those that are damaged as differences.

    Raises RunError if there is none.
    """
    damaged: list[Difference] = []
    there = [version for version in platform.record.checkpoints(record.run) if version <= upto]
    for version in reversed(there):
        try:
            checkpoint = platform.checkpoints.load(record.run, version)
            consistency_of(record.spec).open_at(version, checkpoint.extras)
            return checkpoint, damaged
        except FormatError as error:
            damaged.append(Difference(version, None, "checkpoint", "whole", str(error)))
    raise RunError(f"run {record.run!r} has no readable checkpoint up to version {upto} in {platform.store.url}")


def _span(platform: Platform, record: RunRecord, version: int | None, *, every: bool) -> tuple[int, int]:
    """Return the version to start at or before, and the last one to compute."""
    there = recorded(platform, record.run)
    if every or version is None:
        return there[0 if every else -2 if len(there) > 1 else -1], there[-1]
    expect_recorded(record.run, version, record.first_version, there[-1])
    return max(version - 1, record.first_version), version


def recorded(platform: Platform, run: str) -> list[int]:
    """Return the versions of ``run`` that have a checkpoint, in order; raises RunError if none has."""
    there = platform.record.checkpoints(run)
    if not there:
        raise RunError(f"run {run!r} has no checkpoint left in {platform.store.url}")
    return there


def expect_recorded(run: str, version: int, first: int, last: int) -> None:
    """Raise RunError if ``version`` is not one that object storage has a trace of."""
    if not first <= version <= last:
        raise RunError(f"run {run!r} has no version {version} in its record; allowed: {first} to {last}")


def _start_differences(record: RunRecord, start: Checkpoint, logged: dict[int, Entry]) -> list[Difference]:
    """Compare the checkpoint to start from with what leads to it: the seed, the parent, or the log."""
    if start.version > record.first_version:
        entry = logged.get(start.version, {})
        expected = {name: str(entry.get(name, "nothing")) for name in ("phi_hash", "optimizer_hash")}
    elif record.parent:
        expected = {"phi_hash": record.parent.phi_hash}
    else:
        first = first_checkpoint(record)
        expected = {"phi_hash": first.phi_hash, "optimizer_hash": fingerprint(first.optimizer)}
    found = {"phi_hash": start.phi_hash, "optimizer_hash": fingerprint(start.optimizer)}
    return _unequal(start.version, expected, found)


def _checkpoint_differences(platform: Platform, run: str, computed: Checkpoint) -> list[Difference]:
    try:
        written = platform.checkpoints.load(run, computed.version)
    except FormatError as error:
        return [Difference(computed.version, None, "checkpoint", str(error), "whole")]
    extras = written.extras.keys() | computed.extras.keys()
    return _unequal(computed.version, _names_of(written, extras), _names_of(computed, extras))


def _names_of(checkpoint: Checkpoint, extras: Iterable[str]) -> dict[str, str]:
    named = {
        "checkpoint's phi_hash": fingerprint(checkpoint.phi),
        "checkpoint's optimizer_hash": fingerprint(checkpoint.optimizer),
        "checkpoint's tasks": str(checkpoint.tasks),
    }
    return named | {f"checkpoint's {name}": str(checkpoint.extras.get(name, "none")) for name in sorted(extras)}


def _unequal(version: int, logged: dict[str, str], computed: dict[str, str]) -> list[Difference]:
    return [
        Difference(version, None, name, value, computed[name])
        for name, value in logged.items()
        if value != computed[name]
    ]
