"""The base of every part of a RunSpec: frozen, no unknown keys."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """An immutable piece of a RunSpec; unknown keys and non-finite numbers are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
