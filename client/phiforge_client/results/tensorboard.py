"""What the record holds of a run, as a file that TensorBoard reads."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from phiforge_client.results.alone import alone_in
from phiforge_client.results.events_file import append_events, read_events
from phiforge_client.results.findings import Findings
from phiforge_client.results.measurements import measurements, origin, outcome, parameters

_VERSION = "brain.Event:2"
"""What each file of events begins with."""
_OUTCOME = "outcome"


def write_events(found: Findings, folder: Path) -> Path:
    """Write all that is known of a run into its own folder in ``folder``, after what was written there before.

    It may be written as often as anyone likes: each point is there once, and a TensorBoard that is open reads on, for
    the file only grows.

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
    file = folder / found.run / f"events.out.tfevents.{int(found.submitted.created_at)}.phiforge"
    with alone_in(file.parent):
        append_events(file, _missing(found, read_events(file)))
    return file


def _missing(found: Findings, there: list[Any]) -> Iterator[Any]:
    """Yield the events that are not there: what was submitted, what was measured, at the end what it came to."""
    known = {(value.tag, event.step) for event in there for value in event.summary.value}
    yield from list(_head(found))[len(there) :]
    for event in _measured(found):
        left = [value for value in event.summary.value if (value.tag, event.step) not in known]
        if left:
            del event.summary.value[:]
            event.summary.value.extend(left)
            yield event


def _head(found: Findings) -> Iterator[Any]:
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.summary import hparams, text

    begun = found.submitted.created_at
    yield Event(wall_time=begun, file_version=_VERSION)
    yield Event(wall_time=begun, summary=text("spec", _as_yaml(found.submitted.spec)))
    yield Event(wall_time=begun, summary=text("origin", _as_yaml(origin(found))))
    for summary in hparams(parameters(found), {"validation/loss": None}):
        yield Event(wall_time=begun, summary=summary)


def _measured(found: Findings) -> Iterator[Any]:
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.summary import text

    for version, wall, numbers in measurements(found):
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in numbers.items()]
        yield Event(wall_time=wall, step=version, summary=Summary(value=values))
    if result := outcome(found):
        end = found.submitted.created_at + 60 * found.cost.minutes
        yield Event(wall_time=end, step=int(result["best_version"]), summary=text(_OUTCOME, _as_yaml(result)))


def _as_yaml(fields: Mapping[str, Any]) -> str:
    return "".join(f"    {line}\n" for line in yaml.safe_dump(dict(fields), sort_keys=False).splitlines())
