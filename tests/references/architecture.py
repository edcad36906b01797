"""Architectures that are learned: a relaxed network of cells, the inner loop of T-NAS, and the directions of DARTS."""

import torch

from tests.references.networks import fit, normalise, scaled

OPERATIONS = ("none", "skip", "conv1x1", "conv3x3", "pool3x3")


def layer(weights, name, x, norm, kernel, stride=1, relu=True):
    """ReLU, convolution, normalisation."""
    x = torch.clamp(x, min=0) if relu else x
    x = torch.nn.functional.conv2d(x, weights[f"conv.{name}.weight"], stride=stride, padding=kernel // 2)
    return last(weights, name, x, norm)


def last(weights, name, x, norm):
    """Normalise, then scale and shift each channel."""
    return scaled(normalise(x, norm), weights[f"norm.{name}.weight"], weights[f"norm.{name}.bias"])


def mean_of_nine(x):
    """Mean of the 3x3 places around each that are inside the map."""
    kernel = x.new_ones(x.shape[1], 1, 3, 3)
    inside = x.new_ones(1, 1, *x.shape[2:])
    total = torch.nn.functional.conv2d(x, kernel, padding=1, groups=x.shape[1])
    return total / torch.nn.functional.conv2d(inside, kernel[:1], padding=1)


def mean_of_four(x):
    """Mean of each 2x2 square; of an odd last row or column, of what is there."""
    return torch.nn.functional.avg_pool2d(x, 2, ceil_mode=True)


def operation(weights, name, place, x, norm):
    """Return what an operation makes of maps."""
    if name == "none":
        return 0 * x
    if name == "skip":
        return x
    if name == "pool3x3":
        return mean_of_nine(x)
    return layer(weights, f"{place}.{name}", x, norm, 1 if name == "conv1x1" else 3)


def cell(weights, place, logits, x, norm):
    """Each node is the sum over earlier ones of their operations' mixture (Liu et al. 2019, equation 2)."""
    nodes, row = [x], 0
    while row < len(logits):
        total = 0
        for source, value in enumerate(nodes):
            shares = torch.exp(logits[row] - torch.logsumexp(logits[row], dim=0))
            for share, name in zip(shares, OPERATIONS, strict=True):
                total = total + share * operation(weights, name, f"{place}.{source}-{len(nodes)}", value, norm)
            row += 1
        nodes.append(total)
    return nodes[-1]


def reduced(weights, stage, x, norm, temperature):
    """Halve the image: by a residual block, or by a cell of its own."""
    name = f"reduction{stage}"
    if "architecture.reduction" in weights:
        x = layer(weights, f"{name}.halved", mean_of_four(x), norm, 1)
        return cell(weights, name, weights["architecture.reduction"] / temperature, x, norm)
    found = layer(weights, f"{name}.first", x, norm, 3, stride=2)
    found = layer(weights, f"{name}.second", found, norm, 3)
    return found + torch.nn.functional.conv2d(mean_of_four(x), weights[f"conv.{name}.shortcut.weight"])


def has_cell(weights, stage, index):
    """Say whether a network has that cell in that stage."""
    return any(name.startswith(f"conv.stage{stage}.cell{index}.") for name in weights)


def outputs(weights, images, norm, temperature):
    """Return the logits of classes: stem, stages of cells, the mean of each map or its places, linear head."""
    x, stage = layer(weights, "stem", images, norm, 3, relu=False), 0
    while has_cell(weights, stage, 0):
        x, index = reduced(weights, stage, x, norm, temperature) if stage else x, 0
        while has_cell(weights, stage, index):
            place = f"stage{stage}.cell{index}"
            x = cell(weights, place, weights["architecture.normal"] / temperature, x, norm)
            index += 1
        stage += 1
    maps = torch.clamp(last(weights, "last", x, norm), min=0)
    features = maps.mean(dim=(2, 3)) if weights["head.weight"].shape[1] == maps.shape[1] else maps.flatten(1)
    return features @ weights["head.weight"].t() + weights["head.bias"]


def is_logits(name):
    """Say whether an entry is of the architecture."""
    return name.startswith("architecture.")


def t_nas(phi, task, *, inner_lr, architecture_lr, adapts, temperatures, steps, norm="batch", exact=True):
    """The query loss after steps on weights and logits at once (Lian et al. 2020, inner updates).

    ``temperatures``: what logits are divided by after 0, 1, ... steps.
    """
    theta = dict(phi)
    moving = [name for name in phi if adapts == "both" or is_logits(name) == (adapts == "architecture")]
    for step in range(steps):
        loss = fit(outputs(theta, task.support_x, norm, temperatures[step]), task.support_y)
        slopes = torch.autograd.grad(loss, [theta[name] for name in moving], create_graph=True)
        for name, slope in zip(moving, slopes, strict=True):
            rate = architecture_lr if is_logits(name) else inner_lr
            theta[name] = theta[name] - rate * (slope if exact else slope.detach())
    return fit(outputs(theta, task.query_x, norm, temperatures[steps]), task.query_y)


def darts_direction(phi, task, *, inner_lr, steps, order, temperature, norm="batch"):
    """Equation 7 of Liu et al. 2019 by hand, back through the steps: nowhere is a graph of several steps made."""
    weights = [name for name in phi if not is_logits(name)]
    logits = [name for name in phi if is_logits(name)]

    def loss(at, x, y):
        return fit(outputs(at, x, norm, temperature), y)

    def leaves(at):
        return {name: value.detach().requires_grad_(True) for name, value in at.items()}

    points, gone = [leaves(phi)], {name: torch.zeros_like(phi[name]) for name in weights}
    for _ in range(steps):
        at = points[-1]
        slopes = torch.autograd.grad(loss(at, task.support_x, task.support_y), [at[name] for name in weights])
        for name, slope in zip(weights, slopes, strict=True):
            gone[name] = gone[name] + slope
        moved = {name: at[name] - inner_lr * slope for name, slope in zip(weights, slopes, strict=True)}
        points.append(leaves({**at, **moved}))

    end = points[-1 if order == "second" else 0]
    found = torch.autograd.grad(loss(end, task.query_x, task.query_y), [end[name] for name in logits + weights])
    slope, vector = list(found[: len(logits)]), found[len(logits) :]
    for at in reversed(points[:-1]) if order == "second" else ():
        inner = torch.autograd.grad(
            loss(at, task.support_x, task.support_y), [at[name] for name in weights], create_graph=True
        )
        product = sum((each * along).sum() for each, along in zip(inner, vector, strict=True))
        mixed = torch.autograd.grad(product, [at[name] for name in logits + weights])
        slope = [each - inner_lr * more for each, more in zip(slope, mixed[: len(logits)], strict=True)]
        vector = [each - inner_lr * more for each, more in zip(vector, mixed[len(logits) :], strict=True)]
    return dict(zip(logits, slope, strict=True)) | gone
