"""What the pipeline costs: its tasks/s with two trainers against two bare processes that only compute.

Both compute the same gradients of the same episodes with one thread each, in turn, several times in one run; the
ratio is the median of the ratios of neighbours. Also prints where a job's time goes, from the trainers' /metrics.

    python -m benchmarks.pipeline [--spec specs/omniglot-maml-5w1s.yaml] [--versions 60] [--rounds 3]
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.queues import Queue as ProcessQueue
from pathlib import Path
from typing import Any

import torch
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from client.processes import free_port
from client.servers import S3Server
from client.stack import Stack
from client.submission import submit
from phiforge.episodes import EpisodeBatch
from phiforge.platform import Platform, learner_of
from phiforge.record import training_episodes_key
from phiforge.settings import Settings
from phiforge.spec.read import read_spec
from trainer.estimators import Step, build_estimator

TRAINERS = 2
WARM_VERSIONS = 5
PHASES = ("queue_wait", "read", "compute", "publish", "commit")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spec", type=Path, default=Path("specs/omniglot-maml-5w1s.yaml"))
    parser.add_argument("--versions", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as folder, S3Server(Path(folder) / "s3", Path(folder) / "s3.log") as s3:
        settings = Settings(home=Path(folder) / "home", **s3_settings(s3))
        with Stack(settings, trainers=TRAINERS) as stack:
            platform = Platform.open(settings)
            pairs = [measure(platform, options.spec, options.versions) for _ in range(options.rounds)]
            phases = job_phases(stack)
    report(console, options.spec, pairs, phases)
