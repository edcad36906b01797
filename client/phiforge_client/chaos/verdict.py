"""Whether a run that faults befell is the run that nothing befell: φ's hash at every version, each version once."""

from typing import NamedTuple

from phiforge.fleet.platform import Platform
from phiforge.runs.record import RunStatus


class Verdict(NamedTuple):
    """How a run ended: its ``differences`` say, for a person, what is not as in the undisturbed run."""

    run: str
    differences: list[str]

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def hashes(platform: Platform, run: str) -> list[tuple[int, str]]:
    """Return (version, φ's hash) of every entry of the commit log, in the log's order: a doubled entry shows."""
    return [(entry["version"], entry["phi_hash"]) for entry in platform.record.log(run)]


def judge(platform: Platform, run: str, reference: list[tuple[int, str]], seen: dict[int, str]) -> Verdict:
    """Compare ``run`` with the ``reference``; ``seen`` is what a watchdog saw at the head, by version."""
    found = []
    status = platform.record.status(run)
    if status is not RunStatus.COMPLETE:
        reason = platform.record.end_reason(run, status) if status is not RunStatus.RUNNING else "it is not over"
        found.append(f"it is {status}: {reason}")
    versions = platform.run(run).spec.outer.versions
    log = hashes(platform, run)
    if [version for version, _ in log] != list(range(1, versions + 1)):
        found.append(
            f"its commit log has versions {[version for version, _ in log]}, expected 1 to {versions}, each once"
        )
    expected = dict(reference)
    if differing := [version for version, phi_hash in log if expected.get(version) != phi_hash]:
        found.append(f"φ differs at versions {differing}")
    if differing := [version for version, phi_hash in seen.items() if expected.get(version, phi_hash) != phi_hash]:
        found.append(f"φ was another while it ran, at versions {differing}")
    return Verdict(run, found)
