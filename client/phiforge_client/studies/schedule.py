"""What population-based training found: a sequence of settings, and how to go through it again."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from phiforge.runs.studies.outcome import Proposal
from phiforge.spec.read import parse_spec
from phiforge.spec.studies.study import StudySpec
from phiforge.spec.studies.trial import raw_of
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


def remarks(study: StudySpec, stretches: list[Stretch]) -> Iterator[str]:
    """Yield what stretches were, and the commands that go through them again, as lines of a comment."""
    yield f"It is the last of {len(stretches)} stretches, each a branch of the one before:"
    for each in stretches:
        said = ", ".join(f"{field} {_text(value)}" for field, value in each.point.items())
        yield f"  version {each.start} to {each.end}, run {each.run}: {said}"
    yield "This is the spec of the first. So all is done again, to the same φ, where RUN is the run before:"
    yield "  phiforge submit found.yaml"
    for each in stretches[1:]:
        yield f"  {_command(study, each)}"


def _command(study: StudySpec, stretch: Stretch) -> str:
    """Return the command that goes on with a stretch.

    It sets every field of the space, also one that this point leaves to the base: the run before may have another.
    """
    spec = parse_spec(raw_of(study, stretch.point)).model_dump(mode="json")
    settings = [f"outer.versions={stretch.end}"]
    settings += [f"{place}={_text(value)}" for place in _places(study.space) for value in _at(spec, place)]
    return shlex.join(["phiforge", "branch", "RUN", "--at", str(stretch.start)]) + "".join(
        f" --set {shlex.quote(each)}" for each in settings
    )


def _places(space: Iterable[str]) -> list[str]:
    """Return what is to be set for the fields of a space: a section as a whole where its part is chosen."""
    found = {field.removesuffix(".name") for field in space}
    return sorted(place for place in found if not any(place.startswith(f"{other}.") for other in found))


def _at(spec: Mapping[str, Any], place: str) -> Iterator[Any]:
    """Yield the value at a place of a spec, if there is one: other parts have other fields."""
    section: Any = spec
    for name in place.split("."):
        if not isinstance(section, Mapping) or name not in section:
            return
        section = section[name]
    yield section


def _text(value: Any) -> str:  # noqa: ANN401 - any value of a spec
    return value if isinstance(value, str) else json.dumps(value)
