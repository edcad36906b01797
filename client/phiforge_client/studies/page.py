"""A study as one HTML page that needs no other file."""

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phiforge_client.studies.findings import reasons
from phiforge_client.studies.table import sentence
from phiforge_client.studies.view import StudyView

_STYLE = "body{font:14px sans-serif}td,th{padding:2px 8px;text-align:right;white-space:nowrap}img{max-width:100%}"
_TITLES = {
    "study": "Best so far, and a slice of each field",
    "importance": "How much each field matters",
    "parallel": "Every trial, from its settings to its value",
    "cost": "What each trial cost",
    "front": "Trials that no other dominates",
}
"""What the pictures show, by the name of their files."""


def study_page(view: StudyView, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], pictures: list[Path]) -> str:
    """Return the page: how the study stands, its pictures, every trial as a row, and why each ended as it did.

    Args:
        view: the study.
        columns: of the table.
        rows: of the table; a cell that a row has not is empty.
        pictures: PNG files.
    """
    shown = "".join(f"<h2>{_TITLES[path.stem]}</h2>\n{_image(path)}\n" for path in pictures)
    return (
        f"<!doctype html>\n<meta charset='utf-8'>\n<title>{view.record.study}</title>\n<style>{_STYLE}</style>\n"
        f"<h1>{view.record.study}</h1>\n<p>{html.escape(sentence(view))}</p>\n{shown}"
        f"<h2>Trials</h2>\n{_table(columns, rows)}\n<h2>Why each ended as it did</h2>\n{_reasons(view)}\n"
    )


def _image(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f"<img alt='{_TITLES[path.stem]}' src='data:image/png;base64,{data}'>"


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    cells = [[f"<td>{html.escape(str(row.get(name, '')))}</td>" for name in columns] for row in rows]
    body = "".join(f"<tr>{''.join(each)}</tr>\n" for each in cells)
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"


def _reasons(view: StudyView) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in reasons(view, None)) + "</ul>"
