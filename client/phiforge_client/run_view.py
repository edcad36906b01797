"""What is shown of a run."""

from dataclasses import asdict, dataclass
from typing import Any

from phiforge.runs.record import RunStatus
from phiforge.runs.waiting.wish import Labels


@dataclass
class RunView:
    """One run at one moment; ``accuracy`` is of the test episodes once they were looked at, else of the validation.

    A run that learns to act has a ``mean_return`` instead, of the same episodes.
    """

    run: str
    status: str
    version: int | None
    versions: int
    tasks_per_second: float
    loss: float | None
    accuracy: float | None
    accuracy_ci95: float
    split: str
    seconds_left: float | None
    created_at: float
    labels: Labels = ()
    mean_return: float | None = None
    mean_return_ci95: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self) | {"labels": dict(self.labels)}

    @property
    def over(self) -> bool:
        """Whether the run needs nothing more."""
        return self.status in (RunStatus.COMPLETE, RunStatus.FAILED, RunStatus.CANCELLED)
