"""Sinusoids: regression tasks y = A sin(x - p), of an amplitude and a phase each (Finn et al. 2017, section 5.1)."""

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator

from phiforge.base.seeds import SeedPart, numpy_generator
from phiforge.registry import PartConfig
from phiforge.spec.task import Task
from phiforge.tasks.episodes import EpisodeBatch
from phiforge.tasks.families.bases.family import TaskFamily, regressions

_Bound = Annotated[float, Field(ge=-1e6, le=1e6)]


class SinusoidData(PartConfig):
    """Regression tasks y = A sin(x - p), of an amplitude and a phase each (Finn et al. 2017, section 5.1)."""

    name: Literal["sinusoid"] = "sinusoid"
    amplitudes: tuple[_Bound, _Bound] = Field(default=(0.1, 5.0), description="Least and most amplitude.")
    phases: tuple[_Bound, _Bound] = Field(default=(0.0, math.pi), description="Least and most phase.")
    inputs: tuple[_Bound, _Bound] = Field(default=(-5.0, 5.0), description="Least and most x.")

    @field_validator("amplitudes", "phases", "inputs")
    @classmethod
    def _ordered(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if bounds[0] > bounds[1]:
            raise ValueError(f"the least, {bounds[0]}, is above the most, {bounds[1]}")
        return bounds


class Sinusoid(TaskFamily):
    """Draws amplitude, phase and points of each task uniformly."""

    Config = SinusoidData
    regression = True
    chooses_by = "loss"
    config: SinusoidData

    @classmethod
    def input_shape(cls, config: SinusoidData) -> tuple[int, ...]:
        """Return (1,): one x."""
        return (1,)

    def sample(self, split: str, task: Task, episodes: int, *seed: SeedPart) -> EpisodeBatch:
        """Return tasks of ``k_shot`` support and ``n_query`` query points each; every split draws alike."""
        x = np.empty((episodes, task.drawings, 1), dtype=np.float32)
        y = np.empty_like(x)
        for index in range(episodes):
            generator = numpy_generator(*seed, index)
            amplitude, phase = generator.uniform(*self.config.amplitudes), generator.uniform(*self.config.phases)
            points = generator.uniform(*self.config.inputs, size=(task.drawings, 1))
            x[index], y[index] = points, amplitude * np.sin(points - phase)
        return regressions(x, y, task)
