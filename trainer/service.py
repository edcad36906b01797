"""The trainer service: takes meta-batch jobs from the training queue."""

import torch

from phiforge.memory import keep_freed_memory
from phiforge.platform import Platform
from phiforge.queue import TRAIN
from phiforge.service import serve
from trainer.job import Trainer


def run(platform: Platform) -> None:
    """Serve the training queue until told to stop: one process a device."""
    keep_freed_memory()
    torch.use_deterministic_algorithms(True)
    # Filling costs time, and nothing reads memory that it has not written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    platform.queue.handle(TRAIN, Trainer(platform).handle)
    serve(platform, "training")
