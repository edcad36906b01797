"""The outer loop: how contributions become the next φ, and how much work a version is."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from phiforge.registry.section import Part


class AdamConfig(Part):
    """Adam (Kingma and Ba 2015, algorithm 1)."""

    slots: ClassVar[tuple[str, ...]] = ("mean", "square")
    """What is kept of each entry of φ between updates."""
    name: Literal["adam"] = "adam"
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.999, ge=0, lt=1)
    epsilon: float = Field(default=1e-8, gt=0)


class SgdConfig(Part):
    """Gradient descent with heavy-ball momentum; momentum 0 is plain descent."""

    slots: ClassVar[tuple[str, ...]] = ("momentum",)
    name: Literal["sgd"] = "sgd"
    momentum: float = Field(default=0.0, ge=0, lt=1)


OptimizerConfig = Annotated[AdamConfig | SgdConfig, Field(discriminator="name")]


class Outer(Part):
    """One outer update a version: a meta-batch of episodes, cut into jobs of a fixed size."""

    versions: int = Field(default=1000, ge=0, description="Outer updates of the whole run; 0 for baselines.")
    meta_batch: int = Field(default=16, ge=1, le=65_536, description="Episodes per outer update.")
    job_size: int = Field(default=4, ge=1, description="Episodes a worker takes at a time; divides meta_batch.")
    optimizer: OptimizerConfig = AdamConfig()
    lr: float = Field(default=1e-3, gt=0, description="Outer learning rate at its highest.")
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: int = Field(default=0, ge=0, description="Versions over which the rate rises linearly from zero.")
    clip_norm: float | None = Field(
        default=10.0, gt=0, description="Largest Euclidean norm of the gradient; null: any."
    )
    local_steps: int = Field(
        default=1, ge=1, le=1000, description="Steps that a job takes by itself before it contributes the way it went."
    )
    local_optimizer: OptimizerConfig = Field(
        default=AdamConfig(), description="Of the steps inside a job, if there are several; starts afresh in each job."
    )
    local_lr: float = Field(default=1e-3, gt=0, description="Rate of the steps inside a job.")

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
