"""LEO: gradient descent on a code from which a classifier is decoded (Rusu et al. 2019, algorithm 1)."""

import math

import torch

from tests.references.metric import labels_of
from tests.references.networks import conv4, cross_entropy


def leo(phi, task, *, steps, finetuning_steps, kl_weight, encoder_weight, norm="batch", exact=True):
    """Query loss + β · divergence + γ · |stopgrad(z') − z|² (equation 6). ``task.noise`` is the draws of z and w."""
    z_noise, w_noise = task.noise
    features, query = conv4(phi, task.support_x, norm), conv4(phi, task.query_x, norm)
    mean, deviation = encoded(phi, features, task)
    first = mean + deviation * z_noise
    divergence = -torch.log(deviation) + (deviation**2 + mean**2 - 1) / 2

    def support_loss(weights):
        return cross_entropy(features @ weights.t(), task.support_y)

    code = first
    for _ in range(steps):
        loss = support_loss(decoded(phi, code, w_noise))
        code = code - torch.exp(phi["log_rate.latent"]) * slope_of(loss, code, exact)
    weights = decoded(phi, code, w_noise)
    for _ in range(finetuning_steps):
        weights = weights - torch.exp(phi["log_rate.finetuning"]) * slope_of(support_loss(weights), weights, exact)
    ways = len(labels_of(task))
    penalty = ((code.detach() - first) ** 2).sum() / ways
    loss = cross_entropy(query @ weights.t(), task.query_y)
    return loss + kl_weight * divergence.sum() / ways + encoder_weight * penalty


def slope_of(loss, at, exact):
    """Return the gradient of ``loss`` in ``at``; a constant unless ``exact``."""
    (slope,) = torch.autograd.grad(loss, [at], create_graph=True)
    return slope if exact else slope.detach()


def encoded(phi, features, task):
    """Mean and deviation of each class's code: the mean over all pairs with the class (equation 3)."""
    codes = features @ phi["encoder.weight"].t()
    latent = codes.shape[1]
    found = []
    for label in labels_of(task):
        pairs = [
            related(phi, torch.cat([codes[i], codes[j]]))
            for i in range(len(codes))
            for j in range(len(codes))
            if task.support_y[i] == label
        ]
        found.append(sum(pairs) / len(pairs))
    rows = torch.stack(found)
    return rows[:, :latent], torch.exp(rows[:, latent:])


def related(phi, pair):
    """Return what three layers make of one pair of codes."""
    for layer in range(3):
        pair = phi[f"relation{layer}.weight"] @ pair + phi[f"relation{layer}.bias"]
        pair = torch.clamp(pair, min=0) if layer < 2 else pair
    return pair


def decoded(phi, code, noise):
    """Return each class's weights: mean + deviation · noise (equation 4), the deviation as in the published code."""
    rows = code @ phi["decoder.weight"].t()
    features = rows.shape[1] // 2
    offset = math.sqrt(2 / (features + code.shape[1]))
    deviation = torch.clamp(torch.exp(rows[:, features:]) - (1 - offset), min=1e-10)
    return rows[:, :features] + deviation * noise
