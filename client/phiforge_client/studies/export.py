"""A study as files: a table, all of it as JSON, pictures, and one page that holds the pictures and the table."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phiforge.spec.studies.measures import MEASURES
from phiforge_client.studies.figures import shares, write_pictures
from phiforge_client.studies.page import study_page
from phiforge_client.studies.plot import plot_study
from phiforge_client.studies.view import StudyView, to_json, trial_json

_COLUMNS = ("trial", "generation", "end", "value", "version", "share", "tasks", "run", "phi_hash", "why")


def export(view: StudyView, folder: Path) -> list[Path]:
    """Write ``trials.csv``, ``study.json``, ``study.html`` and PNGs to ``folder`` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    table, whole, picture, page = (folder / name for name in ("trials.csv", "study.json", "study.png", "study.html"))
    rows = trial_rows(view)
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, headings(view), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    told = to_json(view) | {"importance": shares(view)}
    whole.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    plot_study(view, picture)
    pictures = [picture, *write_pictures(view, folder)]
    page.write_text(study_page(view, headings(view), rows, pictures), encoding="utf-8")
    return [table, whole, page, *pictures]


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
