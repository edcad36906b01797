"""What is kept of a step that was not finite: φ, the job's episodes and what was found, for ``phiforge replay``."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from phiforge.base.canonical import canonical_json
from phiforge.base.errors import FormatError, MissingObjectError, RunError
from phiforge.learning.tensors import Tensors, decode, encode, fingerprint
from phiforge.runs.record import training_episodes_key
from phiforge.runs.store import Store
from phiforge.tasks.episodes import EpisodeBatch

_WHAT = "found.json"


class Found(BaseModel):
    """Where a run stopped: ``episode`` is the place of the offending one in its job, if it was one alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    job: int
    episode: int | None
    phi_hash: str
    what: str

    @property
    def sentence(self) -> str:
        """Say where it was, and what."""
        episode = "only all its episodes together" if self.episode is None else f"episode {self.episode}"
        return f"version {self.version}, job {self.job}, {episode}: not finite: {self.what}"


class Evidence(NamedTuple):
    """All that it takes to compute the job again."""

    found: Found
    phi: Tensors
    episodes: EpisodeBatch


def keep(store: Store, run: str, found: Found, phi: Tensors, episodes: bytes) -> None:
    """Write what ``load`` needs; what was found last, for that is what makes it count."""
    place = f"{_folder(run)}{found.version:08d}-{found.job:04d}"
    store.put(f"{place}/phi.safetensors", encode(phi))
    store.put(f"{place}/episodes", episodes)
    store.put(f"{place}/{_WHAT}", canonical_json(found.model_dump()))


def keep_job(store: Store, run: str, phi: Mapping[str, Tensor], found: Found) -> None:
    """Keep φ and the job's episodes for a replay, if the episodes are there: a trainer cannot draw them again."""
    try:
        episodes = store.get(training_episodes_key(run, found.version, found.job))
    except MissingObjectError:
        return
    keep(store, run, found, dict(phi), episodes)


def found_at(version: int, job: int, episode: int | None, phi: Mapping[str, Tensor], what: str) -> Found:
    """Return what is to be kept with φ."""
    return Found(version=version, job=job, episode=episode, phi_hash=fingerprint(phi), what=what)


def found_in(store: Store, run: str) -> list[Found]:
    """Return what was found in ``run``, in order of version and job."""
    return [_read(store, key) for key in store.list(_folder(run)) if key.endswith(f"/{_WHAT}")]


def load(store: Store, run: str, version: int | None = None) -> Evidence:
    """Return what was kept of ``version``, by default the newest.

    Raises RunError if nothing was, FormatError if it is not whole any more.
    """
    kept = [found for found in found_in(store, run) if version in (None, found.version)]
    if not kept:
        of = "" if version is None else f" of version {version}"
        raise RunError(f"run {run!r} has no step{of} that was not finite: there is nothing to replay")
    found = next(each for each in kept if each.version == kept[-1].version)
    place = f"{_folder(run)}{found.version:08d}-{found.job:04d}"
    try:
        phi, episodes = store.get(f"{place}/phi.safetensors"), store.get(f"{place}/episodes")
    except MissingObjectError as error:
        raise FormatError(f"what was kept of run {run!r} is not whole: {error}") from error
    evidence = Evidence(found, decode(phi), EpisodeBatch.from_bytes(episodes))
    if fingerprint(evidence.phi) != found.phi_hash:
        raise FormatError(f"the φ that was kept of run {run!r} is damaged: its hash is not {found.phi_hash}")
    return evidence


def _read(store: Store, key: str) -> Found:
    try:
        return Found.model_validate(json.loads(store.get(key)))
    except (ValueError, ValidationError) as error:
        raise FormatError(f"{key} is not what was found: {error}") from error


def _folder(run: str) -> str:
    return f"runs/{run}/failed/"
