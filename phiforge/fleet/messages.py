"""What each message holds; whatever else arrives is refused at the edge, counted and dropped."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phiforge.base.errors import MessageError

SAMPLE_TRAINING = "phiforge.sample_training"
SAMPLE_EVALUATION = "phiforge.sample_evaluation"
RETAIN = "phiforge.retain"
TRAIN = "phiforge.train"
EVALUATE = "phiforge.evaluate"

_LONGEST_GIVEN = 200
"""Characters of a refused message that its error shows."""

_Count = Annotated[int, Field(ge=0, lt=2**53)]
_JudgedSplit = Literal["validation", "test"]


class Message(BaseModel):
    """A run, and when it was asked for; a field of another type, one more or one less is a problem."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    run: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")
    sent_at: float = Field(ge=0)


class SampleTraining(Message):
    """Write the episodes of ``version``."""

    version: _Count


class SampleEvaluation(Message):
    """Write a chunk of the fixed episodes of ``split``."""

    split: _JudgedSplit
    chunk: _Count


class Retain(Message):
    """Delete training episodes that the run does not need any more."""


class Train(Message):
    """Contribute ``job`` to the step from ``version``."""

    version: _Count
    job: _Count


class Evaluate(Message):
    """Score ``version`` on a chunk of ``split``."""

    split: _JudgedSplit
    version: _Count
    chunk: _Count


MESSAGES: dict[str, type[Message]] = {
    SAMPLE_TRAINING: SampleTraining,
    SAMPLE_EVALUATION: SampleEvaluation,
    RETAIN: Retain,
    TRAIN: Train,
    EVALUATE: Evaluate,
}


def read_message(name: str, positional: tuple[Any, ...], fields: dict[str, Any]) -> dict[str, Any]:
    """Return the checked fields of a message of kind ``name``; raises MessageError, naming every problem, otherwise."""
    if positional:
        raise MessageError(f"{name}: {len(positional)} fields without a name; allowed: {_allowed(name)}")
    try:
        return MESSAGES[name].model_validate(fields).model_dump()
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        given = repr(fields)[:_LONGEST_GIVEN]
        raise MessageError(
            f"{name}: {'; '.join(problems)[:1000]}; given: {given}; allowed: {_allowed(name)}"
        ) from error


def _allowed(name: str) -> str:
    return ", ".join(MESSAGES[name].model_fields)
