"""RunSpec: one meta-training, whole and immutable."""

from typing import Literal

from pydantic import Field

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.learning.learners import LearnerConfig
from phiforge.learning.learners.maml import MamlConfig
from phiforge.registry.section import Part
from phiforge.spec.data import DataSpec, GlyphsData
from phiforge.spec.estimator import BackpropagationConfig, EstimatorConfig
from phiforge.spec.outer import Outer
from phiforge.spec.task import Checkpoint, Evaluation, Numerics, Sampling, Task


class RunSpec(Part):
    """Everything that decides what a run computes; where it computes is Settings' matter."""

    name: str = Field(
        default="run", pattern=r"^[a-z0-9][a-z0-9-]{0,47}$", description="Short name, part of the run id."
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="Names φ₀ and the training episodes.")
    consistency: Literal["synchronous", "bounded_staleness"] = Field(
        default="synchronous",
        description="bounded_staleness: a version is made of the contributions that came first; not bit-reproducible.",
    )
    staleness: int = Field(
        default=0, ge=0, le=1000, description="Versions that φ may have moved on while a contribution was computed."
    )
    data: DataSpec = GlyphsData()
    task: Task = Task()
    learner: LearnerConfig = MamlConfig()
    estimator: EstimatorConfig = BackpropagationConfig()
    outer: Outer = Outer()
    sampling: Sampling = Sampling()
    checkpoint: Checkpoint = Checkpoint()
    evaluation: Evaluation = Evaluation()
    numerics: Numerics = Numerics()

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON of every field, defaults included."""
        return sha256_hex(canonical_json(self.model_dump(mode="json")))

    @property
    def evaluation_task(self) -> Task:
        """Shape of the judged episodes."""
        return self.evaluation.task or self.task

    def records_at(self, version: int) -> bool:
        """Say whether φ of ``version`` goes to object storage: at every checkpoint, validation and the end."""
        return version in (0, self.outer.versions) or not version % self.checkpoint.every or self.validates_at(version)

    def validates_at(self, version: int) -> bool:
        """Say whether φ of ``version`` is scored on the validation episodes."""
        return version == self.outer.versions or not version % self.evaluation.every
