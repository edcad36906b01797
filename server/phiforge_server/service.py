"""What the service does, whoever calls it: tasks of support sets, and predictions by them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from phiforge.base.errors import PhiforgeError
from phiforge.prediction.classifier import Classifier
from phiforge.prediction.following import Followed
from phiforge.prediction.model import Model
from phiforge.prediction.pictures import inputs_of
from phiforge.prediction.support import Support, support_of
from phiforge.runs.store import Store
from phiforge_server.answers import answers
from phiforge_server.batches import Answers, Asked, Batches
from phiforge_server.limits import Limits
from phiforge_server.models import Kept, Models
from phiforge_server.refusals import RefusedError
from phiforge_server.tasks import Task, TaskStore
from phiforge_server.versions import Versions
from phiforge_server.work import Work

Uploads = Sequence[tuple[str, str, bytes]]
"""Field, file name and bytes of each picture."""
T = TypeVar("T")


class Predictions:
    """Adapts and predicts.

    Args:
        models: those that are offered, and runs that are followed.
        store: where tasks are kept.
        limits: what is refused beyond.
    """

    def __init__(self, models: Sequence[Model | Followed], store: Store, limits: Limits) -> None:
        self.models, self._limits = Models(models), limits
        self._store, self._tasks = store, TaskStore(store, limits.tasks, limits.task_seconds)
        self._kept, self._work = Kept(), Work(limits)
        self._batches = Batches(self._work, self._predict, limits)

    async def create(self, model: str, pictures: Uploads) -> dict[str, Any]:
        """Return the task made of a support set; raises what ``Model.adapt`` does, and RefusedError beyond limits."""
        return await self._work.do(lambda: self._create(self.models[model], pictures))

    async def predict(self, task: str, pictures: Uploads, nearest: int = 0) -> dict[str, Any]:
        """Return the predictions of a task; raises DataError for what is no picture, RefusedError for no task.

        Args:
            task: its id.
            pictures: what is asked.
            nearest: how many pictures of the support set are named beside each, the nearest first.
        """
        asked = Asked([name for _, name, _ in pictures], [data for _, _, data in pictures], nearest)
        return await self._batches.do(task, asked)

    async def listed(self) -> list[dict[str, Any]]:
        """Return the tasks that live."""
        return [each._asdict() for each in await _asked(self._tasks.all)]

    async def described(self, task: str) -> dict[str, Any]:
        """Return what is noted of a task; raises RefusedError if there is none."""
        return (await _asked(lambda: self._tasks.get(task)))._asdict()

    async def delete(self, task: str) -> None:
        """Delete a task; raises RefusedError if there is none."""
        await _asked(lambda: self._tasks.get(task))
        self._kept.drop(task)
        await _asked(lambda: self._tasks.delete(task))

    async def check(self) -> None:
        """Raise StoreError if the object storage does not answer."""
        await _asked(lambda: self._store.exists("tasks/probe"))

    def close(self) -> None:
        """Let what is under way end."""
        self._work.close()

    def _create(self, versions: Versions, pictures: Uploads) -> dict[str, Any]:
        labels = [label for label, _, _ in pictures]
        if len(set(labels)) > self._limits.classes:
            raise RefusedError(422, f"{len(set(labels))} classes: allowed are {self._limits.classes}")
        model = versions.offered
        _expect_readable(model, pictures)
        support = support_of([data for _, _, data in pictures], model.learned, labels)
        classifier = self._adapted(model, support)
        versions.note(support)
        task = self._tasks.create(model.learned.run, model.learned.version, support)
        self._kept.get(task.task, lambda: classifier)
        return task._asdict()

    def _predict(self, task: str, requests: Sequence[Asked]) -> Answers:
        found = self._tasks.get(task)
        classifier = self._kept.get(task, lambda: self._made_again(found))
        said = {"task": task, "model": found.model, "version": found.version}
        return [each if isinstance(each, PhiforgeError) else said | each for each in answers(classifier, requests)]

    def _made_again(self, task: Task) -> Classifier:
        """Return the classifier of a task that another replica took, or this one before it was started again.

        It is made by the version that the task was made with, whatever new tasks get.
        """
        return self._adapted(self.models[task.model].of(task.version), self._tasks.support(task))

    @staticmethod
    def _adapted(model: Model, support: Support) -> Classifier:
        return Classifier(model.learned, support, model.calibration_for(support))


def _expect_readable(model: Model, pictures: Uploads) -> None:
    """Raise DataError that names by their files all pictures of a support set that cannot be read."""
    inputs_of([data for _, _, data in pictures], model.learned, [f"{label}/{name}" for label, name, _ in pictures])


async def _asked(question: Callable[[], T]) -> T:
    """Return what object storage says, without keeping others waiting."""
    return await asyncio.get_running_loop().run_in_executor(None, question)
