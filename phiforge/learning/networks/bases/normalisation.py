"""Normalisation of feature maps, as a choice."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from phiforge.learning.networks.bases.prior import init_prior, with_prior
from phiforge.learning.tensors import Tensors
from phiforge.spec.norms import GROUPS, Norm

EPSILON = 1e-5
"""Added to variances, torch's own default."""
STATISTICS = "statistics/"
"""Begins the names of φ's entries that are averages of what was seen, which no gradient descends."""

Noted = dict[str, list[tuple[int, Tensor]]]
Again = Callable[[Tensor, Tensor | None], Tensor]
"""Returns what a layer makes of what it was just given, by another weight and bias of the same shapes."""
Perturb = Callable[[str, Tensor, Again], Tensor]
"""Takes a layer's name, what it put out before normalisation, and the layer again; returns what stands in its place."""


@dataclass(frozen=True)
class Pass:
    """One look of a network at a set of inputs.

    ``step``: inner steps its parameters have taken. ``training``: ``running`` and ``per_step`` normalise by the set at
    hand, and append its statistics to ``noted`` if it is given; else by those in φ. ``explicit``: batch statistics are
    written out, see ``normalise``. ``perturb``: what becomes of what each layer puts out, if its network is
    ``perturbed``.
    """

    step: int = 0
    training: bool = True
    noted: Noted | None = None
    explicit: bool = False
    perturb: Perturb | None = None

    def perturbed(self, layer: str, put_out: Tensor, again: Again) -> Tensor:
        """Return what ``put_out`` of a layer becomes; itself, unless the pass perturbs."""
        return put_out if self.perturb is None else self.perturb(layer, put_out, again)


PLAIN = Pass()


def is_statistic(name: str) -> bool:
    """Say whether an entry of φ is a statistic, which is averaged, not descended."""
    return name.startswith(STATISTICS)


def keeps_statistics(kind: Norm) -> bool:
    """Say whether a normalisation has statistics in φ."""
    return kind in ("running", "per_step")


def is_transductive(kind: Norm) -> bool:
    """Say whether a query's prediction depends on the other queries of its set."""
    return kind in ("batch", "prior")


def normalises_by_set(kind: Norm, at: Pass) -> bool:
    """Say whether a pass normalises by the statistics of the set at hand."""
    return kind == "batch" or (keeps_statistics(kind) and at.training)


def by_example(kind: Norm) -> bool:
    """Say whether a normalisation looks at one example alone, if at any."""
    return kind in ("layer", "group", "none")


def groups_of(kind: Norm) -> int | None:
    """Return in how many groups of channels an example is normalised by itself, None if it is not."""
    return {"layer": 1, "group": GROUPS}.get(kind)


def init_norm(kind: Norm, layer: str, channels: int, inner_steps: int) -> Tensors:
    """Return the identity: ``layer.weight``, ``layer.bias`` [channels], and statistics if ``kind`` keeps them.

    Under ``per_step`` (Antoniou et al. 2019, section 4, "BNRS" and "BNWB") all are [inner_steps + 1, channels]. Under
    ``prior`` there are also the statistics that are usual.
    """
    shape = (inner_steps + 1, channels) if kind == "per_step" else (channels,)
    entries = {f"{layer}.weight": torch.ones(shape), f"{layer}.bias": torch.zeros(shape)}
    if kind == "prior":
        entries |= init_prior(layer, channels)
    if keeps_statistics(kind):
        entries |= {f"{STATISTICS}{layer}.mean": torch.zeros(shape), f"{STATISTICS}{layer}.var": torch.ones(shape)}
    return entries


