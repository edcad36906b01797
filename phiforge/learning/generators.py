"""Torch generators by name: drawn on the CPU and then moved, so that devices agree."""

import torch

from phiforge.base.seeds import SeedPart, seed_of


def torch_generator(*parts: SeedPart) -> torch.Generator:
    """Return a CPU torch generator named by ``parts``; draw on the CPU, then move, so devices agree."""
    return torch.Generator().manual_seed(seed_of(*parts) >> 65)
