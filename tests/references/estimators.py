"""Estimators other than plain differentiation: Reptile, implicit gradients, evolution, the score function."""

import torch

from tests.references.networks import fit, outputs


def learned(phi):
    """Return the names of φ that are learned: all but the averages."""
    return [name for name in sorted(phi) if not name.startswith("statistics/")]


def reptile_difference(phi, task, *, optimizer, rate, orders, norm="batch"):
    """φ − θ after torch's own optimiser has taken a step on each minibatch of ``orders`` (Nichol et al. 2018)."""
    theta = {name: value.clone().requires_grad_(True) for name, value in phi.items()}
    moved = [theta[name] for name in learned(phi)]
    if optimizer == "adam":
        rule = torch.optim.Adam(moved, lr=rate, betas=(0.0, 0.999), eps=1e-8)
    else:
        rule = torch.optim.SGD(moved, lr=rate)
    for order in orders:
        rule.zero_grad()
        fit(outputs(theta, task.support_x[order], norm), task.support_y[order]).backward()
        rule.step()
    return {name: (phi[name] - theta[name]).detach() for name in learned(phi)}


def implicit_gradient(
    phi, task, *, inner_lr, steps, proximal, iterations, norm="batch", damping=0.0, at_the_end=False, guarded=False
):
    """(I + H/(λ + damping))⁻¹ ∇L by conjugate gradients on one flat vector (Rajeswaran et al. 2019, algorithm 2).

    ``at_the_end``: the pull is one step of its own after the others, as in the published code. ``guarded``: where the
    matrix curves down, what was found before stays, at first the gradient itself.
    """
    names = learned(phi)
    shapes = [phi[name].shape for name in names]

    def parts(flat):
        pieces = torch.split(flat, [shape.numel() for shape in shapes])
        return {name: piece.reshape(shape) for name, piece, shape in zip(names, pieces, shapes, strict=True)}

    def loss(flat, x, y):
        return fit(outputs({**phi, **parts(flat)}, x, norm), y)

    start = torch.cat([phi[name].reshape(-1) for name in names])
    theta = start.clone()
    for _ in range(steps):
        theta = theta.detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(loss(theta, task.support_x, task.support_y), [theta])
        theta = theta - inner_lr * (slope + (0.0 if at_the_end else proximal) * (theta - start))
    if at_the_end:
        theta = theta - inner_lr * proximal * (theta - start)
    theta = theta.detach().requires_grad_(True)
    (target,) = torch.autograd.grad(loss(theta, task.query_x, task.query_y), [theta])

    def product(vector):
        slope = torch.autograd.grad(loss(theta, task.support_x, task.support_y), [theta], create_graph=True)[0]
        return vector + torch.autograd.grad(slope @ vector, [theta])[0] / (proximal + damping)

    return parts(conjugate_gradients(product, target, iterations, guarded))


def conjugate_gradients(product, target, iterations, guarded):
    """Solve product(x) = target from zero, as Shewchuk writes it."""
    x, residual = torch.zeros_like(target), target.clone()
    direction = residual
    for iteration in range(iterations):
        image = product(direction)
        if guarded and direction @ image <= 0:
            return x if iteration else target
        length = (residual @ residual) / (direction @ image)
        x, after = x + length * direction, residual - length * image
        direction = after + (after @ after) / (residual @ residual) * direction
        residual = after
    return x


def antithetic_slope(loss, phi, noises, sigma, tasks):
    """Mean over perturbations ε and tasks of (L(φ + σε) − L(φ − σε)) ε / 2σ (Salimans et al. 2017, section 2.1)."""
    total = {name: torch.zeros_like(phi[name]) for name in learned(phi)}
    for noise in noises:
        there = {**phi, **{name: phi[name] + sigma * noise[name] for name in noise}}
        back = {**phi, **{name: phi[name] - sigma * noise[name] for name in noise}}
        for index, task in enumerate(tasks):
            difference = float(loss(there, task, index)) - float(loss(back, task, index))
            for name in total:
                total[name] += difference * noise[name] / (2 * sigma)
    return {name: value / (len(noises) * len(tasks)) for name, value in total.items()}


def score_gradient(losses, scores):
    """Σ (lⁿ − mean of the others' l) ∇ log p(choiceⁿ) (Williams 1992, with the others' mean as the baseline)."""
    total = {name: torch.zeros_like(value) for name, value in scores[0].items()}
    for index, (loss, score) in enumerate(zip(losses, scores, strict=True)):
        others = [other for place, other in enumerate(losses) if place != index]
        baseline = sum(others) / len(others) if others else 0.0
        for name in total:
            total[name] += (loss - baseline) * score[name]
    return total


def persistent_slope(losses, phi, noises, sigma, tasks, weights):
    """Mean over particles and tasks of Σ_t ξ_t (L_t(+) − L_t(−)) w_t / 2σ², ξ_t = Σ_{s≤t} σ ε_s (Vicol et al. 2021).

    ``losses(phis, task)``: the query losses after each piece. ``noises``: of each particle, ε of each piece.
    """
    total = {name: torch.zeros_like(phi[name]) for name in learned(phi)}
    for noise in noises:
        for task in tasks:
            sides = []
            for sign in (1, -1):
                phis = [{**phi, **{name: phi[name] + sign * sigma * each[name] for name in each}} for each in noise]
                sides.append([loss.item() for loss in losses(phis, task)])
            accumulated = {name: torch.zeros_like(phi[name]) for name in total}
            for piece, weight in enumerate(weights):
                for name in total:
                    accumulated[name] = accumulated[name] + sigma * noise[piece][name]
                    difference = sides[0][piece] - sides[1][piece]
                    total[name] += weight * accumulated[name] * difference / (2 * sigma**2)
    return {name: value / (len(noises) * len(tasks)) for name, value in total.items()}
