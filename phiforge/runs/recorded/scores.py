"""The scores of versions on validation and test tasks."""

from collections.abc import Mapping
from typing import Any

from phiforge.base.errors import FormatError
from phiforge.runs.keys import key_of, version_of
from phiforge.runs.recorded.written import Written

_NUMBER = (int, float)
_DECISIVE = ("accuracy", "mean_return")
"""What scores must say besides the loss: one of the two, as tasks are told apart or acted in."""


class Scores(Written):
    """One JSON file for each version and split."""

    def save_scores(self, run: str, split: str, version: int, scores: Mapping[str, Any]) -> None:
        """Write the scores of one version on one split."""
        self._write(_scores_key(run, split, version), scores)

    def scored(self, run: str, split: str) -> list[int]:
        """Return the versions that have scores on ``split``, in order; these may be damaged."""
        return [version_of(key) for key in self.store.list(key_of(run, "scores", f"{split}/"))]

    def has_scores(self, run: str, split: str, version: int) -> bool:
        """Say whether one version has scores on one split that can be read."""
        return self._readable(lambda: self.scores(run, split, version))

    def scores(self, run: str, split: str, version: int) -> dict[str, Any]:
        """Read the scores of one version on one split; raises FormatError if they are damaged."""
        key = _scores_key(run, split, version)
        scores = self._read(key)
        decisive = next((name for name in _DECISIVE if name in scores), _DECISIVE[0])
        wrong = [name for name in ("loss", decisive) if not isinstance(scores.get(name), _NUMBER)]
        if wrong or scores.get("version", version) != version:
            raise FormatError(f"{key} is damaged: wrong or missing: {', '.join(wrong) or 'version'}")
        return scores


def _scores_key(run: str, split: str, version: int) -> str:
    return key_of(run, "scores", split, f"{version:08d}.json")
