"""Whether a support set fits the learner it is shown to: it must have every label of its ways, and no other."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from torch import Generator, Tensor

from phiforge.base.errors import TaskError
from phiforge.learning.engines import transforms

Adapt = TypeVar("Adapt", bound=Callable[..., Any])


def checking_ways(adapt: Adapt) -> Adapt:
    """Return ``adapt`` with a look at the labels before: raises TaskError if they are not those of the learner's ways.

    They are looked at on the CPU alone, and not under function transforms: elsewhere a look would wait for the device,
    or is not possible. So a fleet's own tasks are checked where they are read.
    """

    @wraps(adapt)
    def checked(
        learner: Any,  # noqa: ANN401
        phi: Any,  # noqa: ANN401
        support_x: Tensor,
        support_y: Tensor,
        mode: Any,  # noqa: ANN401
        generator: Generator,
        *rest: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        shape = learner.shape
        if (
            not shape.regression
            and shape.world is None
            and support_y.device.type == "cpu"
            and not transforms(shape.engine)
        ):
            _expect_ways(support_y, shape.n_way, learner)
        return adapt(learner, phi, support_x, support_y, mode, generator, *rest)

    return cast(Adapt, checked)


def _expect_ways(labels: Tensor, n_way: int, learner: Any) -> None:  # noqa: ANN401 - a learner
    found = set(labels.tolist())
    if found == set(range(n_way)):
        return
    way_out = "build the learner for as many ways as the task has"
    fixed = "" if learner.any_n_way else ", and meta-train it so: its φ has a head for that many ways"
    raise TaskError(
        f"learner {learner.name!r} is built for {n_way} ways, so a support set has the labels 0 to {n_way - 1}; "
        f"this one has {', '.join(map(str, sorted(found)[:10])) or 'none'}: {way_out}{fixed}"
    )
