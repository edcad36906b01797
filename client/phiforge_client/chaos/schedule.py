"""Which faults befall which run, and when: data that follows from a seed."""

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Injection(NamedTuple):
    """A fault of ``kind``, once ``version`` is the head."""

    version: int
    kind: str


def schedule(seed: int, kinds: Sequence[str], versions: int, faults_a_run: int) -> Iterator[list[Injection]]:
    """Yield, for run after run without end, its injections in order of version; every kind comes equally often."""
    generator = random.Random(seed)
    deck: list[str] = []
    while True:
        while len(deck) < faults_a_run:
            deck += generator.sample(sorted(kinds), len(kinds))
        dealt, deck = deck[:faults_a_run], deck[faults_a_run:]
        first, last = 1, max(1, versions - 5)
        moments = sorted(generator.randrange(first, last + 1) for _ in dealt)
        yield [Injection(*injection) for injection in zip(moments, dealt, strict=True)]
