"""The networks, normalisation by its definition, and losses."""

import torch

EPSILON = 1e-5
GROUPS = 8


def normalised(x, dims):
    """Subtract the mean over ``dims`` and divide by the standard deviation, as Ioffe and Szegedy write it."""
    mean = x.mean(dim=dims, keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=dims, keepdim=True)
    return (x - mean) / torch.sqrt(variance + EPSILON)


def drawn_to_the_usual(x, weights, name):
    """Normalise maps by statistics of the set, as if N images more of the usual mean and variance were in it."""
    n, count = len(x), torch.exp(weights[f"{name}.prior_log_count"])
    mean = x.mean(dim=(0, 2, 3))
    variance = (x - mean.view(1, -1, 1, 1)).square().mean(dim=(0, 2, 3))
    mean = (n * mean + count * weights[f"{name}.prior_mean"]) / (n + count)
    variance = (n * variance + count * torch.exp(weights[f"{name}.prior_log_var"])) / (n + count)
    return (x - mean.view(1, -1, 1, 1)) / torch.sqrt(variance + EPSILON).view(1, -1, 1, 1)


def normalise(x, norm):
    """Normalise maps over the set (batch and its relatives), over an example (layer) or groups of its channels."""
    if norm == "none":
        return x
    if norm == "layer":
        return normalised(x, (1, 2, 3))
    if norm == "group":
        width = x.shape[1] // GROUPS
        return torch.cat([normalised(part, (1, 2, 3)) for part in torch.split(x, width, dim=1)], dim=1)
    return normalised(x, (0, 2, 3))


def scaled(x, weight, bias):
    """Multiply each channel by its weight and add its bias."""
    return x * weight.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1)


def pool(x):
    """Return the largest of each 2x2 square; a last odd row or column is left out."""
    n, c, h, w = x.shape
    return x[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2).amax(dim=(3, 5))


def convolved(weights, name, images):
    """Convolve 3x3, with a bias if there is one."""
    x = torch.nn.functional.conv2d(images, weights[f"{name}.weight"], stride=1, padding=1)
    return x + weights[f"{name}.bias"].view(1, -1, 1, 1) if f"{name}.bias" in weights else x


def conv4_map(weights, images, norm="batch", pools=4, step=0, blocks=4):
    """Conv-4: convolution, normalisation, ReLU, then pooling. ``per_step`` scales and shifts by the row of a step."""
    x = images
    for block in range(blocks):
        x = convolved(weights, f"conv{block}", x)
        x = drawn_to_the_usual(x, weights, f"norm{block}") if norm == "prior" else normalise(x, norm)
        weight, bias = weights[f"norm{block}.weight"], weights[f"norm{block}.bias"]
        if norm == "per_step":
            row = min(step, len(weight) - 1)
            weight, bias = weight[row], bias[row]
        x = torch.clamp(scaled(x, weight, bias), min=0)
        x = pool(x) if block < pools else x
    return x


def conv4(weights, images, norm="batch", step=0):
    """Features of Conv-4, one row an image."""
    return conv4_map(weights, images, norm, step=step).reshape(len(images), -1)


def resnet12_map(weights, images, norm="batch", pools=4):
    """ResNet-12: in four blocks x -> f(n(w3 f(n(w2 f(n(w1 x))))) + n(v x)), f being leaky ReLU, then pooling."""

    def layer(x, name):
        kernel = weights[f"conv.{name}.weight"]
        x = torch.nn.functional.conv2d(x, kernel, padding=kernel.shape[-1] // 2)
        return scaled(normalise(x, norm), weights[f"norm.{name}.weight"], weights[f"norm.{name}.bias"])

    x = images
    for block in range(4):
        inner = x
        for place in range(3):
            inner = layer(inner if place == 0 else leaky(inner), f"block{block}.{place}")
        x = leaky(inner + layer(x, f"block{block}.shortcut"))
        x = pool(x) if block < pools else x
    return x


def leaky(x):
    """Return x above zero, a tenth of x below."""
    return torch.maximum(x, 0.1 * x)


def perceptron(weights, inputs):
    """Features of the multi-layer perceptron."""
    x, layer = inputs.reshape(len(inputs), -1), 0
    while f"layer{layer}.weight" in weights:
        x = torch.clamp(x @ weights[f"layer{layer}.weight"].t() + weights[f"layer{layer}.bias"], min=0)
        layer += 1
    return x


def outputs(weights, inputs, norm="batch", step=0):
    """Return what a linear head makes of the features: logits or values."""
    features = conv4(weights, inputs, norm, step) if "conv0.weight" in weights else perceptron(weights, inputs)
    return features @ weights["head.weight"].t() + weights["head.bias"]


def cross_entropy(logits, labels):
    """Mean of minus the log-probability of the right class, by the definition."""
    total = logits.new_zeros(())
    for row, label in zip(logits, labels, strict=True):
        total = total - (row[label] - torch.logsumexp(row, dim=0))
    return total / len(labels)


def fit(found, wanted):
    """Cross-entropy with labels, or the mean squared error to values."""
    if wanted.dtype in (torch.float32, torch.float64):
        return ((found - wanted) ** 2).mean()
    return cross_entropy(found, wanted)


def lstm(weights, name, x, hidden, cell):
    """Return (hidden, cell) after inputs ``x``: the equations of an LSTM, gates as torch orders them."""
    gates = x @ weights[f"{name}.input"].t() + hidden @ weights[f"{name}.hidden"].t() + weights[f"{name}.bias"]
    units = cell.shape[1]
    enter = torch.sigmoid(gates[:, :units])
    forget = torch.sigmoid(gates[:, units : 2 * units])
    candidate = torch.tanh(gates[:, 2 * units : 3 * units])
    leave = torch.sigmoid(gates[:, 3 * units :])
    cell = forget * cell + enter * candidate
    return leave * torch.tanh(cell), cell