def normalise(
    kind: Norm, x: Tensor, parameters: Mapping[str, Tensor], layer: str, at: Pass, *, explicit: bool = False
) -> Tensor:
    """Normalise ``x`` [n, channels, height, width], then scale and shift by ``layer.weight`` and ``layer.bias``.

    ``batch`` uses the statistics of the set at hand (Ioffe and Szegedy 2015, in its training form, always), so the
    prediction for one query depends on the other queries: it is transductive. ``running`` and ``per_step`` do so in
    meta-training, and use averages on unseen tasks. ``prior`` uses the statistics of the set at hand, drawn towards
    those that φ holds to be usual. ``layer`` (Ba et al. 2016, over channels and space) and ``group``
    (Wu and He 2018, groups of channels) look at one example only. ``none`` scales and shifts.

    ``explicit``, here or of the pass: batch statistics as means and variances written out. Torch's own operation has a
    wrong second derivative under some function transforms, and a wrong third derivative always.

    Whatever type ``x`` has, statistics are of the type of φ.
    """
    explicit = explicit or at.explicit
    weight, bias = scale_and_shift(kind, parameters, layer, at)
    x = x.to(weight.dtype)
    if kind == "none":
        return x * weight[:, None, None] + bias[:, None, None]
    if kind in ("layer", "group"):
        return F.group_norm(x, 1 if kind == "layer" else GROUPS, weight, bias)
    if kind == "prior":
        return _by(x, *with_prior(parameters, layer, len(x), *_mean_and_variance(x)), weight, bias)
    if normalises_by_set(kind, at):
        note(kind, at, layer, x)
        if explicit:
            return _by(x, *_mean_and_variance(x), weight, bias)
        return F.batch_norm(x, None, None, weight, bias, training=True)
    mean, var = parameters[f"{STATISTICS}{layer}.mean"], parameters[f"{STATISTICS}{layer}.var"]
    if kind == "per_step":
        mean, var = _of_step(mean, at.step), _of_step(var, at.step)
    if explicit:
        return _by(x, mean, var, weight, bias)
    return F.batch_norm(x, mean, var, weight, bias, training=False)


def _mean_and_variance(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the variance of the population [channels] of ``x`` [n, channels, height, width]."""
    mean = x.mean(dim=(0, 2, 3))
    return mean, (x - mean[:, None, None]).square().mean(dim=(0, 2, 3))


def _by(x: Tensor, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Normalise ``x`` [n, channels, height, width] by statistics [channels], then scale and shift."""
    scale = weight * (var + EPSILON).rsqrt()
    return (x - mean[:, None, None]) * scale[:, None, None] + bias[:, None, None]


def scale_and_shift(kind: Norm, parameters: Mapping[str, Tensor], layer: str, at: Pass) -> tuple[Tensor, Tensor]:
    """Return the weight and bias [channels] of a layer in a pass."""
    weight, bias = parameters[f"{layer}.weight"], parameters[f"{layer}.bias"]
    if kind == "per_step":
        return _of_step(weight, at.step), _of_step(bias, at.step)
    return weight, bias


def note(kind: Norm, at: Pass, layer: str, x: Tensor) -> None:
    """Append the statistics of ``x`` [n, channels, height, width] to what a pass has noted, if ``kind`` keeps any."""
    if at.noted is None or not keeps_statistics(kind):
        return
    var, mean = torch.var_mean(x.detach(), dim=(0, 2, 3))
    at.noted.setdefault(f"{STATISTICS}{layer}.mean", []).append((at.step, mean))
    at.noted.setdefault(f"{STATISTICS}{layer}.var", []).append((at.step, var))


def mean_statistics(phi: Mapping[str, Tensor], noted: Noted) -> Tensors:
    """Return the means of what was noted, in the shapes of φ's statistics; steps without a pass stay as in ``phi``."""
    means = {}
    for name, values in noted.items():
        mean = phi[name].detach().clone()
        if mean.dim() == 1:
            mean = torch.stack([value for _, value in values]).mean(dim=0)
        for step in {min(step, len(mean) - 1) for step, _ in values} if mean.dim() == 2 else ():
            mean[step] = torch.stack([value for at, value in values if min(at, len(mean) - 1) == step]).mean(dim=0)
        means[name] = mean
    return means


def _of_step(values: Tensor, step: int) -> Tensor:
    """Return the row of an inner step; steps beyond those of meta-training share the last row."""
    return values[min(step, len(values) - 1)]
