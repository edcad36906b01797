"""What proofs are made on: small tasks, small networks, φ a little off its start."""

from collections.abc import Iterable, Mapping
from dataclasses import fields

import torch
from torch import Tensor

from phiforge.certify.proof import Figure, count
from phiforge.learning.estimators import Contribution, Estimator, Step, build_estimator
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, Phi, TaskShape, build_learner
from phiforge.learning.networks.bases.normalisation import is_statistic
from phiforge.learning.tensors import Tensors
from phiforge.registry import ESTIMATORS, FAMILIES, LEARNERS, NETWORKS, PartConfig
from phiforge.registry.abilities import EstimatorPart, LearnerPart
from phiforge.spec.run import RunSpec
from phiforge.spec.task import Engine, Task
from phiforge.tasks.episodes import Episode
from phiforge.tasks.families import build_family

N_WAY, K_SHOT, N_QUERY, TRAIN_CLASSES, SIDE = 3, 2, 3, 8, 16
FEW, MANY_STEPS = 4, 3
"""Units of a network made small, and inner steps of a loop made short."""
GROUPED = 8
JOB = 1
MLP = {"name": "mlp", "width": FEW}
WORLD = "tabular_mdp"
"""Where learners that act are proven: it has luck, choices and an end."""
ACTED = Task(n_way=1, k_shot=4, n_query=5)


def small(config: PartConfig) -> PartConfig:
    """Return a learner's configuration with a narrow network and few inner steps, where it has such fields."""
    changes: dict[str, object] = {}
    if isinstance(getattr(config, "units", None), int):
        changes["units"] = FEW
    if (network := getattr(config, "network", None)) is not None:
        changes["network"] = narrow(network)
    if getattr(config, "inner_steps", 0) > MANY_STEPS:
        changes["inner_steps"] = MANY_STEPS
    return type(config).model_validate(config.model_dump() | _dumped(changes))


def narrow(network: PartConfig) -> PartConfig:
    """Return a network's configuration with few channels or units, if it has a field of that name."""
    few = GROUPED if getattr(network, "norm", "") == "group" else FEW
    changes: dict[str, object] = {
        name: few for name in ("channels", "width") if isinstance(getattr(network, name, None), int)
    }
    if isinstance(widths := getattr(network, "widths", None), tuple):
        changes["widths"] = (few,) * len(widths)
    return type(network).model_validate(network.model_dump() | changes)


def regressing(config: PartConfig) -> PartConfig:
    """Return a learner's configuration with a network that takes values, if it has one."""
    if "network" not in type(config).model_fields:
        return config
    return type(config).model_validate(small(config).model_dump() | {"network": MLP})


def side_of(config: PartConfig) -> int:
    """Return the side of images that a learner's network takes."""
    network = getattr(config, "network", None)
    return max(SIDE, NETWORKS[network.name].smallest_image(network)) if network is not None else SIDE


def learner_of(
    config: PartConfig, engine: Engine = "torch", n_way: int = N_WAY, *, regression: bool = False
) -> Learner:
    """Return a learner for images, for values if so said, or for a world if it acts."""
    if not LEARNERS[config.name].supervised:
        world = build_family(default_of_name(WORLD))
        return build_learner(config, TaskShape(1, FAMILIES[WORLD].input_shape(world.config), world=world))
    if regression:
        return build_learner(config, TaskShape(1, (1,), regression=True, engine=engine))
    side = side_of(config)
    return build_learner(config, TaskShape(n_way, (1, side, side), TRAIN_CLASSES, engine=engine))


def phi_of(learner: Learner, dtype: torch.dtype = torch.float64) -> Tensors:
    """Return φ a little off its fresh start, so that no two entries which begin alike can be taken for each other."""
    generator, phi = torch_generator("off"), {}
    for name, value in sorted(learner.init_phi(torch_generator("phi")).items()):
        off = 0 if is_statistic(name) else 0.03 * torch.randn(value.shape, generator=generator)
        phi[name] = (value + off).to(dtype)
    return phi


