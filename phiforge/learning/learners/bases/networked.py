"""What learners have in common that build on one network: it is made from their config, and decides transduction."""

from collections.abc import Mapping
from typing import Any, ClassVar

from phiforge.learning.learners.bases.architecture import found
from phiforge.learning.learners.bases.learner import Learner, Phi, TaskShape
from phiforge.learning.networks import build_network
from phiforge.learning.networks.bases.headed import Headed


class ModelLearner(Learner):
    """A learner whose model is a network with a head: ``config.network``."""

    regresses: ClassVar[bool] = True
    config: Any

    def __init__(self, config: Any, shape: TaskShape) -> None:  # noqa: ANN401 - a Part with a network
        super().__init__(config, shape)
        inner_steps = getattr(config, "inner_steps", 0)
        self.model = Headed(config.network, shape.input_shape, shape.outputs, inner_steps, shape.engine, shape.bfloat16)

    @property
    def transductive(self) -> bool:
        """As its network's normalisation."""
        return self.model.transductive

    def architecture(self, phi: Phi) -> Mapping[str, Any] | None:
        """Return the architecture that φ holds, if its network is one that is mixed by logits."""
        return found(self, self.model.network, phi)


class EmbeddingLearner(Learner):
    """A learner that looks at the features of a network: ``config.network``."""

    config: Any

    def __init__(self, config: Any, shape: TaskShape) -> None:  # noqa: ANN401 - a Part with a network
        super().__init__(config, shape)
        self.network = build_network(config.network, shape.input_shape, engine=shape.engine, bfloat16=shape.bfloat16)

    @property
    def transductive(self) -> bool:
        """As its network's normalisation."""
        return self.network.transductive

    def architecture(self, phi: Phi) -> Mapping[str, Any] | None:
        """Return the architecture that φ holds, if its network is one that is mixed by logits."""
        return found(self, self.network, phi)
