"""What the three services share, and what a notebook imports: ``phiforge.load`` and ``phiforge.load_classifier``."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phiforge.prediction.opening import load, load_classifier

__all__ = ["load", "load_classifier"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever is asked for
    """Import what is asked for when it is: to import ``phiforge`` alone costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'phiforge' has no attribute {name!r}")
    from phiforge.prediction import opening

    return getattr(opening, name)
