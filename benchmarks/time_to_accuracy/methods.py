"""The methods: ours and, by the same spec, a peer's."""

from typing import NamedTuple


class Method(NamedTuple):
    """What is trained by which spec; ``peer`` is whose loop it is, '' if it is the pipeline's."""

    name: str
    title: str
    spec: str
    colour: str
    peer: str = ""


METHODS = {
    each.name: each
    for each in (
        Method("maml", "MAML, Phiforge", "omniglot-maml-5w1s", "C0"),
        Method("learn2learn", "MAML, learn2learn", "omniglot-maml-5w1s", "C1", "learn2learn"),
        Method("prototypical", "ProtoNet, Phiforge", "omniglot-prototypical-5w1s", "C2"),
        Method("easyfsl", "ProtoNet, EasyFSL", "omniglot-prototypical-5w1s", "C3", "easyfsl"),
    )
}
MARKS = (0.95, 0.98)
"""The accuracies whose minutes are asked for; a peer that has reached the last one stops."""


def ours_beside(method: Method) -> Method:
    """Return the pipeline's method by the same spec."""
    return next(each for each in METHODS.values() if each.spec == method.spec and not each.peer)
