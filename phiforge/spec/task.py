"""What a task looks like, how φ is judged, and the numerics it is computed with."""

from typing import Annotated, Literal

from pydantic import Field

from phiforge.registry.section import Section, Since

Engine = Literal["torch", "fused", "vmap"]
"""What computes networks; see ``phiforge.learning.engines``."""


class Task(Section):
    """N-way K-shot: the shape of one episode."""

    n_way: int = Field(default=5, ge=1, description="Classes of one episode; 1 for a regression.")
    k_shot: int = Field(default=1, ge=1, description="Support examples per class.")
    n_query: int = Field(default=5, ge=1, description="Query examples per class.")

    @property
    def drawings(self) -> int:
        """Examples one episode takes of one class."""
        return self.k_shot + self.n_query


class Evaluation(Section):
    """Fixed episodes that judge φ: the same for every learner, whatever the run's seed."""

    every: int = Field(default=100, ge=1, description="Versions between two validations (and checkpoints).")
    validation_tasks: int = Field(default=200, ge=2, le=1_000_000)
    test_tasks: int = Field(default=600, ge=2, le=1_000_000)
    chunk_size: int = Field(default=25, ge=1, description="Episodes that an evaluator scores per message.")
    task: Task | None = Field(default=None, description="Shape of the judged episodes; null: that of training.")
    seed: int = Field(default=0, ge=0, description="Names the fixed episodes.")
    label_noise: Annotated[float | None, Since(2, absent=None)] = Field(
        default=None,
        ge=0,
        le=0.6,
        description="Share of the support labels that are wrong in the judged episodes; null: that of training.",
    )


class CheckpointSchedule(Section):
    """When φ and the optimiser's state go to object storage."""

    every: int = Field(default=100, ge=1, description="Versions between two checkpoints: the most that can be lost.")


class Numerics(Section):
    """What may change φ in its last bits."""

    threads: int = Field(default=1, ge=1, le=256, description="Torch threads of one trainer.")
    chunk: int = Field(
        default=1, ge=1, description="Episodes that share one backward pass, or one vmap: memory against speed."
    )
    dtype: Literal["float32", "float64", "bfloat16"] = Field(
        default="float32",
        description="bfloat16: convolutions and linear layers of networks multiply in it; all else is float32.",
    )
    engine: Literal["auto", Engine] = Field(
        default="auto",
        description="What computes networks: torch, fused (on CPUs), vmap (chunks at once); auto is settled at submit.",
    )

    @property
    def settled_engine(self) -> Engine:
        """The engine of a submitted run; one that was submitted before there was a choice had torch."""
        return "torch" if self.engine == "auto" else self.engine

    @property
    def bfloat16(self) -> bool:
        """Whether networks multiply in bfloat16."""
        return self.dtype == "bfloat16"

    @property
    def kept(self) -> Literal["float32", "float64"]:
        """The type of φ, of episodes, of gradients and of all that is summed."""
        return "float64" if self.dtype == "float64" else "float32"


class Sampling(Section):
    """How far the sampler runs ahead of the trainers, and what it makes of the training classes."""

    window: int = Field(default=4, ge=1, le=1000, description="Versions sampled ahead of the newest φ.")
    augmentation: Literal["none", "mirror", "turn"] = Field(
        default="none",
        description="mirror: each class of a training task is, by a coin, its mirror image: a new class; turn: besides "
        "that turned by 0, 90, 180 or 270 degrees.",
    )
    label_noise: Annotated[float, Since(2, absent=0.0)] = Field(
        default=0.0,
        ge=0,
        le=0.6,
        description="Share of each class's support examples whose label is wrong; query labels are right always.",
    )
