"""Proofs against what can be worked out by hand: quadratics, ridge regression, slopes, weights."""

from collections.abc import Callable

import numpy as np
import torch

from phiforge.learning.estimators import Step, build_estimator
from phiforge.learning.estimators.bases.perturbations import perturbation
from phiforge.learning.estimators.implicit import conjugate_gradient
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, Outcome, TaskShape
from phiforge.learning.learners.maml import Maml
from phiforge.learning.learners.maml_plus_plus import step_weights
from phiforge.learning.learners.r2d2 import ridge
from phiforge.learning.optimizers import init_state
from phiforge.learning.reduction import reduce
from phiforge.learning.tensors import decode
from phiforge.spec.run import RunSpec
from phiforge.tasks.episodes import Episode
from tests.certificate import unrolled
from tests.certificate.material import (
    N_WAY,
    Figure,
    configured,
    contribution,
    estimating,
    relative_error,
    step_of,
)
from tests.certificate.proofs import standard_errors
from tests.references.gradient import importance

SIZE = 4
RATE = 0.05


class LinearModel:
    """The model x · w, whose mean squared error is a quadratic in w."""

    transductive = False

    def adapts(self, name: str) -> bool:
        return True

    def init(self, generator: torch.Generator) -> dict:
        return {"w": torch.randn(SIZE, 1, generator=generator)}

    def outputs(self, parameters: dict, x: torch.Tensor, at: object = None) -> torch.Tensor:
        return x @ parameters["w"]


class LinearMaml(Maml):
    """MAML of a linear model: the library's inner loop where everything is known by hand."""

    def __init__(self, **settings: object) -> None:
        settings = {"inner_lr": RATE, "network": {"name": "mlp"}} | settings
        super().__init__(configured("maml", **settings), TaskShape(1, (SIZE,), regression=True))
        self.model = LinearModel()


class Slope(Learner):
    """A loss that is linear in φ: SLOPE · φ."""

    transductive = False

    def __init__(self) -> None:
        super().__init__(configured("maml"), TaskShape(N_WAY, (SIZE,)))

    def init_phi(self, generator: torch.Generator) -> dict:
        return {"w": torch.zeros(SIZE, 1)}

    def adapt(self, *arguments: object) -> None:
        raise NotImplementedError

    def query_outcome(self, phi: dict, episode: Episode, mode: object, generator: torch.Generator) -> Outcome:
        return Outcome((SLOPE * phi["w"]).sum(), {"accuracy": torch.zeros(())})


SLOPE = torch.tensor([[3.0], [-2.0], [0.5], [1.0]], dtype=torch.float64)


