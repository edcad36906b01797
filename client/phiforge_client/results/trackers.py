"""The trackers of experiments that runs can be written for."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from phiforge_client.extras import expect_extra

if TYPE_CHECKING:
    from phiforge_client.results.findings import Findings


class TrackerName(StrEnum):
    """What a tracker is called on the command line."""

    TENSORBOARD = "tensorboard"
    MLFLOW = "mlflow"


class Writer(Protocol):
    """Writes all that is known of a run into a folder, as often as it is called, and returns the file."""

    def __call__(self, found: "Findings", folder: Path) -> Path:
        """Write; raises StoreError if that cannot be."""


class Tracker(NamedTuple):
    """What writes for a tracker, and what that needs.

    Args:
        writer: imports and returns the ``Writer``.
        packages: what it imports, of the extra ``export``.
        folder: where it writes if nobody says.
        look: what shows the folder ``{}``, to type.
    """

    writer: Callable[[], Writer]
    packages: tuple[str, ...]
    folder: str
    look: str

    def load(self) -> Writer:
        """Return the writer; raises ServiceError, saying what to install, if a package is missing."""
        expect_extra("export", *self.packages)
        return self.writer()


def _tensorboard() -> Writer:
    from phiforge_client.results.tensorboard import write_events

    return write_events


def _mlflow() -> Writer:
    from phiforge_client.results.mlflow_store import write_run

    return write_run


TRACKERS: Mapping[TrackerName, Tracker] = {
    TrackerName.TENSORBOARD: Tracker(
        writer=_tensorboard,
        packages=("tensorboardX",),
        folder="phiforge-tensorboard",
        look="tensorboard --logdir {}",
    ),
    TrackerName.MLFLOW: Tracker(
        writer=_mlflow,
        packages=("mlflow", "sqlalchemy", "alembic"),
        folder="phiforge-mlflow",
        look="mlflow ui --backend-store-uri sqlite:///{}/mlflow.db",
    ),
}
"""Every tracker."""
