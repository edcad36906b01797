"""``phiforge why``: from a version of φ to the episodes and source items behind it, and back."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from phiforge.base.errors import RunError
from phiforge.fleet.platform import Platform
from phiforge.registry import DATA
from phiforge.runs.commit_log import Entry, Work, works_of
from phiforge.runs.consistency.chosen import consistency_of
from phiforge.runs.datasets import load_catalogue
from phiforge.runs.submitted import RunRecord
from phiforge.tasks.datasets.bases.dataset import Catalogue
from phiforge.tasks.episodes import EpisodeBatch, digest_of
from phiforge.tasks.sources import Appearance, Sources, appearances, sources
from phiforge_client.episodes import TrainingEpisodes
from phiforge_client.verification import expect_recorded, recorded

NO_CATALOGUE = Catalogue((), {})
"""Of tasks that are drawn from a formula."""


@dataclass(frozen=True)
class Job:
    """One job of a step: what its episodes were made of, and whether they are the ones that were logged."""

    job: int
    digest: str
    as_logged: bool
    contribution: str
    worker: str
    compute_seconds: float
    episodes: list[Sources]


@dataclass(frozen=True)
class Why:
    """The step that led to a version: ``run`` is the one that took it, maybe one that the run asked for came out of."""

    run: str
    version: int
    entry: Entry
    jobs: list[Job]

    def to_json(self) -> dict[str, Any]:
        """Return what is known as JSON values."""
        jobs = [
            {name: value for name, value in vars(job).items() if name != "episodes"}
            | {"episodes": [_episode_json(episode) for episode in job.episodes]}
            for job in self.jobs
        ]
        return {"run": self.run, "version": self.version, "log": self.entry, "jobs": jobs}


def why(platform: Platform, run: str, version: int) -> Why:
    """Return the episodes behind the step to ``version`` of ``run`` or, before a branch, of the run it left.

    Raises RunError if there is no such version, or no step led to it.
    """
    record = _owner(platform, run, version)
    entry = platform.record.log_entry(record.run, version)
    episodes = TrainingEpisodes(platform, record)
    catalogue = _catalogue(platform, record)
    files = [episodes.file(work.version, work.job) for work in works_of(entry, record.spec.outer.jobs)]
    return Why(record.run, version, entry, [_job(entry, catalogue, job, data) for job, data in enumerate(files)])


@dataclass(frozen=True)
class Where:
    """In which steps behind a run an item took part, each with the run that took it.

    ``split`` is the one that the item's class belongs to in the dataset of ``run``: φ learns from that of training.
    """

    run: str
    item: str
    split: str
    appearances: list[tuple[str, Appearance]]

    def to_json(self) -> list[dict[str, Any]]:
        """Return where the item took part as JSON values."""
        return [{"run": run} | each._asdict() | {"item": each.item._asdict()} for run, each in self.appearances]


def where(platform: Platform, run: str, name: str, drawing: int | None = None) -> Where:
    """Return in which steps behind the newest recorded version of ``run`` an item took part.

    Args:
        platform: where the run is recorded.
        run: its id.
        name: of a class, or of the file that one image was made from.
        drawing: this image of the class alone.

    Raises RunError if there is no such class, file or drawing.
    """
    found: list[tuple[str, Appearance]] = []
    split = ""
    for record, last in reversed(list(_ancestry(platform, run))):
        catalogue = _catalogue(platform, record)
        images = _images(record, catalogue, name, drawing)
        split = _split_of(catalogue, images[0])
        for version, works in _works(platform, record, last):
            jobs = [(work.version, work.job) for work in works]
            found += [(record.run, each) for each in appearances(record.spec, catalogue, version, images, jobs)]
    return Where(run, name, split, found)


def _works(platform: Platform, record: RunRecord, last: int) -> Iterator[tuple[int, list[Work]]]:
    """Yield of each version of a run which jobs it was made of; the log is asked only where it must be."""
    jobs = record.spec.outer.jobs
    if consistency_of(record.spec).in_step:
        for version in range(record.first_version + 1, last + 1):
            yield version, works_of({"version": version}, jobs)
    else:
        for entry in platform.record.log(record.run, record.first_version, last):
            yield entry["version"], works_of(entry, jobs)


def _owner(platform: Platform, run: str, version: int) -> RunRecord:
    """Return the run, of ``run`` and those it came out of, that took the step to ``version``."""
    record = platform.run(run)
    expect_recorded(run, version, 0, recorded(platform, run)[-1])
    if version == 0:
        raise RunError(f"φ of version 0 of run {run!r} was drawn from the seed: no episode is behind it")
    while record.parent and version <= record.parent.version:
        record = platform.run(record.parent.run)
    return record


def _ancestry(platform: Platform, run: str) -> Iterator[tuple[RunRecord, int]]:
    """Yield a run and those it came out of, each with the last version of it that counts."""
    record = platform.run(run)
    last = recorded(platform, run)[-1]
    yield record, last
    while record.parent:
        last = record.parent.version
        record = platform.run(record.parent.run)
        yield record, last


def _catalogue(platform: Platform, record: RunRecord) -> Catalogue:
    return load_catalogue(record.dataset, platform.store) if DATA[record.spec.data.name].published else NO_CATALOGUE


def _images(record: RunRecord, catalogue: Catalogue, name: str, drawing: int | None) -> list[int]:
    """Return the dataset's numbers of a class's drawings, or of one, or of a file's."""
    if catalogue is NO_CATALOGUE:
        raise RunError(f"the tasks of run {record.run!r} are drawn from a formula: there are no source items")
    source = next((each for each in catalogue.classes if each.name == name), None)
    if source is None and drawing is None and name in catalogue.files:
        return [image for image, file in enumerate(catalogue.files) if file == name]
    if source is None:
        near = [each.name for each in catalogue.classes if name.lower() in each.name.lower()][:10]
        raise RunError(
            f"the dataset of run {record.run!r} has no class or file {name!r}; "
            + (f"similar: {', '.join(near)}" if near else f"the first are: {_first(catalogue)}")
        )
    if drawing is None:
        return list(range(source.first, source.first + source.drawings))
    if not 0 <= drawing < source.drawings:
        raise RunError(f"class {name!r} has no drawing {drawing}; allowed: 0 to {source.drawings - 1}")
    return [source.first + drawing]


def _split_of(catalogue: Catalogue, image: int) -> str:
    """Return which split the class of an image belongs to; '' if tasks are never made of it."""
    number = bisect_right(catalogue.classes, image, key=attrgetter("first")) - 1
    splits = catalogue.splits.items()
    return next((split for split, classes in splits if any(each.source == number for each in classes)), "")


def _first(catalogue: Catalogue) -> str:
    return ", ".join(each.name for each in catalogue.classes[:10])


def _job(entry: Entry, catalogue: Catalogue, job: int, data: bytes) -> Job:
    logged, seen = entry["jobs"][job], entry["observed"]["jobs"][job]
    digest = digest_of(data)
    episodes = sources(catalogue, EpisodeBatch.from_bytes(data))
    same = digest == logged["episodes"]
    return Job(job, digest, same, logged["contribution"], seen["worker"], seen["compute_seconds"], episodes)


def _episode_json(episode: Sources) -> dict[str, Any]:
    return {role: [item._asdict() for item in items] for role, items in episode._asdict().items()}
