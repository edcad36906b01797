"""What the trainers of a fleet have counted."""

from prometheus_client.parser import text_string_to_metric_families

from phiforge_client.chaos.stage import Stage
from tests.fleet import wait_until


def counted(stage: Stage, sample_name: str, *labels: str) -> float:
    """Return the sum of a sample over all services, with these values of labels, once those started again serve it."""
    wait_until(lambda: all(stage.own.ready(service.name) for service in stage.own.services), "all services")
    return sum(
        sample.value
        for page in stage.own.metrics().values()
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == sample_name and set(labels) <= set(sample.labels.values())
    )
