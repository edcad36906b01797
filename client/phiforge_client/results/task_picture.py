"""A test task as a picture: its support set in the first row, then each class's queries, wrong answers in red."""

import io
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from phiforge_client.results.answers import Images, Shown

MOST_WAYS, MOST_QUERIES = 10, 5
RIGHT, WRONG = "#2a9d4a", "#d1322d"


def picture(task: Shown) -> bytes:
    """Return the task as PNG bytes: a column a class, the first ten of them, and up to five queries of each."""
    ways = min(len(task.names), MOST_WAYS)
    asked = [[index for index, true in enumerate(task.true) if true == way][:MOST_QUERIES] for way in range(ways)]
    rows = 1 + max(len(each) for each in asked)
    figure = Figure(figsize=(1.1 * ways, 1.25 * rows), layout="constrained")
    grid = figure.subplots(rows, ways, squeeze=False)
    blank(grid)
    for way in range(ways):
        show(grid[0][way], task.support[task.support_labels.index(way)], "black", f"class {way}")
        for row, index in enumerate(asked[way], start=1):
            said = task.said[index]
            show(grid[row][way], task.query[index], RIGHT if said == way else WRONG, f"says {said}")
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=90)
    return written.getvalue()


def blank(grid: NDArray[Any]) -> None:
    """Leave every place of a grid empty until something is shown there."""
    for axes in grid.flat:
        axes.set_axis_off()


def show(axes: Any, image: Images, colour: str, title: str) -> None:  # noqa: ANN401 - matplotlib's
    """Show an image [channels, height, width] in a frame of a colour, with a title of it."""
    axes.set_axis_on()
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set(color=colour, linewidth=2)
    axes.set_title(title, fontsize=8, color=colour)
    pixels = np.moveaxis(image, 0, -1)
    if pixels.shape[-1] == 1:
        axes.imshow(255 - pixels[..., 0], cmap="gray", vmin=0, vmax=255)
    else:
        axes.imshow(pixels[..., :3])
