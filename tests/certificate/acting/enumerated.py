"""Derivatives of an expected return, against those of every trajectory enumerated."""

import torch
from torch import Tensor

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Mode
from phiforge.learning.reinforcement.objective import gained
from phiforge.learning.reinforcement.trajectories import Trajectories
from tests.certificate.acting.material import ACTIONS, DISCOUNT, HORIZON, STATES, learner_in, small, world
from tests.certificate.material import Figure, phi_of, relative_error
from tests.references import acting
from tests.references.tasks import leaves_of

EXACT = 1e-10


def derivatives_of_the_expectation(order: int) -> Figure:
    """The mean derivative of the objective over every trajectory of a chain, against that of the expected return.

    Advantages are rewards to go less a baseline of place and time, which must change nothing.
    """
    chain, logits = _chain(), _drawn("logits", STATES, ACTIONS).requires_grad_()
    exact = _derivative(acting.expected_return(chain, logits.softmax(dim=1)), logits, order)
    baseline = _drawn("baseline", HORIZON, STATES)
    found = torch.zeros_like(exact)
    for path in acting.paths(chain):
        chance = acting.probability(logits.softmax(dim=1), path).item()
        found += chance * _derivative(_objective(chain, path, logits, baseline), logits, order)
    return Figure(float((found - exact).abs().max() / exact.abs().max()), EXACT)


def plain_surrogate_is_biased() -> Figure:
    """How far the second derivative of Σ log π · A, forgetful of how trajectories came about, is from the right one."""
    chain, logits = _chain(), _drawn("logits", STATES, ACTIONS).requires_grad_()
    exact = _derivative(acting.expected_return(chain, logits.softmax(dim=1)), logits, 2)
    found = torch.zeros_like(exact)
    for path in acting.paths(chain):
        chance = acting.probability(logits.softmax(dim=1), path).item()
        log = logits.log_softmax(dim=1)[list(path.states[:-1]), list(path.actions)]
        ahead = [
            acting.returned(chain, path._replace(states=path.states[t:], actions=path.actions[t:])) for t in range(3)
        ]
        weights = torch.tensor([DISCOUNT**t * each for t, each in enumerate(ahead)], dtype=torch.float64)
        found += chance * _derivative((log * weights).sum(), logits, 2)
    return Figure(float((found - exact).abs().max() / exact.abs().max()), 0.1, above=True)


def exact_meta_gradient() -> Figure:
    """Its meta-gradient over every trajectory, against ∂/∂φ of J(φ + α∇J(φ)), enumerated.

    Where an action leads is certain and φ is indifferent, so that every first trajectory is as likely as the others:
    all of them, once each, are the expectation. Those after the step are weighed by their probability.
    """
    chain, place = _chain(certain=True), world()
    learner = learner_in(small("rl_maml", baseline="none", standardised=False, inner_lr=0.5), place)
    phi = phi_of(learner, torch.float64) | {"head.weight": torch.zeros(ACTIONS, 5, dtype=torch.float64)}
    phi |= {"head.bias": torch.zeros(ACTIONS, dtype=torch.float64)}
    leaves, paths = leaves_of(phi), acting.paths(chain)
    mode = Mode(training=True, second_order=True)
    theta = learner.path(leaves, lambda at, step: learner.experienced(at, _taken(chain, paths)), mode)[-1]
    loss = torch.zeros((), dtype=torch.float64)
    for path in paths:
        chance = acting.probability(acting.mlp_policy(theta, STATES), path).item()
        one = learner.experienced({name: value.detach() for name, value in theta.items()}, _taken(chain, [path]))
        loss = loss + chance * learner.loss(theta, one)
    found = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
    others = leaves_of(phi)

    def less(at: acting.Theta) -> Tensor:
        return -acting.expected_return(chain, acting.mlp_policy(at, STATES))

    after = acting.descended(others, less, 0.5, second_order=True)
    expected = dict(zip(others, torch.autograd.grad(less(after), list(others.values())), strict=True))
    return Figure(max(relative_error(found, expected), abs(loss.item() - less(after).item())), EXACT)


def _chain(*, certain: bool = False) -> acting.Chain:
    """Return a chain; where it is ``certain``, an action leads to one state."""
    following = _drawn("following", STATES, ACTIONS, STATES).softmax(dim=2)
    if certain:
        following = torch.nn.functional.one_hot(following.argmax(dim=2), STATES).double()
    return acting.Chain(following, _drawn("rewards", STATES, ACTIONS), HORIZON, DISCOUNT)


def _taken(chain: acting.Chain, paths: list[acting.Path]) -> Trajectories:
    """Return enumerated trajectories as the library has those that it collects."""
    places = torch.tensor([path.states[:-1] for path in paths])
    actions = torch.tensor([path.actions for path in paths])
    rewards = chain.rewards[places, actions]
    seen = torch.nn.functional.one_hot(places, STATES).double()
    return Trajectories(seen, actions, rewards, torch.ones_like(rewards))


def _objective(chain: acting.Chain, path: acting.Path, logits: Tensor, baseline: Tensor) -> Tensor:
    places, actions = list(path.states[:-1]), list(path.actions)
    log = logits.log_softmax(dim=1)[places, actions][None]
    ahead = [
        acting.returned(chain, path._replace(states=path.states[t:], actions=path.actions[t:])) for t in range(HORIZON)
    ]
    expected = baseline[range(HORIZON), places]
    advantages = torch.tensor([ahead], dtype=torch.float64) - expected
    return gained(log, log.detach(), advantages, chain.discount).sum()


def _derivative(value: Tensor, at: Tensor, order: int) -> Tensor:
    [slope] = torch.autograd.grad(value, at, create_graph=order > 1)
    if order == 1:
        return slope
    rows = [torch.autograd.grad(each, at, retain_graph=True)[0] for each in slope.flatten()]
    return torch.stack(rows)


def _drawn(name: str, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch_generator("acting", name), dtype=torch.float64)
