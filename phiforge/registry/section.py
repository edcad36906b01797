"""The base of every section of a spec: frozen, no unknown keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

RECORDED = {"recorded": True}
"""The validation context of what was recorded: absent fields mean what they meant when they did not exist."""


@dataclass(frozen=True)
class Since:
    """Marks a field as one that came with a schema: ``Annotated[int, Since(2, absent=0)]``.

    Args:
        schema: the first that has the field.
        absent: what a record without it means, for ever, whatever the field's default becomes.
    """

    schema: int
    absent: Any


class Section(BaseModel):
    """An immutable section of a spec; unknown keys, non-finite numbers and a yes in a number's place are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _prepared(cls, values: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever was given
        """Fill in what a record is too old to say; turn a truth value into text where none is wanted.

        No number takes that text: pydantic would take a truth value for 1.
        """
        if not isinstance(values, Mapping):
            return values
        values = {key: value if cls._may_be_true(key) else _as_text(value) for key, value in values.items()}
        return cls._absent() | values if info.context == RECORDED else values

    @classmethod
    def _absent(cls) -> dict[str, Any]:
        """Return what the absence of each later field means."""
        fields = cls.model_fields.items()
        return {name: mark.absent for name, field in fields for mark in field.metadata if isinstance(mark, Since)}

    @classmethod
    def _may_be_true(cls, key: Any) -> bool:  # noqa: ANN401 - whatever was given
        if key not in cls.model_fields:
            return True
        annotation = cls.model_fields[key].annotation
        return bool in (annotation, *get_args(annotation))


def _as_text(value: Any) -> Any:  # noqa: ANN401 - whatever was given
    """Return truth values, also those in a list, as text; lists in lists are wanted nowhere, and may have no end."""
    if isinstance(value, list | tuple):
        return [_as_text(each) if isinstance(each, bool) else each for each in value]
    return str(value).lower() if isinstance(value, bool) else value
