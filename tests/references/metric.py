"""Learners that compare: query by query, class by class, pair by pair."""

import torch

from tests.references.networks import conv4, conv4_map, convolved, cross_entropy, lstm, normalise, scaled


def labels_of(task):
    """Return the labels of a task, from nought up."""
    return range(int(task.support_y.max()) + 1)


def mean_of(rows, labels, label):
    """Return the mean of the rows of one label."""
    members = [row for row, each in zip(rows, labels, strict=True) if each == label]
    return sum(members) / len(members)


def prototypical(phi, task, *, norm="batch"):
    """Minus the squared distance to each class's mean (Snell et al. 2017, equations 1 and 2)."""
    support, query = conv4(phi, task.support_x, norm), conv4(phi, task.query_x, norm)
    prototypes = [mean_of(support, task.support_y, label) for label in labels_of(task)]
    rows = [torch.stack([-((each - prototype) ** 2).sum() for prototype in prototypes]) for each in query]
    return cross_entropy(torch.stack(rows), task.query_y)


def cosine(x, y):
    """Return x · y / |x| |y|."""
    return (x * y).sum() / (torch.sqrt((x * x).sum()) * torch.sqrt((y * y).sum()))


def matching(phi, task, *, scale, context_steps=0, norm="batch"):
    """Minus the log of the attention at the right label (Vinyals et al. 2016, equation 1), with or without context."""
    support, query = list(conv4(phi, task.support_x, norm)), list(conv4(phi, task.query_x, norm))
    if context_steps:
        support = support_in_context(phi, support)
        query = [query_in_context(phi, each, torch.stack(support), context_steps) for each in query]
    total = 0.0
    for each, label in zip(query, task.query_y, strict=True):
        weights = torch.exp(torch.stack([scale * cosine(each, other) for other in support]))
        total = total - torch.log(weights[task.support_y == label].sum() / weights.sum())
    return total / len(query)


def support_in_context(phi, support):
    """Return g of appendix A.2: what an LSTM forwards and one backwards make of the set, plus the embedding itself."""
    forward = read_in_order(phi, "forward", support)
    backward = read_in_order(phi, "backward", support[::-1])[::-1]
    return [there + back + each for there, back, each in zip(forward, backward, support, strict=True)]


def read_in_order(phi, name, rows):
    """Return the hidden state after each row."""
    hidden = cell = torch.zeros_like(rows[0])[None]
    found = []
    for row in rows:
        hidden, cell = lstm(phi, name, row[None], hidden, cell)
        found.append(hidden[0])
    return found


def query_in_context(phi, query, support, steps):
    """Return f of appendix A.1: ĥ, c = LSTM(f', [h, r], c); h = ĥ + f'; r = Σ a(h, gᵢ) gᵢ."""
    hidden, cell = torch.zeros_like(query), torch.zeros_like(query)[None]
    for _ in range(steps):
        weights = torch.exp(torch.stack([(hidden * each).sum() for each in support]))
        read = sum(weight * each for weight, each in zip(weights / weights.sum(), support, strict=True))
        seen = torch.cat([hidden, read])[None]
        found, cell = lstm(phi, "attend", query[None], seen, cell)
        hidden = found[0] + query
    return hidden


def pooled_up(x):
    """Return the largest of each 2x2 square, where a last odd row or column is a square of its own."""
    n, c, h, w = x.shape
    rows = [
        torch.stack([x[:, :, i : i + 2, j : j + 2].amax(dim=(2, 3)) for j in range(0, w, 2)], dim=2)
        for i in range(0, h, 2)
    ]
    return torch.stack(rows, dim=2).reshape(n, c, -(-h // 2), -(-w // 2))


def relation(phi, task, *, norm="batch", pools=2):
    """Mean squared error of relation scores to 1 for the right class and 0 for others (Sung et al. 2018)."""
    support = conv4_map(phi, task.support_x, norm, pools)
    query = conv4_map(phi, task.query_x, norm, pools)
    means = [mean_of(support, task.support_y, label) for label in labels_of(task)]
    pairs = torch.stack([torch.cat([mean, each]) for each in query for mean in means])
    for block in range(2):
        pairs = normalise(convolved(phi, f"relation{block}", pairs), norm)
        pairs = scaled(pairs, phi[f"relation_norm{block}.weight"], phi[f"relation_norm{block}.bias"])
        pairs = pooled_up(torch.clamp(pairs, min=0))
    hidden = torch.clamp(pairs.reshape(len(pairs), -1) @ phi["hidden.weight"].t() + phi["hidden.bias"], min=0)
    scores = 1 / (1 + torch.exp(-(hidden @ phi["score.weight"].t() + phi["score.bias"]))).reshape(-1)
    wanted = [float(label == right) for right in task.query_y for label in labels_of(task)]
    return ((scores - scores.new_tensor(wanted)) ** 2).mean()


def siamese(phi, task, *, norm="batch"):
    """Binary cross-entropy of pairs, like and unlike each a half (Koch et al. 2015, equation 1)."""
    support, query = conv4(phi, task.support_x, norm), conv4(phi, task.query_x, norm)
    like, unlike = [], []
    for each, label in zip(query, task.query_y, strict=True):
        for other, its in zip(support, task.support_y, strict=True):
            same = torch.sigmoid((phi["pair.weight"][0] * abs(each - other)).sum() + phi["pair.bias"][0])
            (like if label == its else unlike).append(-torch.log(same if label == its else 1 - same))
    return 0.5 * sum(like) / len(like) + 0.5 * sum(unlike) / len(unlike)


def r2d2(phi, task, *, norm="batch"):
    """Ridge regression to one-hot labels by the primal normal equations (Bertinetto et al. 2019, equation 4)."""
    support, query = conv4(phi, task.support_x, norm), conv4(phi, task.query_x, norm)
    wanted = torch.stack([(task.support_y == label).to(support.dtype) for label in labels_of(task)], dim=1)
    penalty = torch.exp(phi["log_penalty"]) * torch.eye(support.shape[1], dtype=support.dtype)
    weights = torch.linalg.inv(support.t() @ support + penalty) @ (support.t() @ wanted)
    return cross_entropy(phi["scale"] * (query @ weights) + phi["shift"], task.query_y)


def pooled(phi, task, *, scale=None, norm="batch"):
    """Classification among all training classes at once (Chen et al. 2019); with ``scale`` by cosines."""
    features = conv4(phi, torch.cat([task.support_x, task.query_x]), norm)
    labels = [int(task.classes[label]) for label in [*task.support_y, *task.query_y]]
    if scale is None:
        return cross_entropy(features @ phi["head.weight"].t() + phi["head.bias"], labels)
    rows = [torch.stack([scale * cosine(each, weight) for weight in phi["head.weight"]]) for each in features]
    return cross_entropy(torch.stack(rows), labels)
