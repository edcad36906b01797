"""Learned rules of the inner loop: the learned optimiser and Meta-LSTM."""

import math

import torch

from tests.references.gradient import part_of, query_loss, slopes_of
from tests.references.networks import fit, lstm, outputs

P = 10


def preprocessed(values):
    """Return a row of two for each value (Andrychowicz et al. 2016, appendix A): large and small ones apart."""
    flat = values.reshape(-1)
    large = (abs(flat) >= math.exp(-P)).nonzero()[:, 0]
    small = (abs(flat) < math.exp(-P)).nonzero()[:, 0]
    of_large = torch.stack([torch.log(abs(flat[large])) / P, torch.sign(flat[large])], dim=1)
    of_small = torch.stack([-torch.ones_like(flat[small]), math.exp(P) * flat[small]], dim=1)
    return torch.zeros(len(flat), 2, dtype=flat.dtype).index_add(0, large, of_large).index_add(0, small, of_small)


def torch_cell(rules, name):
    """Return torch's own LSTM cell as a function of the rules' weights."""
    weights = (rules[f"{name}.input"], rules[f"{name}.hidden"], rules[f"{name}.bias"])
    return lambda x, state: torch.lstm_cell(x, state, weights[0], weights[1], weights[2], torch.zeros_like(weights[2]))


def learned_optimizer(phi, task, *, scale, steps, norm="batch", exact=True):
    """Two LSTM layers turn the gradient of each coordinate into its update (Andrychowicz et al. 2016, section 2.1)."""
    rules, theta = part_of(phi, "optimizer"), part_of(phi, "start")
    theta = theta or {name: value.clone().requires_grad_(True) for name, value in task.noise.items()}
    cells = [torch_cell(rules, f"lstm{layer}") for layer in range(2)]
    zeros = {name: value.new_zeros(value.numel(), rules["lstm0.hidden"].shape[1]) for name, value in theta.items()}
    states = {name: [(zeros[name], zeros[name])] * 2 for name in theta}
    for _ in range(steps):
        loss = fit(outputs(theta, task.support_x, norm), task.support_y)
        slopes, moved = slopes_of(loss, theta, list(theta), exact), {}
        for name, slope in slopes.items():
            first = cells[0](preprocessed(slope), states[name][0])
            second = cells[1](first[0], states[name][1])
            states[name] = [first, second]
            change = second[0] @ rules["out.weight"].t() + rules["out.bias"]
            moved[name] = theta[name] + scale * change.reshape(slope.shape)
        theta = moved
    return query_loss(theta, task, norm, 0)


def meta_lstm(phi, task, *, steps, norm="batch", exact=True):
    """θ is the cell state: f ∘ θ − i ∘ ∇, gates of each coordinate (Ravi and Larochelle 2017, section 3)."""
    rules, theta = part_of(phi, "optimizer"), part_of(phi, "start")
    units = rules["lstm.hidden"].shape[1]
    hidden = {name: value.new_zeros(value.numel(), units) for name, value in theta.items()}
    cell = dict(hidden)
    step_gate = {name: value.new_zeros(value.numel(), 1) for name, value in theta.items()}
    forget_gate = {name: value.new_ones(value.numel(), 1) for name, value in theta.items()}
    for _ in range(steps):
        loss = fit(outputs(theta, task.support_x, norm), task.support_y)
        slopes, moved = slopes_of(loss, theta, list(theta), exact), {}
        seen_loss = preprocessed(loss if exact else loss.detach())
        for name, slope in slopes.items():
            seen = torch.cat([preprocessed(slope), seen_loss.repeat(slope.numel(), 1)], dim=1)
            hidden[name], cell[name] = lstm(rules, "lstm", seen, hidden[name], cell[name])
            column = theta[name].reshape(-1, 1)
            step_gate[name] = gate(rules, "step", hidden[name], column, step_gate[name])
            forget_gate[name] = gate(rules, "forget", hidden[name], column, forget_gate[name])
            moved[name] = (forget_gate[name] * column - step_gate[name] * slope.reshape(-1, 1)).reshape(slope.shape)
        theta = moved
    return query_loss(theta, task, norm, 0)


def gate(rules, name, hidden, theta, before):
    """σ(W [h, θ, gate before] + b), the parts of W written out."""
    weight, units = rules[f"{name}.weight"][0], hidden.shape[1]
    value = (hidden * weight[:units]).sum(dim=1, keepdim=True) + theta * weight[units] + before * weight[units + 1]
    return 1 / (1 + torch.exp(-(value + rules[f"{name}.bias"])))
