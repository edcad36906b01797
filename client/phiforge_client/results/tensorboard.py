"""What the record holds of a run, as a file that TensorBoard reads."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from phiforge.base.errors import StoreError
from phiforge_client.results.findings import Findings, Point

_VERSION = "brain.Event:2"
"""What each file of events begins with."""
_CI95 = "_ci95"


def write_events(found: Findings, folder: Path) -> Path:
    """Write all that is known of a run into its own folder in ``folder``, in the place of what was written before.

    It may be written as often as anyone likes: each point is there once. A TensorBoard that is open reads on. But a
    validation that comes later than the training of versions after it stands before those in the file: whoever had
    read them already has to open TensorBoard again to see it.

    Args:
        found: the run.
        folder: what TensorBoard is pointed at (``--logdir``); made if it is not there.

    Returns:
        The file.

    Raises:
        StoreError: if it cannot be written.

    Example::

        write_events(findings(platform, run), folder)
    """
    from tensorboardX.record_writer import RecordWriter

    file = folder / found.run / f"events.out.tfevents.{int(found.submitted.created_at)}.phiforge"
    partial = file.with_name(f".{file.name}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        writer = RecordWriter(str(partial))
        for event in _events(found):
            writer.write(event.SerializeToString())
        writer.close()
        partial.replace(file)
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror or error}; --out names another folder") from error
    return file


def _events(found: Findings) -> Iterator[Any]:
    """Yield the events: first what was submitted, then versions in order, at the end what it came to."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.summary import hparams, text

    begun = found.submitted.created_at
    yield Event(wall_time=begun, file_version=_VERSION)
    yield Event(wall_time=begun, step=0, summary=text("spec", _as_yaml(found.submitted.spec)))
    for summary in hparams(_flat(found.submitted.spec), {"validation/loss": None}):
        yield Event(wall_time=begun, summary=summary)
    for step, wall, scalars in _scalars(found):
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        yield Event(wall_time=wall, step=step, summary=Summary(value=values))
    if found.test is not None:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in _scores("test", found.test).items()]
        yield Event(wall_time=_wall(found, found.best), step=found.test["version"], summary=Summary(value=values))


def _scalars(found: Findings) -> Iterator[tuple[int, float, dict[str, float]]]:
    """Yield versions in order, when each was made, and what is known of it by tag."""
    points = [("training", point) for point in found.training] + [("validation", point) for point in found.validation]
    for kind, point in sorted(points, key=lambda each: (each[1].scores["version"], each[0])):
        known = _scores(kind, point.scores) | {f"{kind}/tasks": float(point.tasks)}
        yield point.scores["version"], _wall(found, point), known


def _scores(kind: str, scores: Mapping[str, Any]) -> dict[str, float]:
    """Return the loss, the accuracy or the return, and every other score with its interval, by tag."""
    names = {"loss", "accuracy", "mean_return"} | {name.removesuffix(_CI95) for name in scores if name.endswith(_CI95)}
    kept = {*names, *(f"{name}{_CI95}" for name in names)} & set(scores)
    return {f"{kind}/{name}": float(scores[name]) for name in sorted(kept) if scores[name] is not None}


def _wall(found: Findings, point: Point | None) -> float:
    """Return when a version was made, by the clock of whoever committed it."""
    return found.submitted.created_at + 60 * ((point.minutes if point else None) or 0.0)


def _as_yaml(spec: Mapping[str, Any]) -> str:
    return "".join(f"    {line}\n" for line in yaml.safe_dump(dict(spec), sort_keys=False).splitlines())


def _flat(spec: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return the fields of a spec by their dotted names, as TensorBoard's table of hyper-parameters takes them."""
    found: dict[str, Any] = {}
    for name, value in spec.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name}.")
        elif value is not None:
            found[f"{before}{name}"] = value if isinstance(value, bool | int | float | str) else str(value)
    return found
