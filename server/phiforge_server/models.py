"""The models that a service offers, and the classifiers that it made of them, kept in memory for a while."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from phiforge.prediction.classifier import Classifier
from phiforge.prediction.following import Followed
from phiforge.prediction.model import Model
from phiforge.registry import LEARNERS
from phiforge_server.refusals import RefusedError
from phiforge_server.versions import Versions


class Models:
    """Models by the name of their run.

    Args:
        served: those that are offered, of exported folders, and runs that are followed, each by its best version so
            far; the first is meant where none is named.

    Raises RunError if a run that is followed has no version to use yet.
    """

    def __init__(self, served: Iterable[Model | Followed]) -> None:
        self.all = [_versions(each) for each in served]
        self._by_name = {each.offered.learned.run: each for each in self.all}

    def __getitem__(self, name: str) -> Versions:
        """Return the model of that name, or the first for an empty one; raises RefusedError if there is none."""
        if not name:
            return self.all[0]
        if name not in self._by_name:
            raise RefusedError(404, f"model {name!r} is not served here; allowed: {', '.join(self._by_name)}")
        return self._by_name[name]

    def described(self) -> list[dict[str, Any]]:
        """Return what there is to know of each before it is used."""
        return [_described(each) for each in self.all]


class Kept:
    """The classifiers used last, by task: to make one again costs an adaptation.

    Args:
        most: how many are held.
    """

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._held: OrderedDict[str, Classifier] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, task: str, make: Callable[[], Classifier]) -> Classifier:
        """Return the classifier of a task, made if it is not held."""
        with self._lock:
            if task in self._held:
                self._held.move_to_end(task)
                return self._held[task]
        made = make()
        with self._lock:
            self._held[task] = made
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return made

    def drop(self, task: str) -> None:
        """Forget the classifier of a task."""
        with self._lock:
            self._held.pop(task, None)


def _versions(served: Model | Followed) -> Versions:
    return Versions(served) if isinstance(served, Model) else Versions(served.model(served.best()), served)


def _described(versions: Versions) -> dict[str, Any]:
    learned = versions.offered.learned
    free = LEARNERS[learned.spec.learner.name].any_n_way
    return {
        "name": learned.run,
        "version": learned.version,
        "followed": versions.followed is not None,
        "phi_hash": learned.phi_hash,
        "learner": learned.spec.learner.name,
        "classes": None if free else learned.spec.task.n_way,
        "input_shape": list(learned.input_shape),
    }
