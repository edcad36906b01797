"""How many inner steps to take on unseen tasks, chosen on the validation tasks of the version that is judged."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phiforge.base.canonical import canonical_json
from phiforge.base.errors import FormatError
from phiforge.learning.scoring import ChunkScores, summary
from phiforge.registry import LEARNERS
from phiforge.spec.run import RunSpec

_TRIED = (1, 2, 3, 5, 10)
"""For ever: scores that are taken again must come out the same."""

_COMPARED = ("loss", "loss_ci95", "accuracy", "accuracy_ci95", "mean_return", "mean_return_ci95")
"""What is said of each number that was tried, as far as tasks have it."""

STEPS = "inner_steps"
BY_STEPS = "by_inner_steps"
"""Of a summary: the number of inner steps that it is of, and what each number that was tried came to."""


def tried_steps(config: Any) -> tuple[int, ...]:  # noqa: ANN401 - a learner's own
    """Return the numbers of inner steps on unseen tasks to choose among, in order.

    Args:
        config: of a learner that says ``tries_steps``. Its number in meta-training and its default are among them.
    """
    return tuple(sorted({*_TRIED, config.inner_steps, config.inner_steps_evaluation}))


def tries_steps(spec: RunSpec) -> bool:
    """Say whether the number of inner steps on unseen tasks is left to the validation tasks: nobody gave it."""
    return LEARNERS[spec.learner.name].tries_steps and "inner_steps_evaluation" not in spec.learner.model_fields_set


@dataclass(frozen=True)
class TriedScores:
    """Scores of each task of a chunk after each number of inner steps; those whose losses are finite throughout."""

    by_steps: Mapping[int, ChunkScores]

    @classmethod
    def finite(cls, found: Mapping[int, ChunkScores]) -> "TriedScores":
        """Return what was found, without the numbers of steps that led to a loss that is no number."""
        return cls({steps: each for steps, each in found.items() if all(map(math.isfinite, each.of["loss"]))})

    def to_bytes(self) -> bytes:
        """Return canonical JSON."""
        return canonical_json({str(steps): each.of for steps, each in self.by_steps.items()})

    @classmethod
    def from_bytes(cls, data: bytes) -> "TriedScores":
        """Read what ``to_bytes`` wrote; raises FormatError for anything else."""
        try:
            found = {int(steps): canonical_json(of) for steps, of in json.loads(data).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise FormatError(f"not the scores of a chunk by inner steps: {data[:80]!r}") from error
        return cls({steps: ChunkScores.from_bytes(of) for steps, of in found.items()})


def summary_of_best(
    version: int, phi_hash: str, chunks: Sequence[TriedScores], chosen_by: str, *, higher_is_better: bool
) -> Mapping[str, Any] | None:
    """Return the ``summary`` of the number of inner steps that did best, with what each came to; None if none can be.

    Args:
        version: the version that is judged.
        phi_hash: the hash of its φ.
        chunks: the scores of all tasks.
        chosen_by: the score whose mean decides; of equals the fewest steps.
        higher_is_better: which way that score is better.
    """
    tried = sorted(set.intersection(*(set(each.by_steps) for each in chunks)))
    found = {steps: summary(version, phi_hash, [each.by_steps[steps] for each in chunks]) for steps in tried}
    if not found:
        return None
    sign = -1 if higher_is_better else 1
    best = min(tried, key=lambda steps: (sign * found[steps][chosen_by], steps))
    names = [name for name in _COMPARED if name in found[best]]
    return {
        **found[best],
        STEPS: best,
        BY_STEPS: {str(steps): {name: found[steps][name] for name in names} for steps in tried},
    }
