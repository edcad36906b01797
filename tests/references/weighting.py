"""Learners whose inner loop weighs support examples, each example's gradient taken by itself."""

import torch

from tests.references.gradient import movable, part_of, query_loss
from tests.references.networks import fit, outputs


def gradients_of_each(theta, moving, task, norm, step, exact):
    """Return the loss of each support example, and of each its gradient as a list in the order of ``moving``."""
    said = outputs(theta, task.support_x, norm, step)
    losses = [fit(said[index : index + 1], task.support_y[index : index + 1]) for index in range(len(said))]
    slopes = [torch.autograd.grad(loss, [theta[name] for name in moving], create_graph=True) for loss in losses]
    if exact:
        return losses, slopes
    return [loss.detach() for loss in losses], [[each.detach() for each in slope] for slope in slopes]


def stepped(theta, moving, slopes, weights, inner_lr):
    """Return θ − inner_lr · Σ w_i ∇ℓ_i."""
    moved = {}
    for place, name in enumerate(moving):
        total = sum(weight * slope[place] for weight, slope in zip(weights, slopes, strict=True))
        moved[name] = theta[name] - inner_lr * total
    return {**theta, **moved}


def meta_weight_net(phi, task, *, inner_lr, steps, norm="batch", exact=True):
    """Meta-Weight-Net (Shu et al. 2019, equation 3), its weights divided by their sum."""
    theta, net = part_of(phi, "start"), part_of(phi, "weighting")
    moving = movable(theta, norm)
    for step in range(steps):
        losses, slopes = gradients_of_each(theta, moving, task, norm, step, exact)
        values = []
        for loss in losses:
            hidden = (net["hidden.weight"][:, 0] * loss + net["hidden.bias"]).clamp(min=0)
            values.append(1 / (1 + torch.exp(-(net["output.weight"][0] @ hidden + net["output.bias"][0]))))
        weights = [value / sum(values) for value in values]
        theta = stepped(theta, moving, slopes, weights, inner_lr)
    return query_loss(theta, task, norm, steps)


def learning_to_reweight(phi, task, *, inner_lr, steps, trusted, through_weights, norm="batch", exact=True):
    """Learning to reweight (Ren et al. 2018, algorithm 1): a step by ε, the trusted loss after it, its slope at 0."""
    theta, moving = dict(phi), movable(phi, norm)
    sure = first_of_each(task.support_y.tolist(), trusted)
    for step in range(steps):
        _, slopes = gradients_of_each(theta, moving, task, norm, step, exact)
        weights = weights_of(theta, moving, task, slopes, sure, inner_lr, norm=norm, step=step)
        if not (through_weights and exact):
            weights = [weight.detach() for weight in weights]
        theta = stepped(theta, moving, slopes, weights, inner_lr)
    return query_loss(theta, task, norm, steps)


def weights_of(theta, moving, task, slopes, sure, inner_lr, *, norm, step):
    """Return max(−∂ℓ^T/∂ε_i, 0) by their sum."""
    epsilon = torch.zeros(len(slopes), dtype=torch.float64, requires_grad=True)
    ahead = stepped(theta, moving, slopes, list(epsilon), inner_lr)
    loss = fit(outputs(ahead, task.support_x, norm, step)[sure], task.support_y[sure])
    (slope,) = torch.autograd.grad(loss, epsilon, create_graph=True)
    helpful = (-slope).clamp(min=0)
    return list(helpful / helpful.sum())


def first_of_each(labels, count):
    """Return the places of the first ``count`` examples of each label."""
    seen = dict.fromkeys(labels, 0)
    places = []
    for place, label in enumerate(labels):
        seen[label] += 1
        if seen[label] <= count:
            places.append(place)
    return places
