"""Population-based training: a generation goes on from the one before, on the next tasks.

θ⁰ is fresh for each task, so that hyper-parameters are all that a member carries on.
"""

from collections.abc import Iterator

from benchmarks.hyperparameters.question import MIDDLE, SPACE, Question
from benchmarks.hyperparameters.standing import GENERATION, Standing
from phiforge.search.history import Told, best
from phiforge.search.proposers import build_proposer
from phiforge.search.proposers.population_based_training import PopulationBasedTrainingConfig

LEG = 4
"""Tasks that a member trains before it is compared with the others."""


def population_based_training(question: Question) -> Iterator[Standing]:
    """Yield the best member of each generation: generations meet other tasks, so that their costs do not compare."""
    proposer = build_proposer(PopulationBasedTrainingConfig(), SPACE, question.seed)
    history: list[Told] = []
    yield Standing(0, MIDDLE)
    for generation in range(question.size.budget // (GENERATION * LEG)):
        numbers = range(len(history), len(history) + GENERATION)
        first = generation * LEG
        members = [
            Told(number, generation, point, question.cost(point, first, first + LEG) / LEG)
            for number, point in zip(numbers, proposer.propose(history, numbers), strict=True)
        ]
        history += members
        if found := best(members):
            yield Standing(len(history) * LEG, found.point)
