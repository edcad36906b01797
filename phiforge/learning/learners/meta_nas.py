"""MetaNAS and T-NAS: learn an architecture and initial weights, of which each task adapts both.

Elsken et al. 2020, "Meta-Learning of Neural Architectures for Few-Shot Learning", and Lian et al. 2020, "Towards Fast
Adaptation of Neural Architectures with Meta Learning". The architecture is a mixture of operations (DARTS, Liu et al.
2019, equation 2) whose logits are entries of φ. What an outer step does of it is the estimator's: T-NAS descends the
query loss (``backpropagation``, ``first_order``), DARTS splits support and query (``darts``).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Generator, Tensor

from phiforge.base.errors import RegistryError
from phiforge.learning.learners.bases.architecture import found
from phiforge.learning.learners.bases.gradient import GradientConfig, GradientLearner
from phiforge.learning.learners.bases.learner import Mode, Phi, TaskShape
from phiforge.learning.networks.bases.normalisation import Pass
from phiforge.learning.networks.bases.relaxed import RelaxedNetwork, hardened, is_architecture, sharpened
from phiforge.learning.networks.relaxed_cell import RelaxedCellConfig
from phiforge.learning.tensors import Tensors
from phiforge.registry import NETWORKS, PartConfig, PartOf


class MetaNasConfig(GradientConfig):
    """Settings of MetaNAS and T-NAS."""

    name: Literal["meta_nas"] = "meta_nas"
    inner_lr: float = Field(default=0.1, gt=0, description="Step size of the weights in the inner loop.")
    architecture_lr: float = Field(default=1.0, gt=0, description="Step size of the logits in the inner loop.")
    adapts: Literal["both", "weights", "architecture"] = Field(
        default="both", description="What a task adapts; weights alone: one architecture for all tasks, as DARTS."
    )
    temperature: float = Field(
        default=1.0, gt=0, description="What logits are divided by at first: the softmax temperature τ."
    )
    temperature_last: float = Field(
        default=1.0, gt=0, description="What it is annealed to; near 0 a mixture is nearly one operation."
    )
    annealed: Literal["over_run", "over_task"] = Field(
        default="over_run",
        description="Over what: the run (unseen tasks are met at the last), or each task's first inner_steps steps.",
    )
    discretise: Literal["never", "at_the_end", "at_the_start"] = Field(
        default="never",
        description="Unseen tasks: whether each edge keeps its likeliest operation alone, after or before adaptation.",
    )
    network: Annotated[PartConfig, PartOf(NETWORKS, able="relaxed", default="relaxed_cell")] = RelaxedCellConfig()


class MetaNas(GradientLearner):
    """φ is the logits α, under ``architecture.``, and the weights w of every operation; F_φ takes steps on both.

    On the support loss l, w ← w − inner_lr ∇_w l(w, α) and α ← α − architecture_lr ∇_α l(w, α), both from the same
    point (Lian et al. 2020, the inner updates of w and θ). Edges mix by softmax(α / τ) (Elsken et al. 2020, soft
    pruning): with τ annealed to nearly 0, what is left after ``discretise`` needs no training again.
    """

    Config = MetaNasConfig
    searches = True
    regresses = False  # its networks look at images
    capturable = False  # its temperature changes with progress
    config: MetaNasConfig

    def __init__(self, config: MetaNasConfig, shape: TaskShape) -> None:
        super().__init__(config, shape)
        if not isinstance(self.model.network, RelaxedNetwork):
            raise RegistryError(f"network '{config.network.name}' has no architecture, though its class says so")
        self.network = self.model.network

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the network's fresh weights and logits, and a fresh head."""
        return self.model.init(generator)

    def moves(self, name: str) -> bool:
        """Say whether the inner loop changes an entry: one of those that a task adapts."""
        adapted = {"both": True, "architecture": is_architecture(name), "weights": not is_architecture(name)}
        return super().moves(name) and adapted[self.config.adapts]

    def update(self, phi: Phi, theta: Tensors, gradients: Tensors, step: int) -> Tensors:
        """Return w − inner_lr ∇w and α − architecture_lr ∇α."""
        return {name: theta[name] - self._rate(name) * slope for name, slope in gradients.items()}

    def path(
        self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, steps: int | None = None
    ) -> list[Tensors]:
        """Return (w, α) before and after each inner step; on unseen tasks discretised, if so asked."""
        asked = "never" if mode.training else self.config.discretise
        path = super().path(hardened(phi) if asked == "at_the_start" else phi, support_x, support_y, mode, steps)
        return [hardened(theta) for theta in path] if asked == "at_the_end" else path

    def outputs(self, theta: Mapping[str, Tensor], x: Tensor, at: Pass, mode: Mode) -> Tensor:
        """Return what the network makes of ``x`` with its operations mixed at the temperature of this pass."""
        return self.model.outputs(sharpened(theta, self.temperature(at.step, mode)), x, at)

    def temperature(self, step: int, mode: Mode) -> float:
        """Return τ after ``step`` inner steps: from ``temperature`` to ``temperature_last``, by equal factors."""
        first, last = self.config.temperature, self.config.temperature_last
        return float(first * (last / first) ** self._annealed(step, mode))

    def architecture(self, phi: Phi) -> Mapping[str, Any] | None:
        """Return the architecture that φ holds, at the last temperature."""
        return found(self, self.network, phi, self.config.temperature_last)

    def on_network(self, network: Mapping[str, Any]) -> dict[str, Any]:
        """Return MAML on another ``network``: what is left of this learner where there is no architecture to adapt."""
        kept = self.config.model_dump(mode="json", include=set(GradientConfig.model_fields) - {"name"})
        return {"name": "maml"} | kept | {"network": dict(network)}

    def _rate(self, name: str) -> float:
        return self.config.architecture_lr if is_architecture(name) else self.config.inner_lr

    def _annealed(self, step: int, mode: Mode) -> float:
        """Return the fraction of the annealing that is done."""
        if self.config.annealed == "over_run":
            return mode.progress if mode.training else 1.0
        return min(1.0, step / self.config.inner_steps)
