"""RunSpec: one meta-training, whole and immutable."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.base.errors import MissingPartError
from phiforge.registry import DATA, ESTIMATORS, LEARNERS, SCORES, PartConfig, PartOf, Section
from phiforge.registry.choice import UNKNOWN, DefaultPart
from phiforge.registry.section import RECORDED, Since
from phiforge.spec.outer import Outer
from phiforge.spec.schema import recorded, schema_of
from phiforge.spec.task import CheckpointSchedule, Evaluation, Numerics, Sampling, Task

NAME_RULE = "allowed are 1 to 48 of a-z, 0-9 and '-', not '-' at first, like my-run-2"
"""What the pattern of a run's name says."""


class RunSpec(Section):
    """Everything that decides what a run computes; where it computes is Settings' matter.

    Example::

        spec = RunSpec.model_validate({"learner": {"name": "prototypical"}, "task": {"n_way": 20}})
        spec.outer.lr, spec.learner.name, spec.hash
    """

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
    data: Annotated[PartConfig, PartOf(DATA)] = Field(default_factory=DefaultPart(DATA, "glyphs"))
    task: Task = Task()
    learner: Annotated[PartConfig, PartOf(LEARNERS)] = Field(default_factory=DefaultPart(LEARNERS, "maml"))
    estimator: Annotated[PartConfig, PartOf(ESTIMATORS)] = Field(
        default_factory=DefaultPart(ESTIMATORS, "backpropagation")
    )
    outer: Outer = Field(default_factory=Outer)
    sampling: Sampling = Sampling()
    checkpoint: CheckpointSchedule = CheckpointSchedule()
    evaluation: Evaluation = Evaluation()
    numerics: Numerics = Numerics()
    scores: Annotated[tuple[Annotated[PartConfig, PartOf(SCORES)], ...], Since(2, absent=())] = Field(
        default=(), max_length=20, description="Further scores of every task, beside its loss and accuracy."
    )

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON of what is recorded of it, defaults included."""
        return sha256_hex(canonical_json(self.to_json()))

    @property
    def schema_version(self) -> int:
        """The oldest schema that can say what this spec says."""
        return schema_of(self)

    def to_json(self) -> dict[str, Any]:
        """Return what is recorded of it, as JSON values."""
        return recorded(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what was recorded.

        Raises MissingPartError if this process lacks a part that it names, ValidationError for anything else that is
        no spec.
        """
        try:
            return cls.model_validate(dict(values), context=RECORDED)
        except ValidationError as error:
            unknown = [each for each in error.errors() if each["type"] == UNKNOWN]
            if not unknown:
                raise
            missing = ", ".join(f"{each['loc'][-1]} {each['input'].get('name')!r}" for each in unknown)
            raise MissingPartError(f"this process lacks {missing}: install the package that brings it") from error

    @property
    def evaluation_task(self) -> Task:
        """Shape of the judged episodes."""
        return self.evaluation.task or self.task

    @property
    def evaluation_noise(self) -> float:
        """Share of the support labels that are wrong in the judged episodes."""
        given = self.evaluation.label_noise
        return self.sampling.label_noise if given is None else given

    def records_at(self, version: int) -> bool:
        """Say whether φ of ``version`` goes to object storage: at every checkpoint, validation and the end."""
        return version in (0, self.outer.versions) or not version % self.checkpoint.every or self.validates_at(version)

    def validates_at(self, version: int) -> bool:
        """Say whether φ of ``version`` is scored on the validation episodes."""
        return version == self.outer.versions or not version % self.evaluation.every
