"""What proofs are made on: tasks, learners and φ, in either precision."""

from collections.abc import Mapping
from dataclasses import fields
from typing import NamedTuple

import torch

from phiforge.learning.estimators import Contribution, Step, build_estimator
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, TaskShape, build_learner
from phiforge.learning.networks.bases.normalisation import is_statistic
from phiforge.registry import ESTIMATORS, LEARNERS
from phiforge.registry.section import Section
from phiforge.spec.run import RunSpec
from phiforge.spec.task import Engine, Task
from phiforge.tasks.episodes import Episode
from phiforge.tasks.families.sinusoid import Sinusoid, SinusoidData
from tests.references.tasks import PlainTask

N_WAY = 5
TRAIN_CLASSES = 8
REAL, SMALL = 28, 16
"""Sides of the images of the real Conv-4 and of the small network."""
JOB = 3
"""The job that proofs contribute: none of the seeds it names is that of another."""


class Figure(NamedTuple):
    """What a proof measured: it holds if ``value`` is below ``limit``, or ``above`` it if so said."""

    value: float
    limit: float
    above: bool = False

    @property
    def holds(self) -> bool:
        """Say whether the proof is one; an error that is not a number is none."""
        return self.value > self.limit if self.above else self.value < self.limit


def episodes(
    config: Section, size: int, dtype: torch.dtype = torch.float64, count: int = 1, k_shot: int = 1
) -> list[Episode]:
    """Return tasks of random images, labels in random order, or sinusoids if the learner's network takes values."""
    if takes_values(config):
        batch = Sinusoid(SinusoidData()).sample("train", Task(n_way=1, k_shot=10, n_query=10), count, "sinusoids")
        return list(batch.episodes(dtype=dtype))
    k_shot = max(k_shot, 1 + LEARNERS[config.name].trusts(config))  # some that are trusted, and some that are not
    generator = torch_generator("episodes", count, size, k_shot)
    return [_of_images(generator, size, dtype, k_shot) for _ in range(count)]


def _of_images(generator: torch.Generator, size: int, dtype: torch.dtype, k_shot: int) -> Episode:
    def drawn(each: int) -> tuple[torch.Tensor, torch.Tensor]:
        images = torch.rand(N_WAY * each, 1, size, size, generator=generator, dtype=torch.float64)
        labels = torch.arange(N_WAY).repeat(each)[torch.randperm(N_WAY * each, generator=generator)]
        return images.to(dtype), labels

    classes = torch.randperm(TRAIN_CLASSES, generator=generator)[:N_WAY]
    return Episode(*drawn(k_shot), *drawn(k_shot), classes)


def plain(episode: Episode, noise: object = None) -> PlainTask:
    """Return a task as references take it, in float64."""
    values = doubled({field.name: getattr(episode, field.name) for field in fields(episode)})
    return PlainTask(**values, noise=noise)


def doubled(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the same numbers in float64; labels stay as they are."""
    return {name: value.double() if value.is_floating_point() else value for name, value in tensors.items()}


def configured(name: str, **settings: object) -> Section:
    """Return the configuration of a learner, of its own defaults but for ``settings``."""
    return RunSpec.model_validate({"learner": {"name": name, **settings}}).learner


def learner_of(config: Section, size: int, engine: Engine = "torch") -> Learner:
    """Return the learner for tasks of images of a side, or for sinusoids if its network takes values."""
    if takes_values(config):
        return build_learner(config, TaskShape(1, (1,), regression=True, engine=engine))
    return build_learner(config, TaskShape(N_WAY, (1, size, size), TRAIN_CLASSES, engine=engine))


def takes_values(config: Section) -> bool:
    """Say whether a learner's network is that of regressions."""
    return getattr(config, "network", None) is not None and config.network.name == "mlp"


def phi_of(learner: Learner, dtype: torch.dtype, start: int = 0) -> dict[str, torch.Tensor]:
    """Return φ a little off its fresh start, so that no two entries which begin alike can be taken for each other.

    Where nothing normalises, each block multiplies by about three, or what it puts out fades to the size of rounding.
    """
    generator, phi = torch_generator("off", start), {}
    fading = norm_of(learner.config) == "none"
    for name, value in sorted(learner.init_phi(torch_generator("phi", start)).items()):
        off = 0 if is_statistic(name) else 0.03 * torch.randn(value.shape, generator=generator)
        gain = 3 if fading and "norm" in name else 1
        phi[name] = (gain * value + off).to(dtype)
    return phi


def norm_of(config: Section) -> str:
    """Return how a learner's network normalises."""
    return getattr(getattr(config, "network", None), "norm", "none")


def estimating(name: str, **settings: object) -> Section:
    """Return the configuration of an estimator, of its own defaults but for ``settings``."""
    return ESTIMATORS[name].Config(name=name, **settings)


def small(config: Section) -> Section:
    """Return a configuration with few channels in its network, if it has channels."""
    if takes_values(config) or "channels" not in type(config.network).model_fields:
        return config
    channels = 8 if config.network.norm == "group" else 4
    return config.model_copy(update={"network": config.network.model_copy(update={"channels": channels})})


def step_of(version: int = 0, chunk: int = 1) -> Step:
    """Return an outer step of a run of a thousand."""
    return Step(RunSpec.model_validate({"numerics": {"chunk": chunk}}), version)


def contribution(estimator: Section, learner: Learner, phi: dict, tasks: list[Episode], step: Step) -> Contribution:
    """Return what a job of ``tasks`` contributes."""
    return build_estimator(estimator).contribute(learner, phi, tasks, step, JOB)


def relative_error(found: dict, expected: dict, floor: float = 1e-3) -> float:
    """Return the largest error of any tensor, relative to its largest entry.

    A tensor whose gradient is next to nothing counts as ``floor`` of the largest tensor's: rounding is no error.
    """
    if set(found) != set(expected):
        raise AssertionError(f"entries {sorted(set(found) ^ set(expected))} are in one alone")
    largest = max(float(value.abs().max()) for value in expected.values())
    if not largest:
        raise AssertionError("all that is expected is nought: there is nothing to compare")
    return max(
        float((found[name] - value).abs().max()) / max(float(value.abs().max()), floor * largest)
        for name, value in expected.items()
    )
