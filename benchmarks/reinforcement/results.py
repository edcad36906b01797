"""The page: every world's floors, what was learned, and its ceilings, with curves."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.page import machine, table, versions
from benchmarks.reinforcement import players
from benchmarks.reinforcement.gittins import DEPTH, LEVELS, optimal_value
from benchmarks.reinforcement.trained import Trained, read
from phiforge.learning.statistics import Estimate, estimate
from phiforge.spec.run import RunSpec
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.episodes import Episode
from phiforge.tasks.families import build_family

Played = Callable[[Any, Episode], float]


def page(folder: Path, output: Path | None) -> Iterator[str]:
    """Yield the page of what was trained; pictures are written beside ``output``."""
    yield "# Learners that act, between floors and ceilings"
    yield ""
    yield from _said()
    for path in sorted(folder.glob("*.json")):
        yield from _section(read(path), output)
    yield f"{machine()}. {versions(('torch', 'phiforge'))}."


def _said() -> Iterator[str]:
    exact = f"{optimal_value(5, 10) / 10:.4f}"
    yield (
        "Written by `python -m benchmarks.reinforcement page`, of runs that its `train` made: ready-made specs, some\n"
        "cut short (`--versions`), one seed each, one process. Returns are means over a task's trajectories, not\n"
        "discounted; ± is the 95 % interval over test tasks. Floors and ceilings play the same tasks with the same\n"
        "luck of the world."
    )
    yield ""
    yield (
        "Gittins indices are computed by dynamic programming over beta posteriors, "
        f"{DEPTH} pulls ahead, at γ = 0.9 and\nto {1 / (LEVELS - 1):.4f}. The Bayes-optimal plan is exact, over all "
        f"counts of wins and losses: of five arms\nand ten pulls it gains {exact} a pull in the mean over tasks."
    )
    yield ""


def _section(found: Trained, output: Path | None) -> Iterator[str]:
    spec = RunSpec.from_json(found.spec)
    rows = list(_played(spec).items())
    name = f"reinforcement-{spec.name}.png"
    yield f"## {spec.name}"
    yield ""
    yield from table(("who", "return"), [*((who, _spelled(each)) for who, each in rows), *_learned(spec, found)])
    yield ""
    yield f"{found.curve[-1][0]:,} tasks, {found.cpu_seconds / 60:.1f} minutes of one processor, judging included."
    yield ""
    if output:
        _draw(spec, found, dict(rows), output.parent / name)
        yield f"![{spec.name}]({name})"
        yield ""


def _learned(spec: RunSpec, found: Trained) -> Iterator[tuple[str, str]]:
    who = f"**{spec.learner.name}, {spec.estimator.name}**"
    for name, (mean, half) in sorted(found.test.items()):
        if name == "mean_return":
            yield who, f"**{mean:.3f} ± {half:.3f}**"
        elif name.startswith("return_"):
            yield f"{who}, {_words(name)}", f"{mean:.3f} ± {half:.3f}"


def _words(name: str) -> str:
    return {
        "return_before": "before its inner step",
        "return_first": "first trajectories of lives",
        "return_last": "last trajectories of lives",
    }[name]


def _played(spec: RunSpec) -> dict[str, Estimate]:
    world, tasks = build_family(spec.data), [each for chunk in Tasks(spec).judged("test") for each in chunk]
    return {who: estimate([play(world, each) for each in tasks]) for who, play in _players(spec).items()}


def _players(spec: RunSpec) -> Mapping[str, Played]:
    """Return who plays in the world of a spec, by name."""
    return _OF_WORLD[spec.data.name](spec)


def _of_bandits(spec: RunSpec) -> Mapping[str, Played]:
    pulls = {"random": players.at_random, "UCB1": players.ucb1, "Thompson sampling": _thompson(spec)}
    if spec.data.model_dump()["rewards"] == "bernoulli":
        pulls |= {"Gittins index, γ 0.9": players.gittins(spec.task.k_shot, 0.9)}
        pulls |= {"Bayes-optimal plan": players.bayes_optimal}
    return {who: partial(_pulled, pull) for who, pull in pulls.items()}


def _thompson(spec: RunSpec) -> players.Pull:
    gaussian = spec.data.model_dump()["rewards"] == "gaussian"
    return players.thompson_gaussian if gaussian else players.thompson_bernoulli


def _pulled(pull: players.Pull, world: Any, episode: Episode) -> float:
    return players.pulled(world, episode, pull)


_OF_WORLD: Mapping[str, Callable[[RunSpec], Mapping[str, Played]]] = {
    "bandits": _of_bandits,
    "navigation": lambda spec: {"random": players.wandered, "oracle, straight to the goal": players.straight},
    "tabular_mdp": lambda spec: {
        "random": players.roamed,
        "PSRL": players.posterior_sampling,
        "optimal, the process known": players.optimal,
    },
}


def _spelled(found: Estimate) -> str:
    return f"{found.mean:.3f} ± {found.ci95:.3f}"


def _draw(spec: RunSpec, found: Trained, rows: Mapping[str, Estimate], path: Path) -> None:
    """Draw validation returns against tasks seen, and who plays without learning as lines."""
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    tasks, means, halves = zip(*found.curve, strict=True)
    axes.errorbar(tasks, means, halves, marker="o", capsize=3, label=f"{spec.learner.name}, validation tasks")
    for index, (who, each) in enumerate(rows.items()):
        axes.axhline(each.mean, linestyle="--", color=f"C{index + 1}", label=who)
    axes.set(title=spec.name, xlabel="tasks seen", ylabel="return")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=110)
