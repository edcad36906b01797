"""Every learner: one file each; adding one is a file and a line here."""

from typing import Annotated

from pydantic import Field

from phiforge.learners.base import EVALUATION, Learner, Mode, Outcome, Phi, Predictor, TaskShape
from phiforge.learners.from_scratch import FromScratch, FromScratchConfig
from phiforge.learners.maml import Maml, MamlConfig
from phiforge.learners.pixel_nearest_neighbour import PixelNearestNeighbour, PixelNearestNeighbourConfig
from phiforge.learners.prototypical import Prototypical, PrototypicalConfig
from phiforge.spec.part import Part

LearnerConfig = Annotated[
    FromScratchConfig | MamlConfig | PixelNearestNeighbourConfig | PrototypicalConfig, Field(discriminator="name")
]

LEARNERS: dict[str, type[Learner]] = {
    learner.name: learner for learner in (FromScratch, Maml, PixelNearestNeighbour, Prototypical)
}


def build_learner(config: Part, shape: TaskShape) -> Learner:
    """Return the learner that ``config`` (one of LearnerConfig) describes, for tasks of ``shape``."""
    return LEARNERS[getattr(config, "name")](config, shape)  # noqa: B009


__all__ = [
    "EVALUATION",
    "LEARNERS",
    "Learner",
    "LearnerConfig",
    "Mode",
    "Outcome",
    "Phi",
    "Predictor",
    "TaskShape",
    "build_learner",
]
