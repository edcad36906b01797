"""Tasks with something to tell apart, drawn from a seed: blurred random patterns, one a class."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from phiforge.learning.generators import torch_generator
from phiforge.tasks.episodes import Episode

N_WAY, SIDE = 5, 28


def patterns(count: int, n_query: int = 5) -> Iterator[Episode]:
    """Yield so many 5-way 1-shot tasks; each drawing of a class is moved a little, under a little noise."""
    generator = torch_generator("patterns")

    def drawn(classes: Tensor, each: int) -> tuple[Tensor, Tensor]:
        labels = torch.arange(N_WAY).repeat_interleave(each)
        shifts = torch.randint(-2, 3, (len(labels), 2), generator=generator).tolist()
        moved = torch.stack([classes[label].roll(shift, (1, 2)) for label, shift in zip(labels, shifts, strict=True)])
        return (moved + 0.1 * torch.rand(moved.shape, generator=generator)).clamp(0, 1), labels

    for _ in range(count):
        coarse = (torch.rand(N_WAY, 1, 7, 7, generator=generator) > 0.6).float()
        classes = F.interpolate(coarse, size=SIDE, mode="bilinear")
        yield Episode(*drawn(classes, 1), *drawn(classes, n_query), torch.arange(N_WAY))
