"""What the scripts of all protocols are given alike: the keys and values of a commit, and of a restore."""

from collections.abc import Mapping

from phiforge.base.metrics import RECOVERY_SECONDS
from phiforge.runs.exchange import Exchange
from phiforge.runs.scripts import Value
from phiforge.runs.steps import Commit, Restored


def commit_keys(exchange: Exchange, run: str, version: int) -> dict[str, str]:
    """Return the keys, by name, that every commit of ``version + 1`` moves."""
    return {
        "state": exchange.key(run, "state"),
        "phi": exchange.key(run, f"phi:{version + 1}"),
        "optimizer": exchange.key(run, f"optimizer:{version + 1}"),
        "old_phi": exchange.key(run, f"phi:{version - 1}"),
        "old_optimizer": exchange.key(run, f"optimizer:{version - 1}"),
        "log": exchange.key(run, "log"),
        "attempts": exchange.key(run, f"attempts:{version}"),
        "staged_phi": exchange.key(run, "staged:phi"),
        "staged_optimizer": exchange.key(run, "staged:optimizer"),
    }


def staged_commit(keys: Mapping[str, str], commit: Commit) -> dict[str, bytes]:
    """Return what is set beside a commit: it is too long to be a value."""
    return {keys["staged_phi"]: commit.phi, keys["staged_optimizer"]: commit.optimizer}


def commit_values(version: int, commit: Commit) -> dict[str, Value]:
    """Return what every commit of ``version + 1`` says, by name; its scores come after the names."""
    return {
        "version": version,
        "next_version": version + 1,
        "phi_hash": commit.phi_hash,
        "optimizer_hash": commit.optimizer_hash,
        "log_entry": commit.log_entry,
        "tasks": commit.tasks,
    }


def note_commit(committed: int) -> bool:
    """Say whether a commit's script committed; if that ended a standstill, observe how long it was.

    ``committed`` is what the script returned: 0, or 1 more than the milliseconds that the run stood still.
    """
    if committed > 1:
        RECOVERY_SECONDS.observe((committed - 1) / 1000)
    return committed > 0


def restore_keys(exchange: Exchange, run: str, version: int) -> dict[str, str]:
    """Return the keys, by name, that every restore of ``version`` writes."""
    names = {"state": "state", "phi": f"phi:{version}", "optimizer": f"optimizer:{version}", "log": "log"}
    return {name: exchange.key(run, key) for name, key in names.items()}


def restore_values(restored: Restored) -> dict[str, Value]:
    """Return what every restore says, by name."""
    return dict(restored._asdict())