def quadratic_task() -> Episode:
    """Return a regression of ten support and six query points."""
    generator = torch_generator("quadratic")

    def values(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return Episode(values(10, SIZE), values(10, 1), values(6, SIZE), values(6, 1), torch.empty(0))


def quadratic(x: torch.Tensor, y: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return A and b of the gradient A w - b of mean (x · w - y)²."""
    x, y = x.numpy(), y.numpy()
    return 2 * x.T @ x / len(x), 2 * x.T @ y / len(x)


def start() -> dict:
    """Return φ."""
    return {"w": torch.randn(SIZE, 1, generator=torch_generator("w"), dtype=torch.float64)}


def against(found: dict, expected: np.ndarray, limit: float = 1e-10) -> Figure:
    """Return the error of the one entry of φ."""
    return Figure(relative_error({"w": found["w"]}, {"w": torch.from_numpy(expected)}), limit)


def maml_on_a_quadratic(estimator: str, steps: int, proximal: float = 0.0) -> Figure:
    """θᵏ and dθᵏ/dφ by hand: J' = J - α (A J + λ (J - I)) from J = I; first order takes J = I."""
    task, phi, unit = quadratic_task(), start(), np.eye(SIZE)
    a, b = quadratic(task.support_x, task.support_y)
    theta = first = phi["w"].numpy()
    jacobian = unit
    for _ in range(steps):
        theta = theta - RATE * (a @ theta - b + proximal * (theta - first))
        jacobian = jacobian - RATE * (a @ jacobian + proximal * (jacobian - unit))
    a, b = quadratic(task.query_x, task.query_y)
    slope = a @ theta - b
    learner = LinearMaml(inner_steps=steps, proximal=proximal)
    found = contribution(estimating(estimator), learner, phi, [task], step_of()).values
    return against(found, jacobian.T @ slope if estimator == "backpropagation" else slope)


def first_order_with_a_pull() -> Figure:
    """With the pull of iMAML, φ is in the rule itself: first order keeps -αλ (J - I) and drops the gradient's part."""
    task, phi, unit, proximal, steps = quadratic_task(), start(), np.eye(SIZE), 1.5, 3
    a, b = quadratic(task.support_x, task.support_y)
    theta = first = phi["w"].numpy()
    jacobian = unit
    for _ in range(steps):
        theta = theta - RATE * (a @ theta - b + proximal * (theta - first))
        jacobian = jacobian - RATE * proximal * (jacobian - unit)
    a, b = quadratic(task.query_x, task.query_y)
    learner = LinearMaml(inner_steps=steps, proximal=proximal)
    found = contribution(estimating("first_order"), learner, phi, [task], step_of()).values
    return against(found, jacobian.T @ (a @ theta - b))


def implicit_on_a_quadratic() -> Figure:
    """λ (A + λ I)⁻¹ ∇L(θ*), θ* = (A + λ I)⁻¹ (b + λ φ): the whole estimator, its inner loop run to the end."""
    task, phi, proximal = quadratic_task(), start(), 2.0
    a, b = quadratic(task.support_x, task.support_y)
    inverse = np.linalg.inv(a + proximal * np.eye(SIZE))
    theta = inverse @ (b + proximal * phi["w"].numpy())
    a, b = quadratic(task.query_x, task.query_y)
    learner = LinearMaml(inner_lr=0.15, inner_steps=100, proximal=proximal)
    found = contribution(estimating("implicit", iterations=20), learner, phi, [task], step_of()).values
    return against(found, proximal * inverse @ (a @ theta - b), limit=1e-8)


def conjugate_gradients() -> Figure:
    """As many iterations as unknowns solve a symmetric system, whose unknowns are of two names."""
    values = np.random.default_rng(0).standard_normal((SIZE + 2, SIZE + 2))
    matrix, target = values @ values.T + np.eye(SIZE + 2), values[0]

    def named(flat: np.ndarray) -> dict:
        return {"a": torch.from_numpy(flat[:SIZE].copy()), "b": torch.from_numpy(flat[SIZE:].copy())}

    def product(vector: dict) -> dict:
        return named(matrix @ np.concatenate([vector["a"].numpy(), vector["b"].numpy()]))

    found = conjugate_gradient(product, named(target), iterations=SIZE + 2).x
    return Figure(relative_error(found, named(np.linalg.solve(matrix, target))), 1e-8)


def ridge_head() -> Figure:
    """(XᵀX + λ I) W = XᵀY, the primal normal equations, solved by numpy."""
    generator = np.random.default_rng(0)
    x, y, penalty = generator.standard_normal((5, 64)), np.eye(5), 0.7
    expected = np.linalg.solve(x.T @ x + penalty * np.eye(64), x.T @ y)
    found = ridge(torch.from_numpy(x), torch.from_numpy(y), torch.tensor(penalty, dtype=torch.float64))
    return against({"w": found}, expected)


def reptile_on_a_quadratic() -> Figure:
    """φ - θᵏ = (I - (I - αA)ᵏ)(φ - A⁻¹b), of k steps on the whole support set."""
    task, phi, steps = quadratic_task(), start(), 5
    a, b = quadratic(task.support_x, task.support_y)
    shrunk = np.linalg.matrix_power(np.eye(SIZE) - RATE * a, steps)
    expected = (np.eye(SIZE) - shrunk) @ (phi["w"].numpy() - np.linalg.solve(a, b))
    estimator = estimating("reptile", inner_optimizer="sgd", inner_lr=RATE, inner_steps=steps, batch=None)
    return against(contribution(estimator, LinearMaml(), phi, [task], step_of()).values, expected)


def reptile_in_expectation(jobs: int = 1500) -> Figure:
    """Two steps on minibatches: α (2ḡ - α Ā ḡ) is expected, AvgGrad and AvgGradInner (Nichol et al. 2018, section 5.1).

    The figure is the largest distance of any entry, in standard errors of the mean.
    """
    task, phi = quadratic_task(), start()
    a, b = quadratic(task.support_x, task.support_y)
    slope = a @ phi["w"].numpy() - b
    expected = torch.from_numpy(RATE * (2 * slope - RATE * a @ slope))
    settings = {"inner_optimizer": "sgd", "inner_lr": RATE, "inner_steps": 2, "batch": 3}
    estimator, learner = build_estimator(estimating("reptile", **settings)), LinearMaml()
    found = [estimator.contribute(learner, phi, [task], step_of(), job).values["w"] for job in range(jobs)]
    return Figure(float(standard_errors(found, expected).max()), 4.0)


def reptile_moves_by_its_rate() -> Figure:
    """Plain outer descent of rate ε makes φ + ε mean(θ - φ) (Nichol et al. 2018, algorithm 2)."""
    outer = {"optimizer": {"name": "sgd"}, "lr": 0.25, "clip_norm": None}
    step, phi, task = Step(RunSpec.model_validate({"outer": outer}), 0), start(), quadratic_task()
    config = estimating("reptile", inner_optimizer="sgd", inner_lr=RATE, inner_steps=2, batch=None)
    payload = contribution(config, LinearMaml(), phi, [task, task], step).to_bytes()
    a, b = quadratic(task.support_x, task.support_y)
    theta = first = phi["w"].numpy()
    for _ in range(2):
        theta = theta - RATE * (a @ theta - b)
    state = init_state(step.spec.outer, phi)
    commit = reduce(build_estimator(config), step, phi, state, [payload])
    return against(decode(commit.phi), first + 0.25 * (theta - first))


def evolution_on_a_quadratic() -> Figure:
    """Each antithetic pair gives ε (ε · ∇) exactly where L is a quadratic: here that of one-step MAML."""
    task, phi, step = quadratic_task(), start(), step_of()
    estimator, learner = build_estimator(estimating("evolution", pairs=3, sigma=0.5)), LinearMaml()
    direction = estimator.combine(phi, [estimator.contribute(learner, phi, [task], step, 0)], step)
    a, b = quadratic(task.support_x, task.support_y)
    c, d = quadratic(task.query_x, task.query_y)
    jacobian = np.eye(SIZE) - RATE * a
    gradient = jacobian @ (c @ (phi["w"].numpy() - RATE * (a @ phi["w"].numpy() - b)) - d)
    noises = [perturbation(phi, step, 0, pair)["w"].numpy() for pair in range(3)]
    return against(direction, sum(noise * float((noise * gradient).sum()) for noise in noises) / 3, limit=1e-8)


def evolution_on_a_slope(jobs: int = 500) -> Figure:
    """The mean over jobs of what pairs make of a linear loss is its slope, to a few standard errors."""
    estimator, learner, task = build_estimator(estimating("evolution", pairs=4)), Slope(), quadratic_task()
    phi, found = start(), []
    for version in range(jobs):
        step = step_of(version)
        found.append(estimator.combine(phi, [estimator.contribute(learner, phi, [task], step, 0)], step)["w"])
    return Figure(float(standard_errors(found, SLOPE).max()), 4.0)


def perturbations_are_normal(size: int = 20_000) -> Figure:
    """Mean, variance, fourth moment, and covariance of two pairs, jobs or versions, in standard errors."""
    phi = {"w": torch.zeros(size, dtype=torch.float64)}
    first, *others = (
        perturbation(phi, step_of(version), job, pair)["w"].numpy()
        for version, job, pair in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0))
    )
    root = np.sqrt(size)
    off = [first.mean() * root, ((first**2).mean() - 1) * root / np.sqrt(2), ((first**4).mean() - 3) * root / 96**0.5]
    return Figure(max(map(abs, off + [(first * other).mean() * root for other in others])), 4.0)


