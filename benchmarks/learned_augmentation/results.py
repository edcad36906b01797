"""The page: accuracy on unseen and on training classes, the mean over seeds and their spread."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.learned_augmentation.measure import Size
from benchmarks.learned_augmentation.methods import METHODS, Cell
from benchmarks.page import machine, table, versions

INTRODUCTION = ""
COLUMNS = ("method", "unseen classes, %", "training classes, %", "loss on unseen", "CPU s to train", "seeds")
Found = Mapping[Cell, Mapping[str, Any]]


def rows(found: Found) -> Iterator[tuple[str, ...]]:
    """Yield a row for each method: the mean over seeds, and of accuracies the lowest and the highest."""
    for name in METHODS:
        of_seeds = [each for cell, each in found.items() if cell.method == name]
        if of_seeds:
            yield _row(METHODS[name].title, of_seeds)


def page(found: Found, size: Size) -> Iterator[str]:
    """Yield the lines of the page."""
    yield INTRODUCTION.format(**size._asdict(), machine=machine(), versions=versions())
    yield from table(COLUMNS, rows(found))


def _row(title: str, of_seeds: list[Mapping[str, Any]]) -> tuple[str, ...]:
    values = {name: [each[name] for each in of_seeds] for name in of_seeds[0]}
    accuracies = (_spelled(values[name]) for name in ("accuracy", "training_accuracy"))
    seconds = f"{_mean(values['training_seconds']):.0f}"
    return title, *accuracies, f"{_mean(values['loss']):.3f}", seconds, str(len(of_seeds))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _spelled(values: list[float]) -> str:
    return f"{100 * _mean(values):.1f} ({100 * min(values):.1f} to {100 * max(values):.1f})"
