"""A space of architectures that is small enough to try all of it, and how searches do on it.

    python -m benchmarks.architectures enumerate [--home .phiforge/architectures] [--trainers 2] [--set FIELD=VALUE ...]
    python -m benchmarks.architectures real [--home .phiforge/real-studies] [--seeds 3]
    python -m benchmarks.architectures regret [--repetitions 40] [--output docs/results/architectures.md]

The first trains every cell as a study through the queue and writes the table; the second trains what each search asks
for, in three studies of a few trials. State stays in ``--home``: called again, they go on where they were. The last
reads the table: each search is repeated on it, and writes a page and pictures.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np

from benchmarks.architectures.enumeration import enumerate_cells
from benchmarks.architectures.picture import draw
from benchmarks.architectures.real import RESULTS, run_studies
from benchmarks.architectures.real import written as real_studies
from benchmarks.architectures.report import Searched, written
from benchmarks.architectures.searches import SEARCHES, Plan, regrets, search_of
from benchmarks.architectures.table import TABLE, Table, read
from benchmarks.page import publish, say
from phiforge_client.studies.submission import read_study

STUDY = Path("specs/studies/cells.yaml")


def main() -> None:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    _enumerate_options(commands.add_parser("enumerate", help="train every cell and write the table"))
    _real_options(commands.add_parser("real", help="train what each search asks for, in a few studies"))
    _regret_options(commands.add_parser("regret", help="repeat every search on the table"))
    options = parser.parse_args()
    if options.command != "regret":
        os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if options.command == "real":
        found = run_studies(options.study, options.home, options.seeds)
        options.results.write_text("[\n" + ",\n".join(map(json.dumps, found)) + "\n]\n")
    elif options.command == "enumerate":
        study = read_study(options.study, options.set)
        enumerate_cells(study, options.home, options.table, options.trainers, options.evaluators)
    else:
        _regret(options)


def _enumerate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--study", type=Path, default=STUDY)
    parser.add_argument("--home", type=Path, default=Path(".phiforge/architectures"))
    parser.add_argument("--trainers", type=int, default=2)
    parser.add_argument("--evaluators", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="of the study")
    parser.add_argument("--table", type=Path, default=TABLE)


def _real_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--study", type=Path, default=STUDY)
    parser.add_argument("--home", type=Path, default=Path(".phiforge/real-studies"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)


def _regret_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--evaluations", type=int, default=Plan().evaluations)
    parser.add_argument("--generation", type=int, default=Plan().generation)
    parser.add_argument("--repetitions", type=int, default=Plan().repetitions)
    parser.add_argument("--real", type=Path, default=RESULTS, help="what came of real studies; of no other table")
    parser.add_argument("--output", type=Path, default=None, help="a file to write the page to; pictures beside it")


def _regret(options: argparse.Namespace) -> None:
    table = read(options.table)
    found = [_searched(table, options, seeds) for seeds in (1, len(table.seeds))]
    known = options.real.exists() and options.table == TABLE
    real = real_studies(json.loads(options.real.read_text()), table) if known else ()
    publish([*written(table, found), *real], options.output)


def _searched(table: Table, options: argparse.Namespace, seeds: int) -> Searched:
    plan = Plan(options.evaluations, options.generation, options.repetitions, seeds)
    curves = {name: _curves(table, name, plan) for name in SEARCHES}
    if options.output is None:
        return Searched(plan, curves)
    picture = options.output.with_name(f"{options.output.stem}-{seeds}.png")
    draw(curves, picture)
    return Searched(plan, curves, picture.name)


def _curves(table: Table, name: str, plan: Plan) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    say(f"{name}: {plan.repetitions} repetitions")
    config = search_of(name)
    return np.array([regrets(table, config, plan, repetition) for repetition in range(plan.repetitions)])


if __name__ == "__main__":
    main()
