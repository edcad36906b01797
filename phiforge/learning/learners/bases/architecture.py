"""The architecture that φ holds, as it is reported: the likeliest operation of each edge, and a network that has it."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from phiforge.learning.networks.bases.relaxed import ARCHITECTURE, RelaxedNetwork, is_architecture

_SKIP = "skip"


def found(network: RelaxedNetwork, phi: Mapping[str, Tensor], temperature: float = 1.0) -> dict[str, Any]:
    """Return what φ says of each edge, as JSON values.

    ``edges``: by type of cell and edge, the ``operation`` of the largest logit, and the ``weights`` softmax(α / τ).
    ``skips``: how many edges skip, of ``of`` edges: where all do, the search has collapsed (DARTS is known for it).
    ``network``: the discrete network, as a spec names it.

    Args:
        network: the network whose parameters are in φ.
        phi: φ.
        temperature: τ.

    Example::

        found(learner.network, phi)["edges"]["normal"]["0-1"]["operation"]   # "conv3x3"
    """
    logits = {name.removeprefix(ARCHITECTURE): value for name, value in phi.items() if is_architecture(name)}
    edges = {kind: _edges(network, value / temperature) for kind, value in sorted(logits.items())}
    chosen = {kind: [edge["operation"] for edge in each.values()] for kind, each in edges.items()}
    operations = [operation for each in chosen.values() for operation in each]
    skips = {"skips": operations.count(_SKIP), "of": len(operations)}
    return {"edges": edges, **skips, "network": network.discrete(chosen)}


def _edges(network: RelaxedNetwork, logits: Tensor) -> dict[str, dict[str, Any]]:
    return {edge: _edge(network, row) for edge, row in zip(network.edges, logits.detach().double(), strict=True)}


def _edge(network: RelaxedNetwork, row: Tensor) -> dict[str, Any]:
    weights = dict(zip(network.operations, row.softmax(dim=0).tolist(), strict=True))
    return {"operation": network.operations[int(row.argmax())], "weights": weights}
