"""``python -m tests.certificate``: run every proof and print the table; exits with 1 if one fails."""

import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import NamedTuple

import torch

from tests.certificate.cells import ESTIMATORS, Proof, cells, proofs_of, refusal
from tests.certificate.closed_forms import CLOSED_FORMS
from tests.certificate.material import Figure
from tests.certificate.training import TRAININGS, Losses, run

STATEMENT = """
## What is proven how

A cell is **refused** when a spec of that pair is turned down at submit, for the reason below the table; else it
shows, of the proofs that it has passed, the worst error of each kind against its limit.

* **finite differences** (`fd`): the contribution against (L(φ + hd) - L(φ - hd)) / 2h in float64, h = 1e-7, on
  Conv-4 of 4 channels (8 with group normalisation) and 16x16 images; d random in each tensor of φ by itself and in
  all at once. A direction may cross the kink of a ReLU or a maximum, so of three directions the median counts;
  networks of cells are held to it once more by the first direction alone (`one direction`), which is soon done. The
  error is relative to the slope, or to the tensor's gradient where d is nearly at right angles to it, or to a
  thousandth of the largest tensor's gradient. LEO's penalty on the encoder takes one side as a constant, by the
  paper, so it has no finite difference: it is left out here and stands in the second formulation.
* **second formulation** (`f64`, `f32`): the contribution against `tests/references/`, plain loops of torch that
  share no code with the library, on the real Conv-4 (28x28; the learner's own number of channels). In float64 every
  tensor's largest error is relative to its largest entry (at least a thousandth of the largest of all); the loss is
  compared too. Single tasks are of one shot, jobs of two tasks of two; learners of regressions are held to it on
  sinusoids with the perceptron as well. In float32, with one inner step, the reference stays in float64, and the
  error is relative to the largest entry of all: the median of nine starts, as rounding may switch a ReLU or a
  maximum, which alone can change a gradient by a third. Other machines round otherwise, so this is the one figure
  that may differ between them.
* `meta_nas` is proven on one relaxed cell of 4 channels, not on Conv-4, and with estimator `darts` against equation 7
  of the paper by hand, back through the steps one by one, below 1e-10.
* Estimator `enas` is proven on two relaxed cells, of each task against the discrete network that is drawn for it, which
  is a learner's network of its own with parameters of its own, and whose gradient is that of `backpropagation` or
  `first_order`; and against REINFORCE's formula and the entropy, differentiated. With `meta_nas` also against the inner
  loop written out.
* Deeper networks (`conv6`, `resnet12`) are held to finite differences under MAML and the prototypical network, with
  DropBlock in the middle of a run, where it drops; their features are held to formulas by tests of their own.
* Every φ is moved a little off its fresh start, so that entries which begin alike cannot be taken for each other.
* **sum of episodes** (`sum`): a job's contribution is the sum of its episodes', whether or not they share backward
  passes. It holds for every estimator but `reinforce` and `enas`, whose baseline is the job's, and wherever a draw is
  named by the episode's place in its job (LEO, meta-dropout, augmentations, minibatches): there a job of two tasks is
  held to the second formulation with the same draws.
* **not the gradient** (`far`): first order is far from the gradient (more than 0.01 of it).
* **order annealed** (`switch`): `second_order_from` switches at its version, to the bit of either side.
* **expected gradient** (`se`): the mean of REINFORCE, and of ENAS, over many draws against the gradient of the expected
  loss with all choices enumerated, in standard errors of that mean; at most 4.
* **evolution** (`f64`): the direction against the antithetic formula with the losses of the second formulation and
  the perturbations of that name; that these are normal is among the closed forms.
* **persistent evolution** (`f64`): likewise, by accumulated perturbations. Loops of several pieces are held to it for
  learners whose later pieces the reference knows; the loop in one piece for all. That it is unbiased where truncation
  is not, is among the closed forms.
* Baselines have an empty φ that nothing trains: their query loss is held to a second formulation.
* **both engines** (`engines`): what one job of the real Conv-4 contributes by the fused engine against plain torch, in
  float64: every tensor, the loss and the statistics of normalisation. All other proofs are made with plain torch,
  but for two of finite differences with MAML and one with the relation network, which are made with vmap once more.
  Normalisation by layer, by group or none at all has no fused part, nor has the perceptron.
* **by vmap** (`vmap`): what a job of three tasks contributes by engine vmap, two tasks at once and then one, against
  plain torch, in float64 on the small network or the perceptron: tensors, loss and statistics. Estimators that take
  no gradient through the learner, and learners that draw, are refused with it.
* **as shipped** (`cos`, `residual`, `curvature`): what the formulas above take for granted, at the settings of
  `specs/omniglot-implicit-maml-5w1s.yaml`, for the φ that it makes of 20 and of 200 tasks of glyphs, on eight further
  tasks: the cosine between the summed implicit contribution and the gradient through all inner steps; the largest
  |∇l + λ(θ - φ)| / (|∇l| + |λ(θ - φ)|) where an inner loop ends, 0 at a minimum; the smallest pᵀAp / pᵀp of the
  conjugate gradients, below 0 where they would step the wrong way. That inner loop is stopped before it has converged:
  the contribution is an approximation, and the limits say how bad it may get. As φ is made in float32, other machines
  may find other figures.
* All draws are seeded: the figures are the same on every run of one machine. MAML stands for the gradient learners
  and the prototypical network for those that compare in that all six normalisations are proven with them; other
  learners are proven with their default.
"""
SHORT = {
    "finite differences": "fd",
    "one direction": "fd",
    "second formulation": "f64",
    "several tasks": "f64",
    "float32": "f32",
    "sum of episodes": "sum",
    "not the gradient": "far",
    "order annealed": "switch",
    "expected gradient": "se",
    "both engines": "engines",
    "by vmap": "vmap",
    "cosine": "cos",
    "inner residual": "residual",
    "curvature": "curvature",
}


