"""``python -m tests.badinput.poisoned_trainer``: a trainer whose jobs of some runs end as their names say."""

import os
import signal
from collections.abc import Sequence
from typing import Any

from phiforge.learning.estimators.backpropagation import Backpropagation
from phiforge.learning.estimators.bases.estimator import Contribution, Step
from phiforge_client.cli import main

contribute = Backpropagation.contribute


def poisoned(self: Any, learner: Any, phi: Any, episodes: Sequence[Any], step: Step, job: int) -> Contribution:
    if (step.version, job) == (1, 1):
        if step.spec.name == "kills":
            os.kill(os.getpid(), signal.SIGKILL)
        if step.spec.name == "runs-out-of-memory":
            bytearray(2**62)
        if step.spec.name == "fails-in-code":
            raise ValueError("a bug")
    return contribute(self, learner, phi, episodes, step, job)


if __name__ == "__main__":
    Backpropagation.contribute = poisoned  # type: ignore[method-assign]
    main()
