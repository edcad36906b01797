"""The architecture that φ holds, as it is reported: the likeliest operation of each edge, and a learner that has it."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from phiforge.learning.learners.bases.learner import Learner
from phiforge.learning.learners.bases.prefixes import START
from phiforge.learning.networks import Network
from phiforge.learning.networks.bases.relaxed import ARCHITECTURE, RelaxedNetwork, is_architecture
from phiforge.learning.tensors import Tensors

_SKIP = "skip"


def found(
    learner: Learner, network: Network, phi: Mapping[str, Tensor], temperature: float = 1.0
) -> dict[str, Any] | None:
    """Return what φ says of each edge, as JSON values; None if the network is not relaxed, or φ holds no logits.

    ``edges``: by type of cell and edge, the ``operation`` of the largest logit, and the ``weights`` softmax(α / τ).
    ``skips``: how many edges skip, of ``of`` edges: where all do, the search has collapsed (DARTS is known for it).
    ``learner``: the learner on the discrete network, as a spec names it.

    Args:
        learner: whose φ it is.
        network: its network.
        phi: φ.
        temperature: τ.

    Example::

        learner.architecture(phi)["edges"]["normal"]["0-1"]["operation"]   # "conv3x3"
    """
    logits = _logits(phi)
    if not isinstance(network, RelaxedNetwork) or not logits:
        return None
    edges = {kind: _edges(network, value / temperature) for kind, value in sorted(logits.items())}
    chosen = {kind: [edge["operation"] for edge in each.values()] for kind, each in edges.items()}
    operations = [operation for each in chosen.values() for operation in each]
    skips = {"skips": operations.count(_SKIP), "of": len(operations)}
    return {"edges": edges, **skips, "learner": learner.on_network(network.discrete(chosen))}


def architecture_entries(phi: Mapping[str, Tensor]) -> Tensors:
    """Return the entries of φ that are logits, those of θ⁰ where φ holds that under a name of its own."""
    return {name: value for name, value in phi.items() if is_architecture(name.removeprefix(f"{START}/"))}


def _logits(phi: Mapping[str, Tensor]) -> Tensors:
    """Return the logits by type of cell."""
    entries = architecture_entries(phi).items()
    return {name.removeprefix(f"{START}/").removeprefix(ARCHITECTURE): value for name, value in entries}


def _edges(network: RelaxedNetwork, logits: Tensor) -> dict[str, dict[str, Any]]:
    return {edge: _edge(network, row) for edge, row in zip(network.edges, logits.detach().double(), strict=True)}


def _edge(network: RelaxedNetwork, row: Tensor) -> dict[str, Any]:
    weights = dict(zip(network.operations, row.softmax(dim=0).tolist(), strict=True))
    return {"operation": network.operations[int(row.argmax())], "weights": weights}
