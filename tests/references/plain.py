"""MAML and ProtoNet written down a second time, from the papers: plain loops, no code shared with the library."""

import torch


def conv4(weights, images):
    """Conv-4 with batch normalisation as mean and variance, ReLU before pooling, in plain memory order."""
    x = images
    for block in range(4):
        x = torch.nn.functional.conv2d(x, weights[f"conv{block}.weight"], stride=1, padding=1)
        mean = x.mean(dim=(0, 2, 3), keepdim=True)
        variance = ((x - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
        x = (x - mean) / torch.sqrt(variance + 1e-5)
        x = x * weights[f"norm{block}.weight"].view(1, -1, 1, 1) + weights[f"norm{block}.bias"].view(1, -1, 1, 1)
        x = torch.clamp(x, min=0)
        n, c, h, w = x.shape
        x = x[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2).amax(dim=(3, 5))
    return x.reshape(len(images), -1)


def cross_entropy(logits, labels):
    """Mean of minus the log-probability of the right class, by the definition."""
    total = logits.new_zeros(())
    for row, label in zip(logits, labels, strict=True):
        total = total - (row[label] - torch.logsumexp(row, dim=0))
    return total / len(labels)


def classify(weights, images):
    """Logits of the network with a linear head."""
    return conv4(weights, images) @ weights["head.weight"].t() + weights["head.bias"]


def maml_gradient(phi, tasks, inner_lr, steps, second_order):
    """Σ over tasks of d query loss / d φ; without ``second_order`` the inner gradients are constants."""
    total = {name: torch.zeros_like(value) for name, value in phi.items()}
    for support_x, support_y, query_x, query_y in tasks:
        start = {name: value.clone().requires_grad_(True) for name, value in phi.items()}
        theta = start
        for _ in range(steps):
            names = list(theta)
            loss = cross_entropy(classify(theta, support_x), support_y)
            slopes = torch.autograd.grad(loss, [theta[name] for name in names], create_graph=True)
            if not second_order:
                slopes = [slope.detach() for slope in slopes]
            theta = {name: theta[name] - inner_lr * slope for name, slope in zip(names, slopes, strict=True)}
        loss = cross_entropy(classify(theta, query_x), query_y)
        for name, slope in zip(start, torch.autograd.grad(loss, list(start.values())), strict=True):
            total[name] = total[name] + slope
    return total


def prototypical_gradient(phi, tasks, n_way):
    """Σ over tasks of d query loss / d φ, class by class."""
    total = {name: torch.zeros_like(value) for name, value in phi.items()}
    for support_x, support_y, query_x, query_y in tasks:
        start = {name: value.clone().requires_grad_(True) for name, value in phi.items()}
        support, query = conv4(start, support_x), conv4(start, query_x)
        prototypes = [sum(support[support_y == label]) / int((support_y == label).sum()) for label in range(n_way)]
        rows = [torch.stack([-((each - prototype) ** 2).sum() for prototype in prototypes]) for each in query]
        loss = cross_entropy(torch.stack(rows), query_y)
        for name, slope in zip(start, torch.autograd.grad(loss, list(start.values())), strict=True):
            total[name] = total[name] + slope
    return total