class Shown(NamedTuple):
    """A proof and what it measured."""

    proof: Proof
    figure: Figure


def worst(shown: Iterable[Shown]) -> Iterator[tuple[str, Figure]]:
    """Yield each kind of proof once, with the figure that is nearest to its limit or furthest beyond."""
    by_kind: dict[str, list[Figure]] = {}
    for proof, figure in shown:
        by_kind.setdefault(SHORT[proof.kind], []).append(figure)
    for kind, figures in by_kind.items():
        yield kind, max(figures, key=lambda figure: (not figure.holds, nearness(figure)))


def nearness(figure: Figure) -> float:
    """Return the share of its limit that a figure takes up."""
    return figure.limit / figure.value if figure.above else figure.value / figure.limit


def written(kind: str, figure: Figure) -> str:
    """Return a figure against its limit."""
    sign = ">" if figure.above else "<"
    mark = "" if figure.holds else " **FAILS**"
    return f"{kind} {figure.value:.1e} {sign} {figure.limit:.0e}{mark}"


def progress(*words: str) -> None:
    """Say on stderr what is being proven, so that the table on stdout stays clean."""
    print(*words, file=sys.stderr, flush=True)


def proven() -> dict[tuple[str, str], list[Shown] | str]:
    """Return, of every cell, what its proofs measured or the reason of its refusal."""
    found: dict[tuple[str, str], list[Shown] | str] = {}
    for learner, estimator in cells():
        progress(learner, "x", estimator)
        reason = refusal(learner, estimator)
        found[learner, estimator] = reason or [Shown(proof, proof.measure()) for proof in proofs_of(learner, estimator)]
    return found


def table(found: dict[tuple[str, str], list[Shown] | str]) -> Iterator[str]:
    """Yield the rows of the table."""
    yield "| learner | " + " | ".join(ESTIMATORS) + " |"
    yield "|---|" + "---|" * len(ESTIMATORS)
    for learner in sorted({learner for learner, _ in found}):
        row = [found[learner, estimator] for estimator in ESTIMATORS]
        texts = [
            "refused" if isinstance(cell, str) else "<br>".join(written(*each) for each in worst(cell)) for cell in row
        ]
        yield f"| {learner} | " + " | ".join(texts) + " |"


