"""A model or a classifier as one safetensors file: tensors, and in its header as JSON all else that it takes."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from phiforge.base.errors import FormatError, IncapableWorkerError
from phiforge.learning.tensors import fingerprint, with_prefix, without_prefix
from phiforge.prediction.calibration import Calibration
from phiforge.prediction.classifier import Classifier
from phiforge.prediction.learned import Learned
from phiforge.prediction.support import Support
from phiforge.runs.sealed import parse, seal, whole
from phiforge.spec.run import RunSpec
from phiforge.tasks.datasets.bases.pictures.decoding import Wanted

FILE = "model.safetensors"
SCHEMA = 1
_HEADER = "phiforge"
_PHI, _SUPPORT = "phi", "support"


class Written(NamedTuple):
    """What a file holds; ``support`` of a classifier alone."""

    learned: Learned
    calibrations: tuple[Calibration, ...]
    support: Support | None
    transductive: bool


def is_written(place: Path) -> bool:
    """Say whether there is a file of this form, or a folder with one; there is none of a name that is too long."""
    return any(os.path.isfile(each) for each in (place, place / FILE))  # noqa: PTH113 - Path.is_file raises there


def write_model(learned: Learned, calibrations: Sequence[Calibration], folder: Path) -> Path:
    """Write a model into a folder, which is made, and return the file; raises OSError if that cannot be."""
    return _write(folder, with_prefix(_PHI, learned.phi), _header(learned, calibrations))


def write_classifier(classifier: Classifier, folder: Path) -> Path:
    """Write a classifier into a folder, which is made, and return the file; raises OSError if that cannot be."""
    support = classifier.support
    tensors = with_prefix(_PHI, classifier.learned.phi) | with_prefix(_SUPPORT, {"x": support.x, "y": support.y})
    header = _header(classifier.learned, [classifier.calibration] if classifier.calibration else [])
    header |= {
        "labels": list(support.labels),
        "names": list(support.names),
        "transductive": classifier.transductive,
    }
    return _write(folder, tensors, header)


def read_file(place: Path) -> Written:
    """Return what ``write_model`` or ``write_classifier`` wrote.

    Args:
        place: the file, or its folder.

    Raises:
        FormatError: if it is something else, or damaged.
        IncapableWorkerError: if a newer version wrote it, or it needs a part that is not installed here.
    """
    path = place if place.is_file() else place / FILE
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in sorted(file.keys())}
        header = parse(str(path), metadata[_HEADER].encode())
    except (SafetensorError, KeyError, ValueError) as error:
        raise FormatError(f"{path} is no whole file of `phiforge export` or Classifier.save: {error}") from error
    if header.get("schema", 0) > SCHEMA:
        raise IncapableWorkerError(f"{path} was written by a newer version: schema {header['schema']}, known: {SCHEMA}")
    try:
        return _read(whole(FILE, header), tensors)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path} is damaged: {error!r}") from error


def _write(folder: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    held = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    sealed = seal(FILE, dict(header) | {"tensors": fingerprint(held)})
    save_file(held, folder / FILE, {_HEADER: sealed.decode(), "format": "pt"})
    return folder / FILE


def _header(learned: Learned, calibrations: Sequence[Calibration]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "run": learned.run,
        "version": learned.version,
        "spec": learned.spec.to_json(),
        "spec_hash": learned.spec_hash,
        "phi_hash": learned.phi_hash,
        "input_shape": list(learned.input_shape),
        "train_classes": learned.train_classes,
        "preprocessing": learned.wanted._asdict() if learned.wanted else None,
        "inner_steps": learned.inner_steps,
        "facts": dict(learned.facts),
        "calibrations": [each.to_json() for each in calibrations],
    }


def _read(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Written:
    phi = without_prefix(_PHI, tensors)
    for what, found, noted in (
        ("its tensors have", fingerprint(tensors), header["tensors"]),
        ("φ has", fingerprint(phi), header["phi_hash"]),
    ):
        if found != noted:
            raise ValueError(f"{what} the hash {found}, not {noted}")
    wanted = header["preprocessing"]
    learned = Learned(
        run=header["run"],
        version=header["version"],
        spec=RunSpec.from_json(header["spec"]),
        spec_hash=header["spec_hash"],
        phi=phi,
        phi_hash=header["phi_hash"],
        input_shape=tuple(header["input_shape"]),
        train_classes=header["train_classes"],
        wanted=Wanted(**wanted) if wanted else None,
        inner_steps=header["inner_steps"],
        facts=header["facts"],
    )
    calibrations = tuple(Calibration(**each) for each in header["calibrations"])
    return Written(learned, calibrations, _support(header, tensors), bool(header.get("transductive", False)))


def _support(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Support | None:
    found = without_prefix(_SUPPORT, tensors)
    if not found:
        return None
    return Support(found["x"], found["y"].to(torch.int64), tuple(header["labels"]), tuple(header["names"]))
