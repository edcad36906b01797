"""A support set with the weight of each example: a column a label, wrong labels in red, the heaviest example on top."""

import io

from matplotlib.figure import Figure

from phiforge_client.results.answers import Shown
from phiforge_client.results.task_picture import MOST_WAYS, RIGHT, WRONG, blank, show

MOST_EXAMPLES = 10


def weights_picture(task: Shown) -> bytes:
    """Return the support set of a task as PNG bytes, up to ten labels and ten examples of each.

    Above each example is its weight times the number of examples, so that 1 is what it has in a plain mean.

    Args:
        task: of a learner that weighs examples; ``task.weights`` [n] are those of its last inner step.
    """
    ways = min(len(task.names), MOST_WAYS)
    columns = [_heaviest(task, way)[:MOST_EXAMPLES] for way in range(ways)]
    rows = max(len(each) for each in columns)
    figure = Figure(figsize=(1.1 * ways, 1.25 * rows), layout="constrained")
    grid = figure.subplots(rows, ways, squeeze=False)
    blank(grid)
    for way, indexes in enumerate(columns):
        for row, index in enumerate(indexes):
            colour = RIGHT if task.truth[index] == way else WRONG
            title = f"class {way}: {_times(task, index):.1f}" if not row else f"{_times(task, index):.1f}"
            show(grid[row][way], task.support[index], colour, title)
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=90)
    return written.getvalue()


def _heaviest(task: Shown, way: int) -> list[int]:
    """Return the places of the examples of a label, the heaviest first."""
    places = [place for place, label in enumerate(task.support_labels) if label == way]
    return sorted(places, key=lambda place: -_times(task, place))


def _times(task: Shown, place: int) -> float:
    return task.weights[place] * len(task.weights)
