"""What every network promises: features of the size it says, their gradient, and which parameters a task may move."""

from collections.abc import Iterator, Mapping
from functools import partial

import torch
from torch import Tensor

from phiforge.certify import material
from phiforge.certify.differences import against_differences
from phiforge.certify.proof import Figure, Proof, count
from phiforge.learning.engines import lacks
from phiforge.learning.generators import torch_generator
from phiforge.learning.networks import Network, build_network
from phiforge.learning.networks.bases.drawing import Draws
from phiforge.learning.networks.bases.network import MapNetwork
from phiforge.learning.networks.bases.normalisation import Pass, is_statistic
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.registry.abilities import NetworkPart
from phiforge.spec.task import Engine

INPUTS, STEPS = 4, 2
SAME, BY_ENGINE = 1e-9, 1e-10
JUDGED = Pass(training=False)


def proofs(part: type[NetworkPart]) -> Iterator[Proof]:
    """Yield the proofs of a network, made narrow."""
    config = part.for_proofs(material.narrow(part.Config(name=part.name)))
    for shape in _shapes(part, config):
        of = "values" if len(shape) == 1 else "images"
        yield Proof(f"as many features of {of} as it says", partial(features, config, shape))
        yield Proof(f"its gradient on {of} against differences", partial(gradient, config, shape))
    shape = _shapes(part, config)[0]
    yield Proof("fresh parameters are the same for the same seed", partial(same_start, config, shape))
    yield Proof("fresh parameters are float32 and contiguous", partial(start_is_plain, config, shape))
    yield Proof("lets a task move what it says, never averages", partial(moved, part, config, shape))
    yield Proof("keeps averages, or not, as it says", partial(averages, part, config, shape))
    yield Proof("transductive, or not, as it says", partial(transduction, config, shape))
    if part.images:
        yield Proof("takes the smallest image that it says", partial(smallest, part, config))
    if part.maps:
        yield Proof("its maps are of the shape that it says", partial(maps, config, shape))
    if part.has_fused_blocks(config) and lacks("fused", "cpu") is None:
        yield Proof("engine fused computes the same", partial(by_fused, config, shape))
    yield Proof("draws, or not, as it says, and by name alone", partial(draws, part, config, shape))
    if part.draws(config) or part.refuses_vmap(config) is None:
        yield Proof("engine vmap computes the same", partial(by_vmap, config, shape), asked=False)


def features(config: PartConfig, shape: tuple[int, ...]) -> Figure:
    """Count what is wrong with the features of a few inputs."""
    network, parameters, x = _material(config, shape)
    found = network.features(parameters, x)
    return count([found.shape != (len(x), network.feature_count), not bool(found.isfinite().all())])


def gradient(config: PartConfig, shape: tuple[int, ...]) -> Figure:
    """Return the error of the gradient of a random sum of features against central finite differences."""
    network, parameters, x = _material(config, shape)
    weights = torch.randn(len(x), network.feature_count, generator=torch_generator("sum"), dtype=torch.float64)
    leaves = {name: value.requires_grad_() for name, value in parameters.items() if not is_statistic(name)}
    total = (network.features({**parameters, **leaves}, x) * weights).sum()
    slopes = torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True)

    def sum_at(at: Mapping[str, Tensor]) -> float:
        with torch.no_grad():
            return float((network.features(at, x) * weights).sum())

    return against_differences(sum_at, material.copied(parameters), dict(zip(leaves, slopes, strict=True)))


def same_start(config: PartConfig, shape: tuple[int, ...]) -> Figure:
    """Count the parameters that differ when they are drawn twice."""
    network = build_network(config, shape, STEPS)
    first, second = (network.init(torch_generator("phi")) for _ in range(2))
    return material.changed(first, second)


def start_is_plain(config: PartConfig, shape: tuple[int, ...]) -> Figure:
    """Count the parameters that are not float32 or not contiguous."""
    fresh = build_network(config, shape, STEPS).init(torch_generator("phi"))
    return count(value.dtype != torch.float32 or not value.is_contiguous() for value in fresh.values())


