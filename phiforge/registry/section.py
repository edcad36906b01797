"""The base of every part of a RunSpec: frozen, no unknown keys."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, model_validator


class Part(BaseModel):
    """An immutable piece of a RunSpec; unknown keys, non-finite numbers and a yes in a number's place are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, values: Any) -> Any:  # noqa: ANN401 - whatever was given
        """Turn a truth value into text where none is wanted, which no number takes: pydantic would take it for 1."""
        if not isinstance(values, Mapping):
            return values
        return {key: value if cls._may_be_true(key) else _as_text(value) for key, value in values.items()}

    @classmethod
    def _may_be_true(cls, key: Any) -> bool:  # noqa: ANN401 - whatever was given
        if key not in cls.model_fields:
            return True
        annotation = cls.model_fields[key].annotation
        return bool in (annotation, *get_args(annotation))


def _as_text(value: Any) -> Any:  # noqa: ANN401 - whatever was given
    """Return truth values, also those in a list, as text; lists in lists are wanted nowhere, and may have no end."""
    if isinstance(value, list | tuple):
        return [str(each) if isinstance(each, bool) else each for each in value]
    return str(value) if isinstance(value, bool) else value
