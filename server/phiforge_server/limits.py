"""How much one caller may ask of the service, and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What is refused beyond: bytes and pictures of a request, pixels of a picture, tasks and their life.

    ``at_once``: requests that are computed side by side. ``patience_seconds``: how long one waits and computes.
    ``look_seconds``: how often it looks for a better version of a run that it serves. ``batching``: whether requests of
    one task that wait at the same time are computed as one.
    """

    request_bytes: int = 32 * 2**20
    pictures: int = 500
    pixels: int = 16_000_000
    classes: int = 100
    tasks: int = 1000
    task_seconds: float = 24 * 3600.0
    at_once: int = 1
    patience_seconds: float = 60.0
    look_seconds: float = 5.0
    batching: bool = True
