"""StudySpec: one search, whole and immutable."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.base.errors import MissingPartError
from phiforge.registry import PROPOSERS, SCHEDULERS, PartConfig, PartOf
from phiforge.registry.choice import UNKNOWN, default_of
from phiforge.registry.section import RECORDED, Section, Since
from phiforge.spec.schema import recorded, schema_of
from phiforge.spec.studies.dimension import Dimension
from phiforge.spec.studies.space import Space

Goal = Literal["maximise", "minimise"]


class Objective(Section):
    """What is looked for: a score of the validation tasks, of φ once it was trained for so long."""

    score: str | None = Field(
        default=None, description="loss, accuracy, or one of the base's scores; null: what a run's best is chosen by."
    )
    goal: Goal | None = Field(default=None, description="null: the better way of the score.")
    tasks: int | None = Field(
        default=None, ge=1, description="Tasks that each trial is trained on, in whole versions; null: see versions."
    )
    versions: int | None = Field(
        default=None, ge=1, description="Versions that each trial is trained for; null: see tasks, else as the base."
    )


class Aim(Section):
    """One of several objectives."""

    score: str = Field(description="A score of the validation tasks as in objective, or a cost: parameters, tasks.")
    goal: Goal | None = Field(default=None, description="null: the better way of the score, less of a cost.")


class Budget(Section):
    """When a study ends: with whichever is reached first."""

    trials: int | None = Field(default=None, ge=1, le=100_000, description="Trials in all.")
    tasks: int | None = Field(default=None, ge=1, description="Tasks trained on in all, of all trials together.")
    minutes: float | None = Field(
        default=None, gt=0, description="Minutes after which no more trials are proposed: then the clock has a say."
    )


class StudySpec(Section):
    """Everything that decides which trials a study has, as long as its budget is not one of time.

    Example::

        study = parse_study({"base": {"learner": {"name": "maml"}}, "budget": {"trials": 16},
                             "space": {"learner.inner_lr": {"type": "log", "low": 0.01, "high": 1.0}}})
    """

    name: str = Field(
        default="study", pattern=r"^[a-z0-9][a-z0-9-]{0,29}$", description="Short name, part of the study's id."
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="Names what proposers draw; trials have the base's seed.")
    base: Mapping[str, Any] = Field(default={}, description="The run spec that the space changes.")
    space: Mapping[str, Dimension] = Field(default={}, description="Fields of the spec, and what they may be.")
    proposer: Annotated[PartConfig, PartOf(PROPOSERS)] = Field(
        default_factory=lambda: default_of(PROPOSERS, "random"), description="Chooses the trials."
    )
    objective: Objective = Objective()
    objectives: Annotated[tuple[Aim, ...], Since(2, absent=())] = Field(
        default=(),
        max_length=5,
        description="Two or more, instead of the score in objective: what is found is a Pareto front.",
    )
    budget: Budget = Budget()
    scheduler: Annotated[PartConfig, PartOf(SCHEDULERS)] = Field(
        default_factory=lambda: default_of(SCHEDULERS, "to_the_end"), description="Stops trials early."
    )
    generation: int = Field(
        default=8,
        ge=1,
        le=1000,
        description="Trials that are proposed at once, of the results of those before; or that are under way at once.",
    )
    proposals: Annotated[Literal["generations", "asynchronous"], Since(2, absent="generations")] = Field(
        default="generations",
        description="asynchronous: a trial is proposed whenever there is room; depends on the order in which they end.",
    )

    @property
    def points(self) -> Space:
        """Its space, as proposers take it."""
        return Space(self.space)

    @property
    def is_asynchronous(self) -> bool:
        """Whether what is tried depends on the order in which trials come to their rungs and ends."""
        return self.proposals == "asynchronous"

    @property
    def aims(self) -> tuple[Aim, ...]:
        """Its objectives: one, or several."""
        return self.objectives or (Aim(score=str(self.objective.score), goal=self.objective.goal),)

    @property
    def schema_version(self) -> int:
        """The oldest schema of studies that can say what this one says."""
        return schema_of(self)

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON of what is recorded of it."""
        return sha256_hex(canonical_json(self.to_json()))

    def to_json(self) -> dict[str, Any]:
        """Return what is recorded of it, as JSON values."""
        return recorded(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what was recorded.

        Raises MissingPartError if this process lacks a part that it names, ValidationError for what is no study.
        """
        try:
            return cls.model_validate(dict(values), context=RECORDED)
        except ValidationError as error:
            unknown = [each["input"].get("name") for each in error.errors() if each["type"] == UNKNOWN]
            if not unknown:
                raise
            missing = ", ".join(map(repr, unknown))
            raise MissingPartError(f"this process lacks {missing}: install the package that brings it") from error
