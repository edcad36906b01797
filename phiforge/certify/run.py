"""The certificate of one part, by its name."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from phiforge.base.errors import MissingPartError, PhiforgeError, RegistryError
from phiforge.base.nearest import did_you_mean
from phiforge.base.settings import Settings
from phiforge.certify import datasets, estimators, families, learners, networks, optimizers, scores, search
from phiforge.certify.proof import Figure, Measured, Proof, measured
from phiforge.learning.repeatable import repeating_exactly
from phiforge.registry import KINDS, Part

OF_KIND: dict[str, Callable[[Any], Iterable[Proof]]] = {
    "learner": learners.proofs,
    "estimator": estimators.proofs,
    "network": networks.proofs,
    "optimizer": optimizers.proofs,
    "family": families.proofs,
    "score": scores.proofs,
    "proposer": search.proposals,
    "scheduler": search.decisions,
}
"""The proofs of every kind that needs no settings."""


def certify(name: str, kind: str | None = None, settings: Settings | None = None) -> Iterator[Measured]:
    """Yield each proof of a part as it is measured.

    Args:
        name: the part's, as a spec gives it.
        kind: ``learner``, ``estimator``, ``network``, ``optimizer``, ``score``, ``family``, ``dataset``, ``proposer``
            or ``scheduler``; by default the only one that has such a part.
        settings: where datasets are found; by default nowhere in particular.

    Raises:
        MissingPartError: there is no such part here.
        RegistryError: it cannot be imported, or several kinds have one of that name.
        DataError: it is a dataset that cannot be had here.

    Example::

        for each in certify("maml"):
            print(each.proof.name, each.figure.value, each.holds)
    """
    kind = kind_of(name) if kind is None else kind
    part = _part(kind, name)
    for proof in _made(kind, part, settings or Settings()):
        with repeating_exactly():
            found = measured(proof)
        yield found


def kind_of(name: str) -> str:
    """Return the only kind that has a part ``name``; raises as ``certify``."""
    kinds = [kind for kind, catalogue in KINDS.items() if name in catalogue]
    if not kinds:
        every = (part for catalogue in KINDS.values() for part in catalogue)
        raise MissingPartError(
            f"no part is called {name!r} here; " + "; ".join(map(_names, KINDS)) + did_you_mean(name, every)
        )
    if len(kinds) > 1:
        raise RegistryError(f"{name!r} is the name of a {' and of a '.join(kinds)}: say which, by its kind")
    return kinds[0]


def proofs_of(kind: str, part: type[Part], settings: Settings) -> Iterator[Proof]:
    """Yield the proofs of every part of a kind, and those that the part adds by an attribute or method ``proofs``."""
    yield from datasets.proofs(part, settings) if kind == "dataset" else OF_KIND[kind](part)  # type: ignore[arg-type]
    own = getattr(part, "proofs", ())
    yield from own() if callable(own) else own


def _made(kind: str, part: type[Part], settings: Settings) -> Iterator[Proof]:
    """Yield the proofs; what breaks off while they are made is a proof that does not hold."""
    try:
        yield from proofs_of(kind, part, settings)
    except PhiforgeError:
        raise
    except Exception as error:  # a part's own code, whatever it raises
        yield Proof("can be proven with its defaults", partial(_raise, error))


def _raise(error: Exception) -> Figure:
    raise error


def _part(kind: str, name: str) -> type[Part]:
    if kind not in KINDS:
        raise MissingPartError(f"there is no kind {kind!r}; kinds are {', '.join(KINDS)}")
    return KINDS[kind][name]


def _names(kind: str) -> str:
    return f"{kind}: {', '.join(KINDS[kind])}"
