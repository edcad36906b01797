"""Curves that are kept: what a way would answer after so many tasks, judged; nothing is computed twice."""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.hyperparameters.question import Answer, Question
from benchmarks.hyperparameters.standing import Standing, Way
from benchmarks.page import say


class Curve(NamedTuple):
    """One way with one seed: its judged answers at each mark, its last answer, seconds of training alone."""

    loss: list[float]
    accuracy: list[float]
    last: dict[str, float]
    seconds: float


def kept(folder: Path, name: str, way: Way, question: Question) -> Curve:
    """Return the curve of a way, computed unless ``folder`` has it."""
    size = f"{question.size.budget}-{question.size.judged}"
    path = folder / f"{question.dataset}-{size}" / f"{name.replace(', ', '-').replace(' ', '-')}-{question.seed}.json"
    if not path.exists():
        say(f"{question.dataset}, {name}, seed {question.seed}")
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(drawn(way, question)._asdict()))
        partial.replace(path)
    return Curve(**json.loads(path.read_text()))


def drawn(way: Way, question: Question) -> Curve:
    """Return the curve of a way."""
    standings, seconds = timed(way(question))
    answers: dict[Any, Answer] = {}
    for mark in question.size.marks:
        point = at(standings, mark)
        key = tuple(sorted(point.items()))
        answers[mark] = answers[key] = answers.get(key) or question.answer(point)
    found = [answers[mark] for mark in question.size.marks]
    last = {field.removeprefix("learner."): float(value) for field, value in at(standings, mark).items()}
    return Curve([each.loss for each in found], [each.accuracy for each in found], last, seconds)


def at(standings: Iterable[Standing], mark: int) -> Any:
    """Return the answer of the last standing of no more than ``mark`` tasks."""
    return [each.point for each in standings if each.tasks <= mark][-1]


def timed(standings: Iterator[Standing]) -> tuple[list[Standing], float]:
    """Return all standings, and the seconds of this process that they took."""
    began = time.process_time()
    found = list(standings)
    return found, time.process_time() - began
