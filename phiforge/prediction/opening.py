"""``phiforge.load``: a model from a run in object storage, or from a folder or file that an export wrote."""

from pathlib import Path
from typing import Any

from phiforge.base.environment import read_settings
from phiforge.base.errors import DataError, FormatError, MissingObjectError, RunError
from phiforge.base.settings import Settings
from phiforge.learning.optimizers import judged
from phiforge.learning.tensors import fingerprint
from phiforge.learning.tried_steps import STEPS
from phiforge.prediction.classifier import Classifier
from phiforge.prediction.files import is_written, read_file
from phiforge.prediction.learned import Learned
from phiforge.prediction.material import Material
from phiforge.prediction.model import Model
from phiforge.registry import DATA, DATASETS, PartConfig
from phiforge.runs.best import best_of
from phiforge.runs.checkpoints import Checkpoints
from phiforge.runs.record import Record, RunStatus
from phiforge.runs.run_ids import run_of
from phiforge.runs.store import Store, open_store
from phiforge.runs.submitted import RunRecord
from phiforge.runs.weights import offer_local
from phiforge.tasks.datasets import DatasetSource
from phiforge.tasks.datasets.bases.pictures.decoding import Wanted


def load(
    place: str | Path, version: int | None = None, *, settings: Settings | None = None, device: str = "cpu"
) -> Model:
    """Return what was learned, ready to be adapted to classes that it never saw.

    Args:
        place: a run's id, its beginning or its last part; or a folder or file that `phiforge export` wrote.
        version: of a run; by default the one that did best on the validation tasks, or the newest if none was judged.
        settings: where runs are; by default what the environment says (``PHIFORGE_HOME``, ``PHIFORGE_STORE_URL``).
        device: where it computes, ``cpu`` or ``cuda``.

    Raises:
        RunError: if there is no such run or version, or it has nothing to use yet.
        FormatError: if what is there is damaged, or is a classifier: ``load_classifier`` takes that.

    Example::

        model = phiforge.load("omniglot-prototypical-5w1s")
        predictions = model.adapt("support").predict("query")
    """
    if is_written(Path(place)):
        found = read_file(Path(place))
        offer_local(found.learned.spec, settings or read_settings())
        if found.support is not None:
            raise FormatError(f"{place} holds a classifier, adapted already: phiforge.load_classifier({str(place)!r})")
        return Model(found.learned.to(device), found.calibrations)
    store = open_store(settings or read_settings(), make=False)
    return load_run(store, str(place), version, device)


def load_classifier(place: str | Path, *, device: str = "cpu") -> Classifier:
    """Return a classifier that ``Classifier.save`` wrote: the same answers, to the bit on the same device.

    Raises:
        FormatError: if it is damaged, or is no classifier but a model, which ``load`` takes.
        DataError: if there is nothing of the kind.
    """
    if not is_written(Path(place)):
        raise DataError(f"{place} is no folder that Classifier.save wrote")
    found = read_file(Path(place))
    offer_local(found.learned.spec, read_settings())
    if found.support is None:
        raise FormatError(f"{place} holds a model that is not adapted: phiforge.load({str(place)!r}).adapt(...)")
    calibration = found.calibrations[0] if found.calibrations else None
    return Classifier(found.learned.to(device), found.support, calibration, found.transductive)


def load_run(
    store: Store, run: str, version: int | None = None, device: str = "cpu", material: Material | None = None
) -> Model:
    """Return a version of a run in ``store``: see ``load``.

    ``material`` is its dataset, if that was opened already.
    """
    record = Record(store)
    meant = record.run(run_of(record, run))
    if DATA[meant.spec.data.name].reinforcement:
        raise RunError(
            f"run {meant.run!r} learned to act (data {meant.spec.data.name!r}), which tells no classes apart: "
            f"`phiforge evaluate {meant.run}` judges its φ on tasks again"
        )
    learned = learned_of(record, meant, chosen_version(record, meant) if version is None else version)
    return Model(learned.to(device), material=material or material_of(store, meant))


def material_of(store: Store, run: RunRecord) -> Material | None:
    """Return the dataset of a run, not read yet; None if its tasks are drawn from a formula."""
    return Material(store, run.dataset) if DATA[run.spec.data.name].published else None


def chosen_version(record: Record, run: RunRecord) -> int:
    """Return the best version by the validation tasks that were judged so far; without any the newest there is."""
    there = record.checkpoints(run.run)
    if not there:
        raise RunError(f"run {run.run!r} has no checkpoint to use yet: watch it with `phiforge watch {run.run}`")
    if record.status(run.run) is RunStatus.COMPLETE:
        return int(record.report(run.run)["best_version"])
    judged = record.scored(run.run, "validation")
    best = best_of(record, run) if judged else there[-1]
    return best if best in there else there[-1]


def learned_of(record: Record, run: RunRecord, version: int) -> Learned:
    """Return φ of a version that has a checkpoint, or its average if the run is judged by it.

    Raises RunError, with what there is, if it has none.
    """
    if version not in (there := record.checkpoints(run.run)):
        raise RunError(f"run {run.run!r} has no checkpoint of version {version}; allowed: {', '.join(map(str, there))}")
    checkpoint = Checkpoints(record).load(run.run, version)
    phi = judged(run.spec.outer, checkpoint.phi, checkpoint.optimizer)
    return Learned(
        run=run.run,
        version=version,
        spec=run.spec,
        spec_hash=run.spec_hash,
        phi=phi,
        phi_hash=fingerprint(phi),
        input_shape=run.input_shape,
        train_classes=run.train_classes,
        wanted=preprocessing_of(run.spec.data),
        inner_steps=_inner_steps(record, run, version),
        facts=_facts(record, run),
    )


def preprocessing_of(data: PartConfig) -> Wanted | None:
    """Return how a picture becomes an input of a learner that learned from ``data``; None if none can."""
    if not DATA[data.name].published:
        return None
    return DATASETS.built_on(DatasetSource, data.name).preprocessing(data)


def _inner_steps(record: Record, run: RunRecord, version: int) -> int | None:
    """Return how many inner steps a validation chose for unseen tasks, if one did."""
    if not run.tries_steps or not record.has_scores(run.run, "validation", version):
        return None
    found = record.scores(run.run, "validation", version).get(STEPS)
    return None if found is None else int(found)


def _facts(record: Record, run: RunRecord) -> dict[str, Any]:
    """Return what a report says of the run, if it is complete."""
    try:
        return record.report(run.run)
    except (MissingObjectError, FormatError):
        return {}