def weights_of_steps() -> Figure:
    """MAML++'s weights: equal at first, a share of 0.03 of 1/k at last, one in sum, linear between."""
    errors = [
        abs(there - here)
        for steps in (1, 2, 5)
        for share in (0.0, 0.25, 0.5, 0.99, 1.0)
        for there, here in zip(step_weights(steps, share), importance(steps, share), strict=True)
    ]
    errors += [abs(sum(step_weights(5, share)) - 1) for share in (0.0, 0.5, 1.0)]
    errors += [abs(step_weights(5, 0.0)[0] - 0.2), abs(step_weights(5, 1.0)[0] - 0.006)]
    return Figure(max(errors), 1e-12)


CLOSED_FORMS: dict[str, Callable[[], Figure]] = {
    "ridge head = numpy's solution of the primal normal equations": ridge_head,
    "MAML, one step on a quadratic": lambda: maml_on_a_quadratic("backpropagation", 1),
    "MAML, five steps on a quadratic": lambda: maml_on_a_quadratic("backpropagation", 5),
    "MAML with a proximal pull, three steps on a quadratic": lambda: maml_on_a_quadratic("backpropagation", 3, 1.5),
    "first order, five steps on a quadratic": lambda: maml_on_a_quadratic("first_order", 5),
    "first order with a proximal pull, three steps on a quadratic": first_order_with_a_pull,
    "implicit gradient on a quadratic, inner loop converged": implicit_on_a_quadratic,
    "conjugate gradients = numpy's solution": conjugate_gradients,
    "Reptile, five full steps on a quadratic": reptile_on_a_quadratic,
    "Reptile's expected difference on minibatches (standard errors)": reptile_in_expectation,
    "Reptile's outer step of rate ε": reptile_moves_by_its_rate,
    "evolution on a quadratic: ε (ε · ∇) of each pair": evolution_on_a_quadratic,
    "evolution on a linear loss: its slope (standard errors)": evolution_on_a_slope,
    "evolution's perturbations are normal and apart (standard errors)": perturbations_are_normal,
    "MAML++'s weights of the losses of steps": weights_of_steps,
    "persistent evolution on influence balancing: its slope (standard errors)": unrolled.persistent_is_unbiased,
    "truncated evolution on influence balancing is biased (standard errors)": unrolled.truncated_is_biased,
}
