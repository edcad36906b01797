"""What learns nothing across tasks, or only how to train: from scratch, nearest pixels, chosen training."""

import torch

from tests.references.networks import cross_entropy, fit, outputs


def trained_loss(fresh, task, *, rate, steps, norm="batch"):
    """Query loss of a fresh network after so many steps of gradient descent on the support set."""
    theta = {name: value.clone() for name, value in fresh.items() if not name.startswith("statistics/")}
    for _ in range(steps):
        theta = {name: value.detach().requires_grad_(True) for name, value in theta.items()}
        loss = fit(outputs(theta, task.support_x, norm), task.support_y)
        slopes = torch.autograd.grad(loss, list(theta.values()))
        theta = {name: value - rate * slope for (name, value), slope in zip(theta.items(), slopes, strict=True)}
    return fit(outputs(theta, task.query_x, norm), task.query_y).detach()


def nearest_pixels_loss(task):
    """Cross-entropy of minus the squared distance to the nearest support image of each class."""
    rows = []
    for query in task.query_x:
        distances = torch.stack([((query - image) ** 2).sum() for image in task.support_x])
        labels = range(int(task.support_y.max()) + 1)
        rows.append(torch.stack([-distances[task.support_y == label].min() for label in labels]))
    return cross_entropy(torch.stack(rows), task.query_y)


def drawn_choice(phi, generator):
    """Draw the number of steps, then the rate, by the softmax of their logits."""
    return tuple(
        int(torch.multinomial(torch.softmax(phi[name].double(), dim=0), 1, generator=generator))
        for name in ("steps", "rates")
    )


def choice_probability(phi, choice):
    """Return p(choice), differentiable in φ."""
    steps, rate = choice
    return torch.softmax(phi["steps"], dim=0)[steps] * torch.softmax(phi["rates"], dim=0)[rate]
