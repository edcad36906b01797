"""From a study's file to a study that services move: checked whole, its datasets published, written down."""

import time
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from phiforge.base.errors import SpecError
from phiforge.fleet.platform import Platform
from phiforge.registry import PartConfig
from phiforge.runs.datasets import prepare
from phiforge.runs.studies.descent import shape_problems
from phiforge.runs.studies.facts import facts_key
from phiforge.runs.studies.look import look, studies_of
from phiforge.runs.studies.record import StudyRecord
from phiforge.runs.weights import with_weights
from phiforge.search.read import parse_study
from phiforge.spec.read import read_spec, sections
from phiforge.spec.studies.checks import MOST_DATASETS
from phiforge.spec.studies.study import StudySpec
from phiforge.spec.studies.trial import with_values
from phiforge.tasks.datasets.bases.dataset import Progress
from phiforge_client.ready_made import found_or_ready_made, study_or_ready_made
from phiforge_client.steering import start
from phiforge_client.submission import new_id


def read_study(path: Path, overrides: list[str]) -> StudySpec:
    """Return the study of a file; raises SpecError with every problem of it.

    A base may be given by the name of a ready-made spec, or of a file beside the study's.
    """
    path = study_or_ready_made(path)

    def base_of(name: str) -> Mapping[str, Any]:
        beside = path.parent / name
        return read_spec(beside if beside.is_file() else found_or_ready_made(Path(name)))

    return parse_study(read_spec(path, overrides), base_of)


def submit_study(platform: Platform, spec: StudySpec, progress: Progress | None = None, priority: int = 0) -> str:
    """Write a study down, let its first trials join the queue, and return its id. From now on services move it.

    Every dataset that a trial may be on is published first. Raises SpecError if there are too many, or if trials that
    go on from each other would differ in the shape of φ; DataError if a dataset cannot be built.
    """
    base = with_weights(spec.base, platform.settings, platform.store)
    spec = spec.model_copy(update={"base": base})
    facts = {
        facts_key(data): prepare(data, platform.settings, platform.store, progress)._asdict() for data in datasets(spec)
    }
    record = StudyRecord(
        study=new_id(spec.name),
        spec=spec.to_json(),
        spec_hash=spec.hash,
        created_at=time.time(),
        device=platform.settings.device,
        priority=priority,
        facts=facts,
    )
    if problems := list(shape_problems(record, spec)):
        raise SpecError(problems, of="study")
    platform.once(studies_of).create(record)
    look(platform, record.study)
    start(platform)
    return record.study


def datasets(spec: StudySpec) -> list[PartConfig]:
    """Return the configuration of every dataset that a trial may be on; raises SpecError if there are too many."""
    found = {facts_key(data): data for data in _configurations(spec)}
    if len(found) > MOST_DATASETS:
        raise SpecError([f"space: trials may be on {len(found)} datasets; allowed: {MOST_DATASETS}"], of="study")
    return list(found.values())


def _configurations(spec: StudySpec) -> Iterator[PartConfig]:
    """Yield what is valid of all combinations of the space's fields of the data, each of which may be unset."""
    fields = [field for field in spec.space if field.partition(".")[0] == "data"]
    unset = object()
    choices = [[unset, *spec.space[field].points(MOST_DATASETS)] for field in fields]
    for values in product(*choices):
        point = {field: value for field, value in zip(fields, values, strict=True) if value is not unset}
        valid, _ = sections({"data": with_values(spec.base, point).get("data", {"name": "glyphs"})})
        if "data" in valid:
            yield valid["data"]
