"""What the trainers of a fleet have counted."""

from prometheus_client.parser import text_string_to_metric_families

from client.chaos.stage import Stage


def counted(stage: Stage, sample_name: str, *labels: str) -> float:
    """Return the sum of a sample over all services that live, with these values of labels."""
    return sum(
        sample.value
        for page in stage.own.metrics().values()
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == sample_name and set(labels) <= set(sample.labels.values())
    )
