"""Learners that perturb: features by learned noise (meta-dropout), support images by a learned augmentation."""

import torch
import torch.nn.functional as F

from tests.references import gradient, metric
from tests.references.networks import convolved, fit, normalise, pool, scaled

LARGEST = {
    "translate_x": 0.5,
    "translate_y": 0.5,
    "rotate": 0.25 * 3.141592653589793,
    "shear": 0.5,
    "scale": 0.5,
    "brightness": 0.5,
    "contrast": 1.0,
}


def meta_dropout(phi, task, *, inner_lr, steps, noise, norm="batch", exact=True):
    """Meta-dropout (Lee et al. 2020, section 3.2): noise in the inner loop, its factors' means on the queries."""
    theta, networks = gradient.part_of(phi, "start"), gradient.part_of(phi, "noise")
    theta |= {name: value for name, value in phi.items() if name.startswith("statistics/")}
    moving = gradient.movable(theta, norm)
    for step in range(steps):
        normal = task.noise(step) if noise else None
        loss = fit(perturbed(theta, networks, task.support_x, normal, norm, step), task.support_y)
        slopes = gradient.slopes_of(loss, theta, moving, exact)
        theta = {**theta, **{name: theta[name] - inner_lr * slopes[name] for name in moving}}
    return fit(perturbed(theta, networks, task.query_x, None, norm, steps), task.query_y)


def perturbed(theta, networks, inputs, normal, norm, step):
    """Return outputs with layers multiplied by log(1 + e^a); ``normal(shape)`` draws what is added to a's mean."""
    features = maps(theta, networks, inputs, normal, norm, step) if "conv0.weight" in theta else None
    features = hidden(theta, networks, inputs, normal) if features is None else features.reshape(len(inputs), -1)
    outputs = features @ theta["head.weight"].t() + theta["head.bias"]
    if normal is None:
        return outputs
    deviation = torch.log1p(torch.exp(features @ networks["head.weight"].t() + networks["head.bias"]))
    return outputs + deviation * normal(outputs.shape)


def factor(mean, normal):
    """Return softplus of a, by its definition."""
    return torch.log1p(torch.exp(mean if normal is None else mean + normal(mean.shape)))


def maps(theta, networks, images, normal, norm, step):
    """Conv-4 with factors between convolution and normalisation."""
    x = images
    for block in range(4):
        x = convolved(theta, f"conv{block}", x) * factor(convolved(networks, f"conv{block}", x), normal)
        weight, bias = theta[f"norm{block}.weight"], theta[f"norm{block}.bias"]
        if norm == "per_step":
            row = min(step, len(weight) - 1)
            weight, bias = weight[row], bias[row]
        x = pool(torch.clamp(scaled(normalise(x, norm), weight, bias), min=0))
    return x


def hidden(theta, networks, inputs, normal):
    """The perceptron with factors before the ReLU."""
    x, layer = inputs.reshape(len(inputs), -1), 0
    while f"layer{layer}.weight" in theta:
        own, other = (x @ each[f"layer{layer}.weight"].t() + each[f"layer{layer}.bias"] for each in (theta, networks))
        x = torch.clamp(own * factor(other, normal), min=0)
        layer += 1
    return x


def augmented(phi, task, *, copies, operations, temperature):
    """Return the rest of φ, and the task with its support images and their copies."""
    chances, directions = task.noise(copies * len(task.support_x))
    chances = chances.clamp(1e-6, 1 - 1e-6)
    chance = torch.log(chances / (1 - chances)) + phi["augmentation/probability"]
    strength = 1 / (1 + torch.exp(-phi["augmentation/strength"]))
    changed = []
    for place in range(copies * len(task.support_x)):
        amounts = {}
        for column, name in enumerate(operations):
            gate = 1 / (1 + torch.exp(-chance[place, column] / temperature))
            amounts[name] = gate * strength[column] * LARGEST[name] * (2 * directions[place, column] - 1)
        changed.append(changed_image(task.support_x[place % len(task.support_x)], amounts))
    rest = {name: value for name, value in phi.items() if not name.startswith("augmentation/")}
    images, labels = torch.cat([task.support_x, torch.stack(changed)]), torch.cat([task.support_y] * (copies + 1))
    return rest, task._replace(support_x=images, support_y=labels)


def changed_image(image, amounts):
    """Return an image [channels, height, width] moved by one affine map through torch's own grid, then toned."""

    def amount(name):
        return amounts.get(name, torch.zeros((), dtype=torch.float64))

    turn, one, nought = amount("rotate"), torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    turned = torch.stack([torch.cos(turn), torch.sin(turn), -torch.sin(turn), torch.cos(turn)]).reshape(2, 2)
    sheared = torch.stack([one, amount("shear"), nought, one]).reshape(2, 2)
    matrix = torch.exp(-amount("scale")) * (sheared @ turned)
    moved = -matrix @ torch.stack([amount("translate_x"), amount("translate_y")])
    grid = F.affine_grid(torch.cat([matrix, moved[:, None]], dim=1)[None], (1, *image.shape), align_corners=False)
    found = F.grid_sample(image[None], grid, padding_mode="border", align_corners=False)[0]
    mean = found.mean()
    return (found - mean) * torch.exp(amount("contrast")) + mean + amount("brightness")


def augmented_maml(phi, task, *, copies, operations, temperature, **settings):
    """MAML on the augmented support set."""
    rest, larger = augmented(phi, task, copies=copies, operations=operations, temperature=temperature)
    return gradient.maml(rest, larger, **settings)


def augmented_prototypical(phi, task, *, copies, operations, temperature, norm="batch"):
    """Prototypes of images and their copies."""
    rest, larger = augmented(phi, task, copies=copies, operations=operations, temperature=temperature)
    return metric.prototypical(rest, larger, norm=norm)
