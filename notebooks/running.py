"""Executes a notebook's cells in order in this process; no notebook server and no kernel is needed."""

import base64
import contextlib
import io
import time
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

Notebook = dict[str, Any]
"""A notebook as its JSON is read, in format 4."""
PARAMETERS = "parameters"
"""The tag of the cell whose variables may be set from outside."""


def source_of(cell: Mapping[str, Any]) -> str:
    """Return the text of a cell, however its lines are kept."""
    return "".join(cell["source"])


def code_cells(notebook: Notebook) -> list[dict[str, Any]]:
    """Return the cells that are executed, in order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def executed(notebook: Notebook, **parameters: object) -> dict[str, Any]:
    """Execute all cells, keep in each what it put out and its seconds, and return the variables that they left.

    Args:
        notebook: what is executed; its cells are changed in place.
        parameters: variables that are set once the cell tagged ``parameters`` has been executed.

    Raises whatever a cell raises.

    Example::

        variables = executed(json.loads(path.read_text()), BUDGET=0.2)
    """
    mpl.use("Agg")
    variables: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(code_cells(notebook), start=1):
        start = time.monotonic()
        cell["outputs"] = _outputs(cell, f"cell {number}", variables)
        cell["execution_count"] = number
        cell["metadata"]["seconds"] = round(time.monotonic() - start, 1)
        if PARAMETERS in cell["metadata"].get("tags", ()):
            variables.update(parameters)
    return variables


def _outputs(cell: Mapping[str, Any], name: str, variables: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a cell printed and the figures that it left open, as a notebook stores them."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source_of(cell), name, "exec"), variables)
    text = printed.getvalue().splitlines(keepends=True)
    stream = [{"name": "stdout", "output_type": "stream", "text": text}] if text else []
    return stream + [_picture(number) for number in plt.get_fignums()]


def _picture(number: int) -> dict[str, Any]:
    """Return a figure as an output, and close it."""
    figure, file = plt.figure(number), io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    data = {"image/png": base64.b64encode(file.getvalue()).decode()}
    return {"data": data, "metadata": {}, "output_type": "display_data"}
