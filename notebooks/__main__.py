"""Executes every notebook here, stores what its cells put out, and writes its page: ``python -m notebooks``."""

import json
from pathlib import Path

from notebooks.pages import Page, page_of
from notebooks.running import code_cells, executed

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"


def main() -> None:
    """Make all again, and say how long each cell took."""
    for path in sorted(HERE.glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        executed(notebook)
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        name = path.stem.replace("_", "-")
        write(page_of(notebook, name), name)
        print(path.name, "seconds by cell:", *(cell["metadata"]["seconds"] for cell in code_cells(notebook)))


def write(page: Page, name: str) -> None:
    """Write a page and its pictures, and remove pictures that it no longer shows."""
    (DOCS / f"{name}.md").write_text(page.text, encoding="utf-8")
    folder = DOCS / name
    folder.mkdir(exist_ok=True)
    for old in set(folder.glob("*.png")) - {folder / file for file in page.pictures}:
        old.unlink()
    for file, data in page.pictures.items():
        (folder / file).write_bytes(data)


if __name__ == "__main__":
    main()
