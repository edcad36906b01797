"""The page: a table for each dataset, and what all of it is."""

from collections.abc import Iterator, Sequence
from statistics import geometric_mean

from benchmarks.hyperparameters.curves import Curve
from benchmarks.hyperparameters.picture import Curves
from benchmarks.hyperparameters.question import Size
from benchmarks.page import NOT_QUIET, machine, table, versions
from phiforge.learning.statistics import estimate

HEAD = """# Hyper-parameters three ways

`{command}` writes this page.

One question is asked of each way: with which rate, weight decay and label smoothing should a fresh Conv-4 of 8 filters
learn a 5-way 5-shot task of 16x16 pixels in five steps? θ⁰ is drawn for each task, and nothing but the three numbers is
learned. Each way may train {budget} tasks, all tries and trials together: a gradient, a try of evolution and a task of
a trial count as one each. φ starts at the middle of the space that studies search: rates from 0.001 to 1, decays from
0.00001 to 0.1, smoothings from 0.01 to 0.5, all by orders of magnitude.

An answer is judged on the same {judged} validation tasks for all ways and seeds, of classes that no way trained on.
Studies choose by the query loss of training tasks, which φ is learned by too. Means and 95 % intervals are
over seeds (normal, and so few seeds make them rough). Rates, decays and smoothings are geometric means of the
last answers. Outer rates and perturbations were set once, before anything was measured.

ASHA is one process here: the trial that goes on from the highest rung comes first, of several the one proposed first,
and a new trial if none may go on. Members of a population (PBT) carry on hyper-parameters alone, since θ⁰ is fresh for
each task. What is judged is where the best member of the last generation stands. So PBT cannot gain by a schedule
here, which is what it is meant for: it is a search from good points, on tasks that change with each generation."""
CHOOSE = """
## What to choose when

* **Counted in tasks, the gradient and ASHA are first at the start.** Both have an answer after 15 tasks, where other
  studies have none before their first generation is over (45 to 48 tasks). ASHA is ahead in the mean, but differs much
  between seeds, as it lives by what was drawn first; the gradient hardly does. From 60 on the studies are about level.
  The gradient is best at 90, and past that its accuracy falls a little. A task costs it three to four times the
  processor time, as the table says: counted in seconds it is no faster.
* **In the end the gradient and the studies are alike here**, but for population-based training on Omniglot, which is a
  little behind. Three numbers are a small question, and intervals overlap. What is easiest to set up may decide.
* **Evolution needs no gradient and no memory for one.** Its last answers are behind the others' or differ most between
  seeds: its outer rate stayed as large as it began, which a schedule would change. The two that are here differ in
  shaping and in pieces, so that nothing follows of either alone.
* **A study takes any field**, choices and architectures too, and its trials run side by side.
* **Many numbers are for φ**: their gradient costs what that of one does. A rate and a decay a layer gain some two
  points on glyphs, and nothing on Omniglot. A prior of the normalisation gains nothing on top, and loses two points on
  Omniglot.
"""
FIELDS = ("inner_lr", "weight_decay", "label_smoothing")
COLUMNS = ("way", "after {}", "after {}", "after {}", "query loss", "CPU seconds", "rate", "decay", "smoothing")


def written(curves: Curves, size: Size, command: str, picture: str) -> Iterator[str]:
    """Yield the page up to what it comes to, line by line."""
    yield HEAD.format(command=command, budget=size.budget, judged=size.judged)
    yield f"\n{machine()}. {NOT_QUIET}\n{versions()}."
    if picture:
        yield f"\n![answer so far against tasks]({picture})"
    shown = [size.marks.index(size.budget * part // 16) for part in (2, 6, 16)]
    places = iter(size.marks[place] for place in shown)
    columns = [each.format(next(places)) if "{}" in each else each for each in COLUMNS]
    for dataset, ways in curves.items():
        seeds = next(iter(ways.values()))
        start = seeds[0]
        yield f"\n## {dataset}\n"
        yield f"{len(seeds)} seeds. Where φ starts: {100 * start.accuracy[0]:.1f} %, query loss {start.loss[0]:.3f}.\n"
        yield from table(columns, (row(name, found, shown) for name, found in ways.items()))


def row(name: str, found: Sequence[Curve], shown: Sequence[int]) -> list[str]:
    """Return the row of a way: accuracy on the way, the last loss, seconds, and the answer's geometric means."""
    accuracies = [estimate([100 * each.accuracy[place] for each in found]) for place in shown]
    loss = estimate([each.loss[-1] for each in found])
    seconds = sum(each.seconds for each in found) / len(found)
    means = [geometric_mean([each.last[field] for each in found]) for field in FIELDS]
    return [
        name,
        *(f"{each.mean:.1f} ± {each.ci95:.1f} %" for each in accuracies),
        f"{loss.mean:.3f} ± {loss.ci95:.3f}",
        f"{seconds:.0f}",
        *(f"{each:.2g}" for each in means),
    ]
