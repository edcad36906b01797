"""A run's spec with some fields changed, and whether a φ that there is fits it."""

from collections.abc import Sequence
from typing import Any

from phiforge.base.errors import RunError
from phiforge.learning.tensors import Tensors
from phiforge.runs.submitted import RunRecord
from phiforge.spec.read import apply_override


def changed_spec(parent: RunRecord, overrides: Sequence[str]) -> dict[str, Any]:
    """Return the raw spec of a run with ``section.field=value`` changed; raises SpecError for what is no such text."""
    raw = parent.spec.model_dump(mode="json")  # every field: what is absent in a record may have another default now
    raw["numerics"]["engine"] = parent.spec.numerics.settled_engine
    if parent.tries_steps:
        del raw["learner"]["inner_steps_evaluation"]  # nobody gave it
    for override in overrides:
        apply_override(raw, override)
    return raw


def expect_fit(there: Tensors, needed: Tensors, where: str) -> None:
    """Raise RunError, naming what differs on both sides, unless φ has the entries that the new spec's learner needs."""
    had, wanted = _shapes(there), _shapes(needed)
    if had == wanted:
        return
    raise RunError(
        f"φ of {where} does not fit the new spec: it has {_listed(had, wanted)}; the new spec needs "
        f"{_listed(wanted, had)}. Submit a new run, or leave what shapes φ as it is"
    )


def _shapes(tensors: Tensors) -> dict[str, str]:
    return {
        name: f"{name} {list(value.shape)} {str(value.dtype).removeprefix('torch.')}"
        for name, value in sorted(tensors.items())
    }


def _listed(these: dict[str, str], those: dict[str, str]) -> str:
    return ", ".join(shape for name, shape in these.items() if those.get(name) != shape) or "nothing else"
