"""What networks draw in meta-training: by names, so that a pass computed twice, or elsewhere, draws the same."""

from typing import NamedTuple

import torch
from torch import Tensor

from phiforge.base.seeds import SeedPart
from phiforge.learning.generators import torch_generator


class Draws(NamedTuple):
    """The randomness of one pass over one set of an episode.

    ``seed``: names the episode. ``of``: the set, ``support`` or ``query``. ``progress``: fraction of the run done.

    Example::

        draws = Draws(seed=7, of="support", progress=0.5)
        numbers = draws.uniform((5, 64), 0, "block3")  # of the pass before any inner step
    """

    seed: int
    of: str
    progress: float

    def uniform(self, shape: tuple[int, ...], *names: SeedPart) -> Tensor:
        """Return float32 numbers in [0, 1) of ``shape``, on the CPU, the same for the same names."""
        return torch.rand(shape, generator=torch_generator(self.seed, "network", self.of, *names))
