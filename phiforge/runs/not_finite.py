"""Where runs stopped because a step was not finite: what was found, without what it takes to compute it again."""

from pydantic import BaseModel, ConfigDict, ValidationError

from phiforge.base.errors import FormatError
from phiforge.runs.sealed import unseal
from phiforge.runs.store import Store

WHAT = "found.json"


class NotFiniteStep(BaseModel):
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


def not_finite_steps(store: Store, run: str) -> list[NotFiniteStep]:
    """Return what was found in ``run``, in order of version and job; raises FormatError if it is damaged."""
    return [_read(store, key) for key in store.list(folder_of(run)) if key.endswith(f"/{WHAT}")]


def place_of(run: str, found: NotFiniteStep) -> str:
    """Return the folder of all that was kept of one step."""
    return f"{folder_of(run)}{found.version:08d}-{found.job:04d}"


def folder_of(run: str) -> str:
    """Return the folder of all that was kept of a run."""
    return f"runs/{run}/failed/"


def _read(store: Store, key: str) -> NotFiniteStep:
    try:
        return NotFiniteStep.model_validate(unseal(key, store.get(key)))
    except (FormatError, ValidationError) as error:
        raise FormatError(f"{key} is not what was found: {error}") from error
