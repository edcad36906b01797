"""What the record holds of a run, in a store of MLflow's: one SQLite file that ``mlflow ui`` shows."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phiforge.base.errors import StoreError
from phiforge.runs.record import RunStatus
from phiforge_client.results.alone import alone_in
from phiforge_client.results.findings import Findings
from phiforge_client.results.measurements import measurements, origin, outcome, parameters

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

_EXPERIMENT = "phiforge"
_FILE = "mlflow.db"
_MOST_METRICS, _MOST_PARAMETERS = 1000, 100
"""Of one call; MLflow refuses more."""
_STATUS: Mapping[RunStatus, str] = {
    RunStatus.RUNNING: "RUNNING",
    RunStatus.COMPLETE: "FINISHED",
    RunStatus.FAILED: "FAILED",
    RunStatus.CANCELLED: "KILLED",
}


def write_run(found: Findings, folder: Path) -> Path:
    """Write all that is known of a run into the store in ``folder``, beside what was written there before.

    It may be written as often as anyone likes: a run is there once, and each of its points once.

    Args:
        found: the run.
        folder: where ``mlflow.db`` is; made if it is not there.

    Returns:
        The store's file, which all runs in ``folder`` share.

    Raises:
        StoreError: if it cannot be written.

    Example::

        write_run(findings(platform, run), folder)
    """
    file = folder / _FILE
    with alone_in(folder), _told(file):
        client = _open(file)
        run = _run_of(client, _experiment(client, folder), found)
        _log_points(client, run.info.run_id, found)
        _log_parameters(client, run, parameters(found))
        _log_facts(client, run.info.run_id, origin(found) | outcome(found))
        _set_status(client, run.info.run_id, found)
    return file


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Raise StoreError for whatever MLflow, or the database below it, cannot do."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        what = str(error).splitlines()[0]
        raise StoreError(f"{file} cannot be written: {what}; --out names another folder") from error


def _open(file: Path) -> "MlflowClient":
    """Return a client of the store, whatever MLFLOW_* variables say of others; it reports nothing to anybody."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.tracking import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    address = f"sqlite:///{file.resolve()}"
    return MlflowClient(tracking_uri=address, registry_uri=address)


def _experiment(client: "MlflowClient", folder: Path) -> str:
    if there := client.get_experiment_by_name(_EXPERIMENT):
        return str(there.experiment_id)
    artifacts = (folder / "artifacts").resolve().as_uri()
    return str(client.create_experiment(_EXPERIMENT, artifact_location=artifacts))


def _run_of(client: "MlflowClient", experiment: str, found: Findings) -> "Run":
    """Return MLflow's run of a run, made if it is not there."""
    if there := client.search_runs([experiment], f"tags.run = '{found.run}'", max_results=1):
        return there[0]
    begun = int(1000 * found.submitted.created_at)
    return client.create_run(experiment, start_time=begun, tags={"run": found.run}, run_name=found.run)


def _log_points(client: "MlflowClient", run: str, found: Findings) -> None:
    """Add the points that are not there, in order of versions."""
    from mlflow.entities import Metric

    points = [
        Metric(tag, value, int(1000 * wall), version)
        for version, wall, numbers in measurements(found)
        for tag, value in numbers.items()
    ]
    there = {
        (tag, point.step) for tag in {each.key for each in points} for point in client.get_metric_history(run, tag)
    }
    left = [point for point in points if (point.key, point.step) not in there]
    for first in range(0, len(left), _MOST_METRICS):
        client.log_batch(run, metrics=left[first : first + _MOST_METRICS])


def _log_parameters(client: "MlflowClient", run: "Run", fields: Mapping[str, Any]) -> None:
    """Add the parameters that are not there: MLflow refuses others in their place, and a run's spec is what it was."""
    from mlflow.entities import Param

    left = [Param(name, str(value)) for name, value in fields.items() if name not in run.data.params]
    for first in range(0, len(left), _MOST_PARAMETERS):
        client.log_batch(run.info.run_id, params=left[first : first + _MOST_PARAMETERS])


def _log_facts(client: "MlflowClient", run: str, facts: Mapping[str, str]) -> None:
    from mlflow.entities import RunTag

    client.log_batch(run, tags=[RunTag(name, value) for name, value in facts.items()])


def _set_status(client: "MlflowClient", run: str, found: Findings) -> None:
    """Say how the run stands; one that is over ended when its last version was made."""
    if found.status is RunStatus.RUNNING:
        client.update_run(run, status=_STATUS[found.status])
    else:
        end = found.submitted.created_at + 60 * found.cost.minutes
        client.set_terminated(run, status=_STATUS[found.status], end_time=int(1000 * end))
