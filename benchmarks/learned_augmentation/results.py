"""The page: accuracy on unseen and on training classes, the mean over seeds and their spread; what policies became."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.learned_augmentation.measure import Size, phi_of
from benchmarks.learned_augmentation.methods import CLASSES, METHODS, Cell, spec_of
from benchmarks.page import machine, table, versions
from phiforge.learning.learners.bases.augmentation.policy import POLICY, in_words

INTRODUCTION = """# Learned perturbation and augmentation

Written by `python -m benchmarks.learned_augmentation`. 5-way 1-shot on real Omniglot of 16x16 pixels, 5 queries a
class, Conv-4 of 16 filters, {classes} characters to train on and no turns of them, {tasks} training tasks for every
method, the last φ, {judged} test tasks of unseen characters, the same for all. Accuracy in per cent, the mean over the
seeds that were run, in brackets the lowest and the highest. *Training classes* is that on the tasks of the last ten
versions, before each moved φ. MAML and what is built on it take one inner step of 0.4, three on unseen tasks, each of
which is the mean of five draws of meta-dropout. The policy moves at a rate of its own, 0.02. *As it begins* is the same
learner with that rate at nought, so that its augmentation is never learned.

{machine}; {versions}.
"""
COLUMNS = ("method", "unseen classes", "training classes", "loss on unseen", "CPU s to train", "seeds")
Found = Mapping[Cell, Mapping[str, Any]]


def page(found: Found, size: Size, home: Path, reading: str) -> Iterator[str]:
    """Yield the lines of the page."""
    yield INTRODUCTION.format(**size._asdict(), classes=CLASSES, machine=machine(), versions=versions())
    yield from table(COLUMNS, rows(found))
    yield reading
    yield from policies(found, size, home)


def rows(found: Found) -> Iterator[tuple[str, ...]]:
    """Yield a row for each method: the mean over seeds, and of accuracies the lowest and the highest."""
    for name in METHODS:
        of_seeds = [each for cell, each in found.items() if cell.method == name]
        if of_seeds:
            yield _row(METHODS[name].title, of_seeds)


def policies(found: Found, size: Size, home: Path) -> Iterator[str]:
    """Yield the table of what each learned policy does, of every seed that was run."""
    of_cells = {cell: _policy(cell, size, home) for cell in found if METHODS[cell.method].policy_rate}
    operations = list(dict.fromkeys(name for each in of_cells.values() for name in each))
    lines = ((METHODS[cell.method].title, str(cell.seed), *_amounts(each)) for cell, each in of_cells.items())
    yield from table(("policy of", "seed", *operations), lines)


def _policy(cell: Cell, size: Size, home: Path) -> dict[str, dict[str, float]]:
    phi, learner = phi_of(cell, home), spec_of(cell, *size).learner
    operations: tuple[str, ...] = getattr(learner, "operations", ())
    return in_words({name: value for name, value in phi.items() if name.startswith(f"{POLICY}/")}, operations)


def _amounts(policy: Mapping[str, Mapping[str, float]]) -> list[str]:
    return [f"{each['probability']:.2f} up to {each['largest']:.2f}" for each in policy.values()]


def _row(title: str, of_seeds: list[Mapping[str, Any]]) -> tuple[str, ...]:
    values = {name: [each[name] for each in of_seeds] for name in of_seeds[0]}
    accuracies = (_spelled(values[name]) for name in ("accuracy", "training_accuracy"))
    seconds = f"{_mean(values['training_seconds']):.0f}"
    return title, *accuracies, f"{_mean(values['loss']):.3f}", seconds, str(len(of_seeds))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _spelled(values: list[float]) -> str:
    return f"{100 * _mean(values):.1f} ({100 * min(values):.1f} to {100 * max(values):.1f})"
