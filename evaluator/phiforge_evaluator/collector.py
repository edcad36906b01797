"""Run-level metrics, read from the exchange at each scrape: every evaluator exports the same values."""

import logging
from collections import Counter
from collections.abc import Iterable

import redis
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from phiforge.base.errors import StoreError
from phiforge.fleet.platform import Platform
from phiforge.runs.queues import QUEUES
from phiforge.runs.waiting.line import Line, Where, counts
from phiforge_evaluator.studies import StudyMetrics

log = logging.getLogger(__name__)


class RunCollector(Collector):
    """Exports queue depths, studies that go on, and each run that is active or ended within the last hour."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self._line = Line(platform.store, platform.exchange)
        self._studies = StudyMetrics(platform)
        self._counts: Counter[Where] = Counter()
        self._counted_at: bytes | None = None

    def describe(self) -> Iterable[Metric]:
        """Name no metric in advance: registering must not need Redis."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of this moment; none while Redis cannot be reached."""
        try:
            of_runs = [self._queues(), self._waiting(), *self._runs(), *self._judged()]
            return [*of_runs, *self._studies.collect()]
        except redis.RedisError as error:
            log.warning("no run-level metrics at this scrape: %s", error)
            return []

    def _queues(self) -> Metric:
        depth = GaugeMetricFamily("phiforge_queue_messages", "Messages waiting in a queue.", labels=["queue"])
        for queue in QUEUES:
            depth.add_metric([queue], self.platform.exchange.waiting(self.platform.queue.name(queue)))
        return depth

    def _waiting(self) -> Metric:
        """Return how many runs wait for what; the queue is read again only after it changed."""
        changes = self._line.changes()
        if changes != self._counted_at:
            try:
                self._counts, self._counted_at = counts(self._line), changes
            except StoreError as error:
                log.warning("the number of runs that wait is an old one: %s", error)
        waiting = GaugeMetricFamily("phiforge_queued_runs", "Runs that wait in the queue.", labels=["waiting_for"])
        for where in Where:
            waiting.add_metric([where], self._counts[where])
        return waiting

    def _runs(self) -> list[Metric]:
        version = GaugeMetricFamily("phiforge_run_version", "Newest committed version of φ.", labels=["run"])
        tasks = CounterMetricFamily("phiforge_run_tasks", "Episodes that φ was learned from.", labels=["run"])
        step = GaugeMetricFamily("phiforge_run_step_seconds", "Typical time between two commits.", labels=["run"])
        loss = GaugeMetricFamily("phiforge_run_loss", "L(φ) per task: mean query loss.", labels=["run", "split"])
        accuracy = GaugeMetricFamily("phiforge_run_step_accuracy_ratio", "Query accuracy of a step.", labels=["run"])
        returned = GaugeMetricFamily(
            "phiforge_run_step_return", "Mean return of a step, of runs that act.", labels=["run"]
        )
        for run in self.platform.exchange.seen.all():
            state = self.platform.exchange.state(run)
            if state is None:
                continue
            version.add_metric([run], state.head)
            tasks.add_metric([run], state.tasks)
            step.add_metric([run], state.step_seconds)
            if "loss" in state.scores:
                loss.add_metric([run, "train"], state.scores["loss"])
            for name, metric in (("accuracy", accuracy), ("mean_return", returned)):
                if name in state.scores:
                    metric.add_metric([run], state.scores[name])
            for split, judged in self.platform.exchange.summaries(run).items():
                loss.add_metric([run, split], judged["loss"])
        return [version, tasks, step, loss, accuracy, returned]

    def _judged(self) -> list[Metric]:
        labels = ["run", "split"]
        accuracy = GaugeMetricFamily("phiforge_run_accuracy_ratio", "Mean query accuracy per task.", labels=labels)
        interval = GaugeMetricFamily(
            "phiforge_run_accuracy_ci95_ratio",
            "Half width of the 95 % confidence interval of the accuracy.",
            labels=labels,
        )
        returned = GaugeMetricFamily("phiforge_run_return", "Mean return per task, of runs that act.", labels=labels)
        around = GaugeMetricFamily(
            "phiforge_run_return_ci95", "Half width of the 95 % confidence interval of the return.", labels=labels
        )
        metrics = {"accuracy": accuracy, "accuracy_ci95": interval, "mean_return": returned, "mean_return_ci95": around}
        for run in self.platform.exchange.seen.all():
            for split, judged in self.platform.exchange.summaries(run).items():
                for name in metrics.keys() & judged.keys():
                    metrics[name].add_metric([run, split], judged[name])
        return [*metrics.values()]
