"""Learners whose inner loop is gradient descent: MAML, ANIL, BOIL, Meta-SGD, learned rates of layers, MAML++."""

import torch

from tests.references.networks import fit, outputs


def slopes_of(loss, theta, moving, exact):
    """Return the gradient of ``loss`` in the entries ``moving`` of θ; constants unless ``exact``."""
    found = torch.autograd.grad(loss, [theta[name] for name in moving], create_graph=True)
    return dict(zip(moving, found if exact else [slope.detach() for slope in found], strict=True))


def path(theta, moving, task, rule, steps, *, norm, exact):
    """Return θ⁰ and θ after each step, which ``rule(name, θ_name, slope, step)`` makes."""
    found = [theta]
    for step in range(steps):
        loss = fit(outputs(theta, task.support_x, norm, step), task.support_y)
        slopes = slopes_of(loss, theta, moving, exact)
        theta = {**theta, **{name: rule(name, theta[name], slopes[name], step) for name in moving}}
        found.append(theta)
    return found


def query_loss(theta, task, norm, step):
    """Return the loss on the query set after ``step`` steps."""
    return fit(outputs(theta, task.query_x, norm, step), task.query_y)


def movable(theta, norm):
    """Return the names that an inner loop may move: not averages, nor what each step has of its own."""
    return [
        name
        for name in theta
        if not name.startswith("statistics/")
        and not (norm == "per_step" and name.startswith("norm"))
        and ".prior_" not in name
    ]


def part_of(phi, prefix):
    """Return the entries of φ under ``prefix/``."""
    return {name[len(prefix) + 1 :]: value for name, value in phi.items() if name.startswith(prefix + "/")}


def maml(phi, task, *, inner_lr, steps, norm="batch", exact=True, proximal=0.0, only=lambda name: True):
    """MAML (Finn et al. 2017, algorithm 2), with iMAML's pull; ``only`` restricts what moves (ANIL, BOIL)."""

    def rule(name, value, slope, step):
        return value - inner_lr * (slope + proximal * (value - phi[name]))

    moving = [name for name in movable(phi, norm) if only(name)]
    return query_loss(path(phi, moving, task, rule, steps, norm=norm, exact=exact)[-1], task, norm, steps)


def anil(phi, task, **settings):
    """ANIL: the head alone moves (Raghu et al. 2020)."""
    return maml(phi, task, only=lambda name: name.startswith("head."), **settings)


def boil(phi, task, **settings):
    """BOIL: all but the head moves (Oh et al. 2021)."""
    return maml(phi, task, only=lambda name: not name.startswith("head."), **settings)


def meta_sgd(phi, task, *, steps, norm="batch", exact=True):
    """Meta-SGD: θ − α ∘ ∇ (Li et al. 2017, equation 3)."""
    theta, rates = part_of(phi, "start"), part_of(phi, "rates")

    def rule(name, value, slope, step):
        return value - rates[name] * slope

    moving = movable(theta, norm)
    return query_loss(path(theta, moving, task, rule, steps, norm=norm, exact=exact)[-1], task, norm, steps)


def layer_rates(phi, task, *, steps, norm="batch", exact=True):
    """A rate and a decay of each layer: θ − α (∇ + λ θ)."""
    theta, rates, decays = part_of(phi, "start"), part_of(phi, "rates"), part_of(phi, "decays")

    def rule(name, value, slope, step):
        layer = name.rsplit(".", 1)[0]
        return value - rates[layer] * (slope + decays[layer] * value)

    moving = movable(theta, norm)
    return query_loss(path(theta, moving, task, rule, steps, norm=norm, exact=exact)[-1], task, norm, steps)


def maml_plus_plus(phi, task, *, inner_lr, steps, norm="per_step", exact=True, share=None):
    """MAML++: a rate for each tensor and step; the loss after each step counts (Antoniou et al. 2019, equation 2).

    ``inner_lr``: the one rate where φ has none.
    ``share``: fraction of the annealing that is done, None when only the last loss counts.
    """
    theta, rates = part_of(phi, "start"), part_of(phi, "rates")

    def rule(name, value, slope, step):
        return value - (rates[name][step] if rates else inner_lr) * slope

    found = path(theta, movable(theta, norm), task, rule, steps, norm=norm, exact=exact)
    if share is None:
        return query_loss(found[-1], task, norm, steps)
    weights = importance(steps, share)
    losses = [query_loss(found[step], task, norm, step) for step in range(1, steps + 1)]
    return sum(weight * loss for weight, loss in zip(weights, losses, strict=True))


def importance(steps, share):
    """Weights of the losses after each step: from equal to nearly all the last's, as in the published code."""
    weights = [1 / steps] * steps
    for step in range(steps - 1):
        weights[step] = max(weights[step] - share / steps, 0.03 / steps)
    weights[-1] = 1 - sum(weights[:-1])
    return weights


def hyperparameters(phi, task, *, steps, fixed, norm="batch", exact=True):
    """Rates, decays and a smoothing of labels that φ holds as logarithms and a logit: the loss after all steps."""
    return hyperparameters_by_pieces([phi], task, steps=steps, length=steps, fixed=fixed, norm=norm, exact=exact)[-1]


def hyperparameters_by_pieces(phis, task, *, steps, length, fixed, norm="batch", exact=True):
    """The query losses after each ``length`` steps, which ``phis`` decide in turn, and after the last step.

    θ⁰ is the first φ's, or what the task drew. ``fixed``: the rate, decay and smoothing where φ holds none.
    """
    drawn = {name: value.clone().requires_grad_(True) for name, value in (task.noise or {}).items()}
    theta, losses = {**drawn, **part_of(phis[0], "start")}, []
    moving = movable(theta, norm)
    for step in range(steps):
        phi = phis[step // length]
        loss = smoothed(outputs(theta, task.support_x, norm, step), task.support_y, smoothing_of(phi, fixed[2]))
        slopes = slopes_of(loss, theta, moving, exact)
        after = dict(theta)
        for name in moving:
            rate, decay = (shared(phi, kind, name, fixed[place]) for place, kind in enumerate(("rates", "decays")))
            after[name] = theta[name] - rate * slopes[name] - rate * decay * theta[name]
        theta = after
        if (step + 1) % length == 0 or step + 1 == steps:
            losses.append(query_loss(theta, task, norm, step + 1))
    return losses


def shared(phi, kind, name, fixed):
    """Return e to the logarithm that φ holds for the layer of a tensor, or for all."""
    held = part_of(phi, f"log_{kind}")
    if not held:
        return fixed
    return torch.exp(held["all"] if "all" in held else held[name.rsplit(".", 1)[0]])


def smoothing_of(phi, fixed):
    """Return the share that all classes get."""
    return 1 / (1 + torch.exp(-phi["smoothing/logit"])) if "smoothing/logit" in phi else fixed


def smoothed(found, wanted, share):
    """Cross-entropy with labels of which all classes get a share, written out; values stay as they are."""
    if wanted.is_floating_point():
        return fit(found, wanted)
    ways, total = found.shape[1], 0.0
    for row, label in zip(found, wanted, strict=True):
        for way in range(ways):
            target = share / ways + (1 - share if way == int(label) else 0.0)
            total = total - target * (row[way] - torch.logsumexp(row, dim=0))
    return total / len(found)
