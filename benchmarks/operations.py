"""How many multiplications and additions the convolutions of a task are: work that no formulation gets around."""

from typing import NamedTuple

BLOCKS = 4
"""Of Conv-4: each halves the side of its map, rounded down."""


class Shape(NamedTuple):
    """What decides the work of a task: images of its sets, the network, inner steps (0: none, a comparison)."""

    support: int
    query: int
    inner_steps: int = 0
    second_order: bool = True
    side: int = 28
    channels: int = 64


def operations(shape: Shape) -> float:
    """Return the multiplications and additions of convolutions in one task, each tensor's gradient counted as a pass.

    A set costs one pass forward and two back (one for the first layer, whose images need no gradient); the second
    derivative of an inner step costs six more (two).
    """
    sides = [shape.side // 2**block for block in range(BLOCKS)]
    first, others = 9 * sides[0] ** 2, 9 * shape.channels * sum(side**2 for side in sides[1:])
    once = 2 * first + 3 * others
    inner = once + (2 * first + 6 * others if shape.second_order else 0)
    support = shape.inner_steps * inner if shape.inner_steps else once
    return float(2 * shape.channels * (shape.query * once + shape.support * support))
