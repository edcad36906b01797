"""Normalisation and the features of Conv4 as a textbook writes them."""

import torch
import torch.nn.functional as F

from phiforge.spec.norms import GROUPS


def textbook_norm(kind, x, weight, bias):
    """Subtract the mean, divide by the standard deviation (of the population, epsilon inside), scale and shift."""
    if kind != "none":
        cut, over = {
            "batch": (x, (0, 2, 3)),
            "layer": (x, (1, 2, 3)),
            "group": (x.reshape(len(x), GROUPS, -1), (2,)),
        }[kind]
        mean = cut.mean(over, keepdim=True)
        variance = ((cut - mean) ** 2).mean(over, keepdim=True)
        x = ((cut - mean) / (variance + 1e-5).sqrt()).reshape(x.shape)
    return x * weight.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1)


def textbook_features(kind, parameters, x):
    """Four times: convolution, normalisation, ReLU, pooling; each output pixel a sum over its 3 x 3 neighbourhood."""
    for block in range(4):
        weight, bias = parameters[f"conv{block}.weight"], parameters.get(f"conv{block}.bias")
        columns = F.unfold(x, 3, padding=1)
        convolved = (weight.flatten(1) @ columns).reshape(len(x), len(weight), *x.shape[2:])
        x = convolved if bias is None else convolved + bias.view(1, -1, 1, 1)
        x = textbook_norm(kind, x, parameters[f"norm{block}.weight"], parameters[f"norm{block}.bias"])
        x = torch.where(x > 0, x, torch.zeros_like(x))
        rows, columns = x.shape[2] // 2, x.shape[3] // 2
        x = x[:, :, : 2 * rows, : 2 * columns].reshape(*x.shape[:2], rows, 2, columns, 2).amax((3, 5))
    return x.reshape(len(x), -1)