def moved(part: type[NetworkPart], config: PartConfig, shape: tuple[int, ...]) -> Figure:
    """Count the averages that an inner loop may move, and whether others stay as they are against what it says."""
    network, parameters, _ = _material(config, shape)
    still = [name for name in parameters if not network.adapts(name)]
    wrong = [is_statistic(name) and name not in still for name in parameters]
    fixed = any(not is_statistic(name) for name in still)
    return count([*wrong, fixed != part.fixes_some(config), len(still) == len(parameters)])


def averages(part: type[NetworkPart], config: PartConfig, shape: tuple[int, ...]) -> Figure:
    """Count whether there are averages among its parameters, against what it says."""
    _, parameters, _ = _material(config, shape)
    return count([any(map(is_statistic, parameters)) != part.averages(config)])


def transduction(config: PartConfig, shape: tuple[int, ...]) -> Figure:
    """Return how much the features of an input change with the other inputs: not at all unless it says so."""
    network, parameters, x = _material(config, shape)
    others = torch.cat([x[:1], 1 - x[1:]])
    first, second = (network.features(parameters, each, JUDGED)[:1] for each in (x, others))
    return Figure(float((first - second).abs().max()), SAME, above=network.transductive)


def smallest(part: type[NetworkPart], config: PartConfig) -> Figure:
    """Count what is wrong with the features of images of the smallest side."""
    side = part.smallest_image(config)
    return features(config, (1, side, side))


def maps(config: PartConfig, shape: tuple[int, ...]) -> Figure:
    """Count what is wrong with its maps."""
    network, parameters, x = _material(config, shape)
    if not isinstance(network, MapNetwork):
        return count([True])
    return count([network.feature_map(parameters, x).shape != (len(x), *network.map_shape)])


def by_fused(config: PartConfig, shape: tuple[int, ...]) -> Figure:
    """Return how far features of the fused engine are from those of torch."""
    (plain, parameters, x), (fused, _, _) = _material(config, shape), _material(config, shape, "fused")
    return Figure(float((fused.features(parameters, x) - plain.features(parameters, x)).abs().max()), BY_ENGINE)


def by_vmap(config: PartConfig, shape: tuple[int, ...]) -> Figure:
    """Return how far features of several sets at once are from those of one after another."""
    plain, parameters, x = _material(config, shape)
    mapped, _, _ = _material(config, shape, "vmap")
    sets = torch.stack([x, 1 - x])
    found = torch.func.vmap(lambda each: mapped.features(parameters, each))(sets)
    expected = torch.stack([plain.features(parameters, each) for each in sets])
    return Figure(float((found - expected).abs().max()), BY_ENGINE)


def draws(part: type[NetworkPart], config: PartConfig, shape: tuple[int, ...]) -> Figure:
    """Count where passes of one name differ, and where passes of two names do or do not, against what it says."""
    network, parameters, x = _material(config, shape)
    first, again, other = (
        network.features(parameters, x, Pass(draws=Draws(seed, "query", progress=1.0))) for seed in (0, 0, 1)
    )
    return count([not first.equal(again), first.equal(other) == part.draws(config)])


def _shapes(part: type[NetworkPart], config: PartConfig) -> list[tuple[int, ...]]:
    side = max(material.SIDE, part.smallest_image(config))
    return [(1, side, side)] if part.images else [(1, side, side), (1,)]


def _material(config: PartConfig, shape: tuple[int, ...], engine: Engine = "torch") -> tuple[Network, Tensors, Tensor]:
    network, generator = build_network(config, shape, STEPS, engine), torch_generator("off")
    parameters = {
        name: value.double() + (0 if is_statistic(name) else 0.03 * torch.randn(value.shape, generator=generator))
        for name, value in sorted(network.init(torch_generator("phi")).items())
    }
    x = torch.rand(INPUTS, *shape, generator=torch_generator("x"), dtype=torch.float64)
    return network, parameters, x