def every_proof(found: dict[tuple[str, str], list[Shown] | str]) -> Iterator[str]:
    """Yield a row for each proof of each cell."""
    yield "| learner | estimator | proof | variant | measured | limit |"
    yield "|---|---|---|---|---|---|"
    for (learner, estimator), cell in found.items():
        for proof, figure in [] if isinstance(cell, str) else cell:
            value, sign = f"{figure.value:.1e}", ">" if figure.above else "<"
            mark = "" if figure.holds else " **FAILS**"
            row = (learner, estimator, proof.kind, proof.variant, value, f"{sign} {figure.limit:.0e}{mark}")
            yield "| " + " | ".join(row) + " |"


def reasons(found: dict[tuple[str, str], list[Shown] | str]) -> Iterator[str]:
    """Yield the reason of every refusal, the cells that share one together."""
    yield "| learner | estimator | reason |"
    yield "|---|---|---|"
    for (learner, estimator), cell in found.items():
        if isinstance(cell, str):
            yield f"| {learner} | {estimator} | {cell} |"


def trainings(found: dict[tuple[str, str], Losses]) -> Iterator[str]:
    """Yield the query losses of the short trainings."""
    yield "| learner | estimator | outer steps | loss of φ₀ | loss of the last φ | must be below |"
    yield "|---|---|---|---|---|---|"
    for (learner, estimator), losses in found.items():
        mark = "" if losses.holds else " **FAILS**"
        versions = TRAININGS[learner, estimator].outer["versions"]
        figures = f"{losses.before:.2f} | {losses.after:.2f} | {losses.below:.2f}{mark}"
        yield f"| {learner} | {estimator} | {versions} | {figures} |"


def closed_forms(found: dict[str, Figure]) -> Iterator[str]:
    """Yield what closed forms were met."""
    yield "| closed form | measured |"
    yield "|---|---|"
    for name, figure in found.items():
        yield f"| {name} | {written('', figure).strip()} |"


def main() -> int:
    """Run every proof, print the certificate, and return whether one failed."""
    torch.set_num_threads(1)
    found, trained, forms = proven(), {}, {}
    for pair, training in TRAININGS.items():
        progress("sinusoids:", *pair)
        trained[pair] = run(training)
    for name, proof in CLOSED_FORMS.items():
        forms[name] = proof()
    shown = [each for cell in found.values() if not isinstance(cell, str) for each in cell]
    refused = sum(isinstance(cell, str) for cell in found.values())
    verdicts = [each.figure.holds for each in shown]
    verdicts += [each.holds for each in [*trained.values(), *forms.values()]]
    parts = {
        "# Certificate of correctness": [
            "Every learner x estimator is refused at submit with a reason, or proven. `make certificate` writes this.",
            "",
            f"Of {len(found)} cells {refused} are refused and {len(found) - refused} proven, by {len(shown)} proofs, "
            f"{len(trained)} trainings and {len(forms)} closed forms; {verdicts.count(False)} of all fail.",
            f"Made by phiforge {version('phiforge')}, torch {torch.__version__}, "
            f"Python {sys.version.split()[0]}, on the CPU with one thread.",
        ],
        "## Cells": table(found),
        "## Reasons of refusal": reasons(found),
        "## Sinusoid regression": [
            "10-shot, 10 query points; mean query loss over 100 unseen tasks, before and after a few seconds of",
            "training by the services' own steps (contributions of every job, then the reduction to the next φ).",
            "",
            *trainings(trained),
        ],
        "## Closed forms": closed_forms(forms),
        STATEMENT.strip(): [],
        "## Every proof": every_proof(found),
    }
    for title, lines in parts.items():
        print(title, *([""] if lines else []), *lines, sep="\n", end="\n\n")
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
