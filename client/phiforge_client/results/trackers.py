"""The trackers of experiments that runs can be written for."""

from collections.abc import Mapping
from enum import StrEnum
from importlib import import_module
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
        writer: the module and the name of a ``Writer``.
        packages: what it imports, of the extra ``export``.
        folder: where it writes if nobody says.
        look: what shows the folder ``{}``, to type.
    """

    writer: tuple[str, str]
    packages: tuple[str, ...]
    folder: str
    look: str

    def load(self) -> Writer:
        """Return the writer; raises ServiceError, saying what to install, if a package is missing."""
        expect_extra("export", *self.packages)
        module, name = self.writer
        writer: Writer = getattr(import_module(module), name)
        return writer


TRACKERS: Mapping[TrackerName, Tracker] = {
    TrackerName.TENSORBOARD: Tracker(
        writer=("phiforge_client.results.tensorboard", "write_events"),
        packages=("tensorboardX",),
        folder="phiforge-tensorboard",
        look="tensorboard --logdir {}",
    ),
    TrackerName.MLFLOW: Tracker(
        writer=("phiforge_client.results.mlflow_store", "write_run"),
        packages=("mlflow", "sqlalchemy", "alembic"),
        folder="phiforge-mlflow",
        look="mlflow ui --backend-store-uri sqlite:///{}/mlflow.db",
    ),
}
"""Every tracker."""
