"""What population-based training found: a sequence of settings, and how to go through it again."""

import json
import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple

from phiforge.runs.studies.outcome import Proposal
from phiforge_client.studies.view import StudyView


class Stretch(NamedTuple):
    """Some versions of φ, and the settings that they were learned with.

    Args:
        start: the version before the first
        end: the last
        run: which learned them
        point: the values of the space's fields
    """

    start: int
    end: int
    run: str
    point: dict[str, Any]


def schedule(view: StudyView, proposal: Proposal) -> list[Stretch]:
    """Return the stretches that led to a trial's φ, from φ₀ on: one if it went on from nobody."""
    before = [] if proposal.parent is None else schedule(view, view.found.proposals[proposal.parent])
    return [*before, Stretch(proposal.start, proposal.rungs[-1], view.run_of(proposal), dict(proposal.point))]


def remarks(stretches: list[Stretch]) -> Iterator[str]:
    """Yield what stretches were, and the commands that go through them again, as lines of a comment."""
    yield f"It is the last of {len(stretches)} stretches, each a branch of the one before:"
    for each in stretches:
        said = ", ".join(f"{field} {_text(value)}" for field, value in each.point.items())
        yield f"  version {each.start} to {each.end}, run {each.run}: {said}"
    yield "This is the spec of the first. So all is done again, to the same φ, where RUN is the run before:"
    yield "  phiforge submit found.yaml"
    for each in stretches[1:]:
        yield f"  {_command(each)}"


def _command(stretch: Stretch) -> str:
    """Return the command that goes on with a stretch; outer sections are set before what is in them."""
    fields = sorted(stretch.point, key=lambda field: (field.count("."), field))
    settings = [f"outer.versions={stretch.end}", *(f"{field}={_text(stretch.point[field])}" for field in fields)]
    return shlex.join(["phiforge", "branch", "RUN", "--at", str(stretch.start)]) + "".join(
        f" --set {shlex.quote(each)}" for each in settings
    )


def _text(value: Any) -> str:  # noqa: ANN401 - any value of a spec
    return value if isinstance(value, str) else json.dumps(value)
