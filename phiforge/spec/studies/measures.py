"""What a study may look for beside scores of the validation tasks: what a trial costs. Less is better."""

from collections.abc import Mapping

MEASURES: Mapping[str, str] = {
    "parameters": "numbers in φ, of all its entries",
    "tasks": "tasks that a trial was trained on",
}
"""By name: what it is."""
