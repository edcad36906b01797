"""The trainer service: takes meta-batch jobs from the training queue."""

from phiforge.fleet.memory import keep_freed_memory
from phiforge.fleet.messages import TRAIN
from phiforge.fleet.platform import Platform
from phiforge.fleet.service import serve
from phiforge.learning.device import check_device
from phiforge.learning.repeatable import repeat_exactly
from phiforge_trainer.worker import Trainer


def run(platform: Platform) -> None:
    """Serve the training queue until told to stop: one process a device."""
    check_device(platform.settings.device)
    keep_freed_memory()
    repeat_exactly()
    platform.queue.handle(TRAIN, Trainer(platform).handle)
    serve(platform, "training")
