"""The network of cells of a run, read off its spec: what stands on its edges, and what it costs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phiforge.base.errors import RunError
from phiforge.registry import DATA
from phiforge.registry.section import RECORDED
from phiforge.spec.cells.config import CellConfig
from phiforge.spec.cells.counts import counts
from phiforge.spec.cells.words import equations


def network_of(spec: Mapping[str, Any]) -> CellConfig | None:
    """Return the network of cells that a raw spec names; None if it names another, or none."""
    network = spec.get("learner", {}).get("network") or {}
    if network.get("name") != CellConfig.model_fields["name"].default:
        return None
    return CellConfig.model_validate(network, context=RECORDED)


def cells_of(network: CellConfig) -> dict[str, Mapping[str, str]]:
    """Return the operations of its cells by what kind they are of."""
    found = {"normal": network.normal}
    return dict(found if network.reduction is None else found | {"reduction": network.reduction})


def network_json(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is shown of the network of cells in a recorded spec, as JSON values under ``network``, or nothing.

    Parameters are without the learner's own; FLOPs are of one image.
    """
    network = network_of(spec)
    if network is None:
        return {}
    data = DATA[spec["data"]["name"]]
    shape = data.input_shape(data.Config.model_validate(spec["data"], context=RECORDED))
    steps = spec["learner"].get("inner_steps", 0)
    cost = counts(network, shape, norms=steps + 1 if network.norm == "per_step" else 1)
    return {"network": cost._asdict() | {kind: equations(edges) for kind, edges in cells_of(network).items()}}


def draw_network(spec: Mapping[str, Any], title: str, path: Path) -> None:
    """Write a PNG of the cells in a recorded spec; raises RunError if its network has none."""
    from phiforge_client.cells.plot import plot_cells  # matplotlib takes long to import

    network = network_of(spec)
    if network is None:
        name = (spec.get("learner", {}).get("network") or {}).get("name", "none")
        raise RunError(f"the network of {title} is {name!r}, which has no cells to draw; leave --png out")
    plot_cells(cells_of(network), title, path)
