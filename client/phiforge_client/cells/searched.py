"""The architecture that a run found, as the spec of a run that trains it from φ₀."""

from collections.abc import Iterator, Mapping
from typing import Any

from phiforge.base.errors import RunError
from phiforge.registry import ESTIMATORS, LEARNERS
from phiforge.runs.record import Record, RunStatus
from phiforge.runs.submitted import Submitted
from phiforge.spec.run import RunSpec


def found_spec(record: Record, run: str) -> dict[str, Any]:
    """Return the spec of ``run`` with the discrete network that it found, to be trained from φ₀.

    Raises RunError if the run has no report yet, searched for no architecture, or drew all operations alike.
    """
    submitted, status = record.submitted(run), record.status(run)
    estimator = submitted.spec["estimator"]
    part = ESTIMATORS[estimator["name"]]
    if part.indifferent(part.Config.model_validate(estimator)):
        raise RunError(
            f"run {run!r} drew all operations alike, so its logits say nothing; `phiforge cell {run} --draws 50` "
            "chooses by the weights that they share"
        )
    if status is not RunStatus.COMPLETE:
        raise RunError(f"run {run!r} is {status.value}, so it has found nothing yet; `phiforge show {run}` says more")
    architecture = record.report(run).get("architecture")
    if architecture is None:
        raise RunError(
            f"run {run!r} searched for no architecture, as its learner's network is another than 'relaxed_cell'; "
            "`phiforge explain learner.meta_nas` says more"
        )
    return trained_spec(submitted, architecture["learner"])


def trained_spec(submitted: Submitted, learner: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of a run that searched, with the ``learner`` on the discrete network in its place."""
    spec = submitted.spec
    if submitted.tries_steps:
        learner = {name: value for name, value in learner.items() if name != "inner_steps_evaluation"}
    found = {name: spec[name] for name in RunSpec.model_fields if name in spec}
    return found | {
        "name": f"{spec['name'][:43]}-cell",
        "learner": dict(learner),
        "estimator": _estimator(spec["estimator"], learner),
        "outer": {**spec["outer"], "groups": _of_weights(spec["outer"].get("groups") or [])},
    }


def in_words(report: Mapping[str, Any]) -> str:
    """Return the architecture of a report in lines of a comment: each edge with its operation and that one's weight."""
    architecture = report["architecture"]
    skips = f"{architecture['skips']} of {architecture['of']} edges skip"
    lines = [f"# Found by run {report['run']}, version {report['best_version']}: {skips}.", *_edges(architecture)]
    return "".join(f"{line}\n" for line in lines)


def _edges(architecture: Mapping[str, Any]) -> Iterator[str]:
    for kind, edges in architecture["edges"].items():
        for edge, found in edges.items():
            yield f"#   {kind} {edge}: {found['operation']} ({found['weights'][found['operation']]:.2f})"


def _estimator(searched: Mapping[str, Any], learner: Mapping[str, Any]) -> dict[str, Any]:
    """Return the estimator of the search, or the plain gradient if that one only searches."""
    part = LEARNERS[learner["name"]]
    refused = ESTIMATORS[searched["name"]].refuses(part, part.Config.model_validate(dict(learner)))
    return {"name": "backpropagation"} if refused else dict(searched)


def _of_weights(groups: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the groups of entries with a rate of their own, but those of logits, which are there no more."""
    return [each for each in groups if "architecture" not in each["pattern"]]
