"""What networks of images have in common that normalise their maps."""

from typing import Any

from phiforge.learning.networks.bases.network import Network
from phiforge.learning.networks.bases.normalisation import keeps_statistics
from phiforge.learning.networks.bases.prior import is_prior


class ImageNetwork(Network):
    """A network of images whose configuration has ``norm`` and ``smallest_image``, the side in pixels."""

    images = True

    def adapts(self, name: str) -> bool:
        """Say whether an inner loop may change a parameter: a step's own normalisation is not for a task."""
        of_a_step = self.config.norm == "per_step" and name.startswith("norm")
        return super().adapts(name) and not of_a_step and not is_prior(name)

    @classmethod
    def smallest_image(cls, config: Any) -> int:  # noqa: ANN401 - its own configuration
        """Return the side of the smallest image of which a place is left."""
        return int(config.smallest_image)

    @classmethod
    def averages(cls, config: Any) -> bool:  # noqa: ANN401 - its own configuration
        """As its normalisation."""
        return keeps_statistics(config.norm)

    @classmethod
    def fixes_some(cls, config: Any) -> bool:  # noqa: ANN401 - its own configuration
        """Under ``per_step``, whose normalisation is not for a task, and ``prior``, which is of all tasks."""
        return config.norm in ("per_step", "prior")
