"""What is kept of a step that was not finite: φ, the job's episodes and what was found, for ``phiforge replay``."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from phiforge.base.errors import FormatError, MissingObjectError, RunError
from phiforge.learning.tensors import Tensors, decode, encode, fingerprint
from phiforge.runs.keys import training_episodes_key
from phiforge.runs.not_finite import WHAT, NotFiniteStep, not_finite_steps, place_of
from phiforge.runs.sealed import seal
from phiforge.runs.store import Store
from phiforge.tasks.episodes import EpisodeBatch


class Evidence(NamedTuple):
    """All that it takes to compute the job again."""

    found: NotFiniteStep
    phi: Tensors
    episodes: EpisodeBatch


def save(store: Store, run: str, found: NotFiniteStep, phi: Tensors, episodes: bytes) -> None:
    """Write what ``load`` needs; what was found last, for that is what makes it count."""
    place = place_of(run, found)
    store.put(f"{place}/phi.safetensors", encode(phi))
    store.put(f"{place}/episodes", episodes)
    store.put(f"{place}/{WHAT}", seal(f"{place}/{WHAT}", found.model_dump()))


def save_job(store: Store, run: str, phi: Mapping[str, Tensor], found: NotFiniteStep) -> None:
    """Save φ and the job's episodes for a replay, if the episodes are there: a trainer cannot draw them again."""
    try:
        episodes = store.get(training_episodes_key(run, found.version, found.job))
    except MissingObjectError:
        return
    save(store, run, found, dict(phi), episodes)


def not_finite_step(version: int, job: int, episode: int | None, phi: Mapping[str, Tensor], what: str) -> NotFiniteStep:
    """Return what is to be kept with φ."""
    return NotFiniteStep(version=version, job=job, episode=episode, phi_hash=fingerprint(phi), what=what)


def load(store: Store, run: str, version: int | None = None) -> Evidence:
    """Return what was kept of ``version``, by default the newest.

    Raises RunError if nothing was, FormatError if it is not whole any more.
    """
    kept = [found for found in not_finite_steps(store, run) if version in (None, found.version)]
    if not kept:
        of = "" if version is None else f" of version {version}"
        raise RunError(f"run {run!r} has no step{of} that was not finite: there is nothing to replay")
    found = next(each for each in kept if each.version == kept[-1].version)
    place = place_of(run, found)
    try:
        phi, episodes = store.get(f"{place}/phi.safetensors"), store.get(f"{place}/episodes")
    except MissingObjectError as error:
        raise FormatError(f"what was kept of run {run!r} is not whole: {error}") from error
    evidence = Evidence(found, decode(phi), EpisodeBatch.from_bytes(episodes))
    if fingerprint(evidence.phi) != found.phi_hash:
        raise FormatError(f"the φ that was kept of run {run!r} is damaged: its hash is not {found.phi_hash}")
    return evidence
