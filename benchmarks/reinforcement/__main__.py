"""Learners that act, against who plays without having learned and who knows all: a page with curves.

    python -m benchmarks.reinforcement train specs/bandits-rl2.yaml OUT     # minutes each; OUT/bandits-rl2.json
    python -m benchmarks.reinforcement page OUT --output docs/results/reinforcement.md

Floors and ceilings are computed, on the test tasks of the learners and with the luck that the world had for them.
"""

import argparse
import sys
from pathlib import Path

import torch
import yaml

from benchmarks.page import publish
from benchmarks.reinforcement.results import page
from benchmarks.reinforcement.trained import trained, write
from phiforge.spec.run import RunSpec


def main() -> int:
    """Train one spec, or write the page of all that were trained."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train", help="meta-train a spec and keep what came of it")
    training.add_argument("spec", type=Path, help="a YAML file")
    training.add_argument("folder", type=Path, help="where NAME.json goes")
    training.add_argument("--versions", type=int, default=None, help="fewer than the spec says")
    writing = commands.add_parser("page", help="write the page of what was trained")
    writing.add_argument("folder", type=Path, help="where the JSON files are")
    writing.add_argument(
        "--output", type=Path, default=None, help="a file to write the page to, and pictures beside it"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.command == "train":
        spec = RunSpec.model_validate(yaml.safe_load(options.spec.read_text()))
        if options.versions is not None:
            spec = spec.model_copy(update={"outer": spec.outer.model_copy(update={"versions": options.versions})})
        write(trained(spec), options.folder / f"{spec.name}.json")
    else:
        publish(page(options.folder, options.output), options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
