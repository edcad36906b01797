"""The same hyper-parameters found three ways at equal total compute: the gradient, evolution strategies, studies.

Curves are kept under ``--home``: what is there is not computed again. Writes a page and, beside it, a picture.

    python -m benchmarks.hyperparameters [--datasets glyphs omniglot] [--seeds 5] [--budget 240] [--output FILE]
"""

import shlex
import sys
from itertools import cycle
from pathlib import Path

import torch

from benchmarks.hyperparameters.curves import kept
from benchmarks.hyperparameters.picture import draw
from benchmarks.hyperparameters.question import DATASETS, Question, Size, pool_of
from benchmarks.hyperparameters.report import written
from benchmarks.hyperparameters.ways import WAYS
from benchmarks.page import parser, publish


def main() -> None:
    """Compute what is not kept, print, write and draw."""
    arguments = parser(__doc__)
    arguments.add_argument("--datasets", nargs="+", choices=list(DATASETS), default=list(DATASETS))
    arguments.add_argument("--seeds", type=int, nargs="+", default=[5], help="one number, or one for each dataset")
    arguments.add_argument("--budget", type=int, default=240, help="training tasks of each way")
    arguments.add_argument("--judged", type=int, default=40, help="validation tasks")
    arguments.add_argument("--home", type=Path, default=Path(".phiforge/hyperparameters"))
    options = arguments.parse_args()
    torch.set_num_threads(1)
    size, curves = Size(options.budget, options.judged), {}
    for dataset, seeds in zip(options.datasets, cycle(options.seeds), strict=False):
        pool = pool_of(dataset)
        questions = [Question(dataset, seed, size, pool) for seed in range(seeds)]
        curves[dataset] = {
            name: [kept(options.home, name, way, question) for question in questions] for name, way in WAYS.items()
        }
    picture = options.output and options.output.with_suffix(".png")
    if picture:
        draw(curves, size.marks, picture)
    command = shlex.join(["python", "-m", "benchmarks.hyperparameters", *sys.argv[1:]])
    publish(written(curves, size, command, picture.name if picture else ""), options.output)


if __name__ == "__main__":
    main()
