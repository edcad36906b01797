"""A study as files: a table, all of it as JSON, a picture, and one page that holds the picture and the table."""

import base64
import csv
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phiforge.spec.studies.measures import MEASURES
from phiforge_client.studies.plot import plot_study
from phiforge_client.studies.table import sentence
from phiforge_client.studies.view import StudyView, to_json, trial_json

_COLUMNS = ("trial", "generation", "end", "value", "version", "share", "tasks", "run", "phi_hash", "why")


def export(view: StudyView, folder: Path) -> list[Path]:
    """Write ``trials.csv``, ``study.json``, ``study.png`` and ``study.html`` to ``folder`` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    table, whole, picture, page = (folder / name for name in ("trials.csv", "study.json", "study.png", "study.html"))
    rows = trial_rows(view)
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, headings(view), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    whole.write_text(json.dumps(to_json(view), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    plot_study(view, picture)
    page.write_text(_page(view, rows, picture.read_bytes()), encoding="utf-8")
    return [table, whole, picture, page]


def headings(view: StudyView) -> list[str]:
    """Return the columns of the table: what came of trials, then what they tried, then their other scores."""
    scores = sorted({name for result in view.found.results.values() for name in result.scores})
    measures = [aim.score for aim in view.spec.objectives if aim.score in MEASURES]
    return [
        *_COLUMNS,
        *view.spec.space,
        *(f"validation_{name}" for name in scores),
        *(f"cost_{name}" for name in measures),
    ]


def trial_rows(view: StudyView) -> list[dict[str, Any]]:
    """Return a row a trial; what a trial has not is left out, which an empty cell says."""
    return [_row(trial_json(view, proposal)) for proposal in view.found.proposals]


def _row(trial: Mapping[str, Any]) -> dict[str, Any]:
    point = {field: json.dumps(each) if isinstance(each, dict) else each for field, each in trial["point"].items()}
    scores = {f"validation_{name}": value for name, value in trial.get("scores", {}).items()}
    costs = {f"cost_{name}": value for name, value in trial.get("measures", {}).items()}
    return {name: trial[name] for name in _COLUMNS if trial.get(name) is not None} | point | scores | costs


def _page(view: StudyView, rows: Sequence[Mapping[str, Any]], picture: bytes) -> str:
    shown = headings(view)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in shown)
    cells = [[f"<td>{html.escape(str(row.get(name, '')))}</td>" for name in shown] for row in rows]
    body = "".join(f"<tr>{''.join(each)}</tr>\n" for each in cells)
    return (
        f"<!doctype html>\n<meta charset='utf-8'>\n<title>{view.record.study}</title>\n"
        "<style>body{font:14px sans-serif}td,th{padding:2px 8px;text-align:right;white-space:nowrap}</style>\n"
        f"<h1>{view.record.study}</h1>\n<p>{html.escape(sentence(view))}</p>\n"
        f"<img alt='best so far, and a slice of each field' src='data:image/png;base64,"
        f"{base64.b64encode(picture).decode()}' style='max-width:100%'>\n"
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>\n"
    )
