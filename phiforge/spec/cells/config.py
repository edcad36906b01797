"""What a network of cells is configured by."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from phiforge.registry import PartConfig
from phiforge.spec.cells.edges import Edges, Operation, edges_of
from phiforge.spec.norms import GROUPS, CellNorm

MOST_CHANNELS = 4096


class SkeletonConfig(PartConfig):
    """All of a network of cells but the operations of its cells."""

    nodes: int = Field(default=3, ge=2, le=8, description="Of each cell; the first is its input, the last its output.")
    cells: int = Field(default=1, ge=1, le=64, description="Normal cells of each stage.")
    stages: int = Field(default=3, ge=1, le=6, description="Runs of normal cells; between two the image is halved.")
    channels: int = Field(default=16, ge=1, le=1024, description="Maps of the first stage.")
    widen: int = Field(default=2, ge=1, le=4, description="How many times as many maps each later stage has.")
    stem_stride: int = Field(default=1, ge=1, le=4, description="Of the first convolution.")
    norm: CellNorm = Field(
        default="batch",
        description="batch (of the set at hand; transductive), running, per_step (of inner loops), layer, group, none.",
    )
    average: bool = Field(default=True, description="Features: the mean of each last map; else its places.")

    @model_validator(mode="after")
    def _channels_serve(self) -> Self:
        if self.norm == "group" and self.channels % GROUPS:
            raise ValueError(f"norm 'group' needs channels divisible by {GROUPS}, not {self.channels}")
        if (last := self.widths[-1]) > MOST_CHANNELS:
            raise ValueError(f"the last stage has {last} channels; allowed: {MOST_CHANNELS} or fewer")
        return self

    @property
    def widths(self) -> list[int]:
        """The channels of each stage."""
        return [self.channels * self.widen**stage for stage in range(self.stages)]

    @property
    def smallest_image(self) -> int:
        """The side of the smallest image of which a place is left."""
        return int(self.stem_stride * 2 ** (self.stages - 1))

    def sides(self, side: int) -> list[int]:
        """Return the side of the maps of each stage, of images of ``side`` pixels; what is odd is halved upwards."""
        found = [-(-side // self.stem_stride)]
        while len(found) < self.stages:
            found.append(-(-found[-1] // 2))
        return found


class CellConfig(SkeletonConfig):
    """A stem, stages of equal cells with a reduction between two, normalisation, ReLU and the mean of each map."""

    name: Literal["cell"] = "cell"
    normal: Mapping[str, Operation] = Field(
        default={}, validate_default=True, description="Operations of normal cells by edge, '0-1'; else conv3x3."
    )
    reduction: Mapping[str, Operation] | None = Field(
        default=None, description="Operations of a cell after each halving; null: a residual block instead."
    )

    @field_validator("normal", "reduction")
    @classmethod
    def _whole(cls, given: Edges | None, info: ValidationInfo) -> Edges | None:
        """Say the operation of every edge, so that a spec has one form."""
        if given is None or "nodes" not in info.data:
            return given
        edges = edges_of(info.data["nodes"])
        if problems := list(_unknown_edges(given, edges)):
            raise ValidationError.from_exception_data(cls.__name__, problems)
        return {edge: given.get(edge, "conv3x3") for edge in edges}


def _unknown_edges(given: Mapping[str, Any], edges: list[str]) -> Iterator[InitErrorDetails]:
    for edge in (each for each in given if each not in edges):
        problem = PydanticCustomError(
            "no_such_edge",
            "there is no such edge of {nodes}; allowed: {edges}",
            {"nodes": f"{int(edges[-1].split('-')[1]) + 1} nodes", "edges": ", ".join(edges)},
        )
        yield InitErrorDetails(type=problem, loc=(edge,), input=given[edge])
