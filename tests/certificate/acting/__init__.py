"""Proofs of learners that act: against every trajectory enumerated, differences on kept trajectories, plain loops."""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from tests.certificate.acting.contributions import (
    actor_critic,
    antithetic,
    differences_on_kept_trajectories,
    first_order_is_another,
    magic_box,
    sum_of_episodes,
)
from tests.certificate.acting.enumerated import (
    derivatives_of_the_expectation,
    exact_meta_gradient,
    plain_surrogate_is_biased,
)
from tests.certificate.acting.material import small
from tests.certificate.material import estimating


class Case(NamedTuple):
    """How a cell is proven: what it shows, of which variant, and how it is measured."""

    kind: str
    variant: str
    measure: Any


def proofs_of(learner: str, estimator: str) -> Iterator[Case]:
    """Yield the proofs of a learner that acts under an estimator."""
    yield from BY_PAIR.get((learner, estimator), lambda: iter(()))()
    sums = partial(sum_of_episodes, small(learner), estimating(estimator, **PAIRS.get(estimator, {})))
    yield Case("sum of episodes", "tabular MDP", sums)


def _maml() -> Iterator[Case]:
    for order in (1, 2):
        measure = partial(derivatives_of_the_expectation, order)
        yield Case("expected gradient", f"derivative {order}, every trajectory", measure)
    yield Case("not the gradient", "plain surrogate, derivative 2", plain_surrogate_is_biased)
    yield Case("expected gradient", "whole meta-gradient, every trajectory", exact_meta_gradient)
    variants = {"defaults": {}, "2 steps, λ 0.9": {"inner_steps": 2, "gae_lambda": 0.9}}
    for place in ("tabular_mdp", "navigation"):
        for label, settings in variants.items():
            measure = partial(differences_on_kept_trajectories, place, **settings)
            yield Case("finite differences", f"{place}, {label}", measure)
    yield Case("second formulation", "DiCE, 2 steps", partial(magic_box, "backpropagation"))


def _first_order() -> Iterator[Case]:
    yield Case("second formulation", "DiCE, 2 steps", partial(magic_box, "first_order"))
    yield Case("not the gradient", "tabular MDP", first_order_is_another)


PAIRS = {"evolution": {"pairs": 2, "sigma": 0.5}}
"""Wide enough for other actions to be taken."""
BY_PAIR = {
    ("rl_maml", "backpropagation"): _maml,
    ("rl_maml", "first_order"): _first_order,
    ("rl_maml", "evolution"): lambda: iter([Case("second formulation", "2 pairs", partial(antithetic, "rl_maml"))]),
    ("rl2", "backpropagation"): lambda: iter([Case("second formulation", "actor and critic", actor_critic)]),
    ("rl2", "evolution"): lambda: iter([Case("second formulation", "2 pairs", partial(antithetic, "rl2"))]),
}
