"""The page of a notebook: its text, its code and what its cells put out, in Markdown."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from notebooks.running import Notebook, source_of


class Page(NamedTuple):
    """A page in Markdown, and the PNG files that it shows, by their names in its folder."""

    text: str
    pictures: Mapping[str, bytes]


def page_of(notebook: Notebook, name: str) -> Page:
    """Return the page of a notebook that was executed; its pictures lie in the folder ``name`` beside it.

    Example::

        page_of(json.loads(path.read_text()), "three-steps").text
    """
    blocks: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook["cells"]:
        blocks.extend(_blocks(cell, name, pictures))
    remark = f"<!-- Made of notebooks/{name.replace('-', '_')}.ipynb by `make notebooks`: change that instead. -->"
    return Page("\n\n".join([*blocks[:1], remark, *blocks[1:]]) + "\n", pictures)


def _blocks(cell: Mapping[str, Any], name: str, pictures: dict[str, bytes]) -> Iterator[str]:
    """Yield the blocks of Markdown of a cell, and keep its pictures."""
    if cell["cell_type"] == "markdown":
        yield source_of(cell)
        return
    yield f"```python\n{source_of(cell)}\n```"
    for output in cell["outputs"]:
        yield _shown(output, name, pictures)


def _shown(output: Mapping[str, Any], name: str, pictures: dict[str, bytes]) -> str:
    """Return an output as Markdown: what was printed, or a picture, which is kept."""
    if output["output_type"] == "stream":
        return f"```text\n{''.join(output['text']).rstrip()}\n```"
    file = f"{len(pictures) + 1}.png"
    pictures[file] = base64.b64decode(output["data"]["image/png"])
    return f"![Picture {len(pictures)}]({name}/{file})"
