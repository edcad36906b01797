"""The trainer service: takes meta-batch jobs from the training queue."""

from phiforge.device import check_device
from phiforge.memory import keep_freed_memory
from phiforge.messages import TRAIN
from phiforge.platform import Platform
from phiforge.repeatable import repeat_exactly
from phiforge.service import serve
from trainer.job import Trainer


def run(platform: Platform) -> None:
    """Serve the training queue until told to stop: one process a device."""
    check_device(platform.settings.device)
    keep_freed_memory()
    repeat_exactly()
    platform.queue.handle(TRAIN, Trainer(platform).handle)
    serve(platform, "training")
