"""What the record holds of a run, as any tracker of experiments takes it: numbers by version, parameters, facts."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from phiforge_client.results.findings import Findings, Point, Scores

_CI95 = "_ci95"


class Measured(NamedTuple):
    """Numbers by tag, of the φ of one ``version``; ``wall``: when that was made, as a Unix time by its committer."""

    version: int
    wall: float
    numbers: Mapping[str, float]


def measurements(found: Findings) -> Iterator[Measured]:
    """Yield what was measured: by version in training and on validation tasks, at the end on test tasks.

    Args:
        found: the run.

    Example::

        for measured in measurements(findings(platform, run)):
            print(measured.version, measured.numbers.get("validation/loss"))
    """
    points = [("training", point) for point in found.training] + [("validation", point) for point in found.validation]
    for kind, point in sorted(points, key=lambda each: (each[1].scores["version"], each[0])):
        known = _scores(kind, point.scores) | {f"{kind}/tasks": float(point.tasks)}
        yield Measured(point.scores["version"], _wall(found, point), known)
    if found.test is not None:
        yield Measured(found.test["version"], _wall(found, found.best), _scores("test", found.test))


def parameters(found: Findings) -> dict[str, Any]:
    """Return the fields of the run's spec by their dotted names: booleans, numbers and texts."""
    return _flat(found.submitted.spec)


def origin(found: Findings) -> dict[str, str]:
    """Return what was settled as the run was submitted: its id, labels, dataset and spec's hash."""
    submitted = found.submitted
    labels = {f"label.{name}": value for name, value in submitted.wish.labels}
    parent = {"parent": submitted.parent.run} if submitted.parent else {}
    return {"run": found.run, "dataset": submitted.dataset, "spec_hash": submitted.spec_hash} | labels | parent


def outcome(found: Findings) -> dict[str, str]:
    """Return what the run came to: its best version and the hash of that φ; empty as long as there is no report."""
    return {name: str(found.report[name]) for name in ("best_version", "phi_hash")} if found.report else {}


def _scores(kind: str, scores: Scores) -> dict[str, float]:
    """Return the loss, the accuracy or the return, and every other score with its interval, by tag."""
    names = {"loss", "accuracy", "mean_return"} | {name.removesuffix(_CI95) for name in scores if name.endswith(_CI95)}
    kept = {*names, *(f"{name}{_CI95}" for name in names)} & set(scores)
    return {f"{kind}/{name}": float(scores[name]) for name in sorted(kept) if scores[name] is not None}


def _wall(found: Findings, point: Point | None) -> float:
    return found.submitted.created_at + 60 * ((point.minutes if point else None) or 0.0)


def _flat(spec: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in spec.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{name}.")
        elif value is not None:
            flat[f"{before}{name}"] = value if isinstance(value, bool | int | float | str) else str(value)
    return flat
