"""What a run's moves ask of others: messages, whoever carries them."""

from collections.abc import Iterable
from typing import Protocol


class Outbox(Protocol):
    """Sends messages; one that is sent twice, late or never costs time, never correctness."""

    @property
    def serves_on(self) -> bool:
        """Whether this process takes training messages, and has not been asked to stop."""
        ...

    def waiting(self) -> int:
        """Return how many training messages wait for somebody to take them."""
        ...

    def sample_training(self, run: str, version: int) -> None:
        """Ask a sampler for the episodes of ``version``."""
        ...

    def sample_evaluation(self, run: str, split: str, chunk: int) -> None:
        """Ask a sampler for a chunk of the fixed episodes of ``split``."""
        ...

    def retain(self, run: str) -> None:
        """Ask a sampler to delete the training episodes that ``run`` does not need any more."""
        ...

    def train(self, run: str, version: int, job: int) -> None:
        """Ask a trainer for the contribution of ``job`` to the step from ``version``."""
        ...

    def train_together(self, run: str, jobs: Iterable[tuple[int, int]]) -> None:
        """Ask trainers for the contributions of ``jobs``, each (version, job), in that order."""
        ...

    def evaluate(self, run: str, split: str, version: int, chunk: int) -> None:
        """Ask an evaluator for the scores of ``version`` on a chunk of ``split``."""
        ...
