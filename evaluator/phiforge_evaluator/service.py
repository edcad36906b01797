"""The evaluator service: scores query sets and exports the metrics of runs."""

from prometheus_client import REGISTRY

from phiforge.fleet.memory import keep_freed_memory
from phiforge.fleet.messages import EVALUATE
from phiforge.fleet.platform import Platform
from phiforge.fleet.service import serve
from phiforge.learning.device import check_device
from phiforge.learning.repeatable import repeat_exactly
from phiforge_evaluator.chunk import Evaluator
from phiforge_evaluator.collector import RunCollector


def run(platform: Platform) -> None:
    """Serve the evaluation queue until told to stop."""
    check_device(platform.settings.device)
    keep_freed_memory()
    if not platform.settings.device.startswith("cpu"):  # which repeats itself anyway, and asking takes a second
        repeat_exactly()
    REGISTRY.register(RunCollector(platform))
    platform.queue.handle(EVALUATE, Evaluator(platform).handle)
    serve(platform, "evaluation")
