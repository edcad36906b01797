"""What the schema says beyond the paths: how pictures are sent, and with which statuses a request is refused."""

from typing import Any

from pydantic import BaseModel, Field


class Refusal(BaseModel):
    """Why a request is refused."""

    error: str = Field(description="A sentence: what was wrong, what is allowed, and what to do.")


_REASONS = {
    400: "The body is damaged, or has too many files.",
    401: "A key is needed.",
    404: "There is no such task or model.",
    410: "The version that the task was made with is not there any more.",
    413: "The request has too many bytes, or a picture too many pixels.",
    415: "The body is no multipart/form-data.",
    422: "A picture cannot be used, or the classes are too few or too many.",
    429: "There are as many tasks as there may be.",
    503: "The service is busy, or its object storage does not answer.",
    504: "There was no answer in time.",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": reason} for status, reason in _REASONS.items()
}
PICTURES = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "additionalProperties": {"type": "array", "items": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}
"""What the schema says of a body whose fields are the caller's own labels."""
