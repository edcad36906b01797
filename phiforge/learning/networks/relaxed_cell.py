"""A network of cells with every operation on every edge, mixed by a softmax of logits that are parameters too.

The relaxation is that of DARTS (Liu et al. 2019, equation 2), on the cells of NAS-Bench-201 (Dong and Yang 2020).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.networks.bases.cells.cell import Weights
from phiforge.learning.networks.bases.images import ImageNetwork
from phiforge.learning.networks.bases.normalisation import PLAIN, Pass
from phiforge.learning.networks.bases.relaxed import ARCHITECTURE, RelaxedNetwork, chosen, is_architecture
from phiforge.learning.networks.cell import CellNetwork, CellWeights
from phiforge.learning.tensors import Tensors
from phiforge.spec.cells.config import CellConfig, SkeletonConfig
from phiforge.spec.cells.edges import OPERATIONS, edges_of

_SPREAD = 1e-3
"""Standard deviation of fresh logits, as in DARTS' code: next to none, and no two alike."""


class RelaxedCellConfig(SkeletonConfig):
    """A network of cells whose operations are to be found."""

    name: Literal["relaxed_cell"] = "relaxed_cell"
    channels: int = Field(default=8, ge=1, le=1024, description="Maps of the first stage.")
    search_reduction: bool = Field(
        default=False, description="Whether cells after each halving are searched too; else a residual block."
    )

    def discrete(
        self, normal: Mapping[str, str] | None = None, reduction: Mapping[str, str] | None = None
    ) -> CellConfig:
        """Return the network that has these operations on its edges, conv3x3 where none is given."""
        skeleton = {name: getattr(self, name) for name in SkeletonConfig.model_fields if name != "name"}
        reductions = (reduction or {}) if self.search_reduction else None
        return CellConfig.model_validate(skeleton | {"normal": normal or {}, "reduction": reductions})


class RelaxedCell(ImageNetwork, RelaxedNetwork):
    """The network as pure functions of its parameters, the logits ``architecture.normal`` among them."""

    Config = RelaxedCellConfig
    operations = OPERATIONS
    config: RelaxedCellConfig

    @classmethod
    def shrinking(cls, config: RelaxedCellConfig) -> str:
        """As any network of cells."""
        return CellNetwork.shrinking(config.discrete())

    def prepare(self) -> None:
        """Set the cells that it mixes; of ``input_shape`` = (channels, height, width)."""
        super().prepare()
        config = self.config
        self.cells = CellNetwork(config.discrete(), self.input_shape, self.inner_steps, self.engine, self.bfloat16)
        self.feature_count, self.transductive = self.cells.feature_count, self.cells.transductive
        self.edges = tuple(edges_of(config.nodes))
        self.types = ("normal", "reduction") if config.search_reduction else ("normal",)

    def adapts(self, name: str) -> bool:
        """Say whether an inner loop may change a parameter: as any network of cells, and the logits."""
        return is_architecture(name) or self.cells.adapts(name)

    def init(self, generator: Generator) -> Tensors:
        """Return fresh parameters of every operation on every edge, and logits all nearly alike."""
        shape = (len(self.edges), len(self.operations))
        logits = {f"{ARCHITECTURE}{kind}": _SPREAD * torch.randn(shape, generator=generator) for kind in self.types}
        return self.cells.init_all(generator) | logits

    def features(self, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN) -> Tensor:
        """Map images ``x`` [n, channels, height, width] to features [n, feature_count], edges mixed by softmax(α).

        Where that leaves one operation of each edge alone, no other is computed.
        """
        weights = (self._weights(parameters[f"{ARCHITECTURE}{kind}"]) for kind in self.types)
        return self.cells.features_by(CellWeights(*weights), parameters, x, at)

    def discrete(self, chosen: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Return network ``cell`` with the chosen operations, as a spec names it."""
        by_edge = {kind: dict(zip(self.edges, operations, strict=True)) for kind, operations in chosen.items()}
        return self.config.discrete(**by_edge).model_dump(mode="json")

    def _weights(self, logits: Tensor) -> Weights:
        """Return the mixture, or the one operation of each edge if that is all of it and may be looked at.

        Function transforms do not let a value decide, and logits that have a gradient stay in its graph.
        """
        weights = logits.softmax(dim=-1)
        places = None if self.cells.transformed or logits.requires_grad else chosen(weights)
        if places is None:
            return weights
        return {edge: OPERATIONS[place] for edge, place in zip(self.edges, places, strict=True)}