def episodes_of(learner: Learner, count: int, dtype: torch.dtype = torch.float64) -> list[Episode]:
    """Return tasks of the learner's shape: random images with labels in random order, or random points."""
    if learner.shape.world is not None:
        batch = learner.shape.world.sample("train", ACTED, count, "episodes")
        return list(batch.episodes(dtype=dtype))
    generator = torch_generator("episodes")
    draw = _of_values if learner.shape.regression else _of_images
    return [draw(learner.shape, generator, dtype) for _ in range(count)]


def _of_images(shape: TaskShape, generator: torch.Generator, dtype: torch.dtype) -> Episode:
    def drawn(each: int) -> tuple[Tensor, Tensor]:
        images = torch.rand(shape.n_way * each, *shape.input_shape, generator=generator, dtype=torch.float64)
        order = torch.randperm(shape.n_way * each, generator=generator)
        return images.to(dtype), torch.arange(shape.n_way).repeat(each)[order]

    classes = torch.randperm(max(TRAIN_CLASSES, shape.n_way), generator=generator)[: shape.n_way]
    return Episode(*drawn(K_SHOT), *drawn(N_QUERY), classes)


def _of_values(shape: TaskShape, generator: torch.Generator, dtype: torch.dtype) -> Episode:
    def drawn(points: int) -> tuple[Tensor, Tensor]:
        x = torch.rand(points, *shape.input_shape, generator=generator, dtype=torch.float64).to(dtype) * 4 - 2
        return x, x.sin()

    return Episode(*drawn(10), *drawn(10), torch.empty(0, dtype=torch.int64))


def step_of(version: int = 0, chunk: int = 1) -> Step:
    """Return an outer step of a run of a thousand."""
    return Step(RunSpec.model_validate({"numerics": {"chunk": chunk}}), version)


def estimator_by(name: str) -> Estimator:
    """Return an estimator with its defaults."""
    return build_estimator(ESTIMATORS[name].Config(name=name))


def default_of_name(family: str) -> PartConfig:
    """Return a family's configuration with all its defaults."""
    return FAMILIES[family].Config(name=family)


def default_of(part: type[LearnerPart]) -> PartConfig:
    """Return a learner's configuration with all its defaults."""
    return part.Config(name=part.name)


def example_for(estimator: type[EstimatorPart]) -> PartConfig | None:
    """Return a small learner that an estimator does not refuse; None if there is none here."""
    if estimator.for_example:
        name = estimator.for_example["name"]
        return small(LEARNERS[name].Config.model_validate(dict(estimator.for_example)))
    learners = LEARNERS.working()
    first = [learners[name] for name in ("maml", "prototypical") if name in learners]
    for learner in (*first, *learners.values()):
        if learner.learns and estimator.refuses(learner, default_of(learner)) is None:
            return small(default_of(learner))
    return None


def copied(tensors: Mapping[str, Tensor]) -> Tensors:
    """Return the same numbers elsewhere."""
    return {name: value.detach().clone() for name, value in tensors.items()}


def parts_of(episodes: Iterable[Episode]) -> Tensors:
    """Return every tensor of some episodes by name."""
    return {
        f"{index}.{field.name}": getattr(episode, field.name)
        for index, episode in enumerate(episodes)
        for field in fields(Episode)
    }


def changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> Figure:
    """Return how many tensors are not what they were."""
    names = before.keys() | after.keys()
    return count(
        name not in before or name not in after or not torch.equal(before[name], after[name]) for name in names
    )


def contributed(name: str, learner: Learner, phi: Phi, tasks: list[Episode], step: Step) -> Contribution:
    """Return what a job of ``tasks`` contributes by the estimator ``name``."""
    return estimator_by(name).contribute(learner, phi, tasks, step, JOB)


def _dumped(changes: Mapping[str, object]) -> dict[str, object]:
    return {name: each.model_dump() if isinstance(each, PartConfig) else each for name, each in changes.items()}
