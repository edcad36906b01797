"""A run that may still be trained, whose best version so far is what others use."""

from pathlib import Path

from phiforge.prediction.files import is_written
from phiforge.prediction.model import Model
from phiforge.prediction.opening import chosen_version, load, load_run, material_of
from phiforge.runs.record import Record
from phiforge.runs.run_ids import run_of
from phiforge.runs.store import Store


class Followed:
    """Says which version of a run is the best so far, and opens any of its versions, all on one copy of its dataset.

    Args:
        store: where the run is.
        run: its id, its beginning or its last part.
        device: where its models compute, ``cpu`` or ``cuda``.

    Raises RunError if there is no such run.

    Example::

        followed = Followed(store, "my-run")
        model = followed.model(followed.best())
    """

    def __init__(self, store: Store, run: str, device: str = "cpu") -> None:
        self._store, self._record, self._device = store, Record(store), device
        self.run = run_of(self._record, run)
        self._submitted = self._record.run(self.run)
        self._material = material_of(store, self._submitted)

    def best(self) -> int:
        """Return the best version so far by the validation tasks, or the newest if none was judged.

        Raises:
            RunError: if the run has no checkpoint.
            StoreError: if object storage does not answer.
        """
        return chosen_version(self._record, self._submitted)

    def model(self, version: int) -> Model:
        """Return the model of a version; raises RunError, with what there is, if it has no checkpoint."""
        return load_run(self._store, self.run, version, self._device, self._material)


def served(place: str, store: Store, device: str = "cpu") -> Model | Followed:
    """Return what is served under a name: a folder that `phiforge export` wrote as it is, a run by its best version.

    Args:
        place: the folder; or a run's id, its beginning or its last part.
        store: where runs are.
        device: where models compute.

    Raises:
        RunError: if there is no such run.
        FormatError: if a folder is damaged, or holds a classifier.
    """
    return load(place, device=device) if is_written(Path(place)) else Followed(store, place, device)
