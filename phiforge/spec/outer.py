"""The outer loop: how contributions become the next φ, and how much work a version is."""

from typing import Annotated, Literal

from pydantic import Field

from phiforge.registry import OPTIMIZERS, PartConfig, PartOf, Section
from phiforge.registry.choice import DefaultPart
from phiforge.registry.section import Since

OptimizerConfig = Annotated[PartConfig, PartOf(OPTIMIZERS)]
_adam = DefaultPart(OPTIMIZERS, "adam")

Schedule = Literal["constant", "cosine", "linear", "restarts", "halving"]
PERIODIC = ("restarts", "halving")
"""Schedules that need a period."""


class ParameterGroup(Section):
    """Entries of φ that the outer optimiser moves at a rate of their own."""

    pattern: str = Field(
        min_length=1, max_length=200, description="Names of φ's entries, with * and ?: 'rates/*', '*.bias'."
    )
    lr: float = Field(ge=0, description="Outer learning rate of these at its highest; 0: they stay as they are.")


class Average(Section):
    """An exponential average of φ over its versions, kept beside it."""

    decay: float = Field(
        default=0.99, gt=0, lt=1, description="How much of the weight of a version is left a version later."
    )
    judged: bool = Field(
        default=True, description="Whether the average stands for φ where it is judged and used; φ is learned as ever."
    )


class Outer(Section):
    """One outer update a version: a meta-batch of episodes, cut into jobs of a fixed size."""

    versions: int = Field(default=1000, ge=0, description="Outer updates of the whole run; 0 for baselines.")
    meta_batch: int = Field(default=16, ge=1, le=65_536, description="Episodes per outer update.")
    job_size: int = Field(default=4, ge=1, description="Episodes a worker takes at a time; divides meta_batch.")
    optimizer: OptimizerConfig = Field(default_factory=_adam)
    lr: float = Field(default=1e-3, gt=0, description="Outer learning rate at its highest.")
    schedule: Schedule = Field(
        default="constant",
        description="How the rate goes: constant; cosine or linear, to zero at the last version; restarts, a cosine to "
        "zero in each period; halving, by half after each period.",
    )
    period: Annotated[int, Since(2, absent=0)] = Field(
        default=0, ge=0, description="Versions of the first period of 'restarts' and of each of 'halving'."
    )
    period_factor: Annotated[int, Since(2, absent=1)] = Field(
        default=1, ge=1, le=10, description="How many times as long each period of 'restarts' is as the one before."
    )
    warmup: int = Field(default=0, ge=0, description="Versions over which the rate rises linearly from zero.")
    clip_norm: float | None = Field(
        default=10.0, gt=0, description="Largest Euclidean norm of the gradient; null: any."
    )
    local_steps: int = Field(
        default=1, ge=1, le=1000, description="Steps that a job takes by itself before it contributes the way it went."
    )
    local_optimizer: OptimizerConfig = Field(
        default_factory=_adam, description="Of the steps inside a job, if there are several; starts afresh in each job."
    )
    local_lr: float = Field(default=1e-3, gt=0, description="Rate of the steps inside a job.")
    average: Annotated[Average | None, Since(2, absent=None)] = Field(
        default=None, description="Keep an exponential average of φ; null: none, and nothing changes."
    )
    groups: Annotated[tuple[ParameterGroup, ...], Since(2, absent=())] = Field(
        default=(),
        max_length=100,
        description="Rates of their own by names of φ's entries; the first that fits counts.",
    )

    @property
    def jobs(self) -> int:
        """Jobs of one version."""
        return self.meta_batch // self.job_size

    @property
    def job_tasks(self) -> int:
        """Episodes of one job: ``job_size`` for each of its steps."""
        return self.job_size * self.local_steps

    @property
    def tasks(self) -> int:
        """Episodes of one version."""
        return self.meta_batch * self.local_steps
