"""``phiforge export``: one folder with all that it takes to use a model elsewhere, and what to know before."""

import json
from pathlib import Path

import yaml

from phiforge.prediction.calibration import Calibration
from phiforge.prediction.card import card
from phiforge.prediction.files import write_model
from phiforge.prediction.model import Model
from phiforge.prediction.validation import FALSE_ACCEPT, Shape

SPEC, PREPROCESSING, CARD = "spec.yaml", "preprocessing.json", "README.md"


def export(model: Model, folder: Path) -> list[Path]:
    """Write a model into a folder, which ``phiforge.load`` takes, and return the files.

    ``model.safetensors`` holds φ and, in its header, all else that predictions need; ``spec.yaml`` and
    ``preprocessing.json`` say the same for people and other programs; ``README.md`` is a model card.

    Args:
        model: of a run, whose validation tasks calibrate it.
        folder: made if it is not there; files of these names are replaced.

    Raises:
        OSError: if the folder cannot be written.
    """
    learned, calibrations = model.learned, calibrations_of(model)
    files = [write_model(learned, calibrations, folder)]
    preprocessing = learned.wanted._asdict() if learned.wanted else None
    texts = {
        SPEC: yaml.safe_dump(learned.spec.to_json(), sort_keys=False, allow_unicode=True),
        PREPROCESSING: json.dumps({"input_shape": list(learned.input_shape), "picture": preprocessing}, indent=2)
        + "\n",
        CARD: card(learned, calibrations),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        files.append(folder / name)
    return files


def calibrations_of(model: Model) -> list[Calibration]:
    """Return what the validation tasks teach about tasks as the run was judged by, one query at a time."""
    if model.material is None:
        return list(model.calibrations)
    task = model.learned.spec.evaluation_task
    ways = [Shape(task.n_way, shots, transductive=False) for shots in sorted({task.k_shot, 1, 5})]
    return [model.material.calibration(model.learned, shape, FALSE_ACCEPT) for shape in ways]
