"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its beginning or its last part.")]
Trainers = Annotated[int | None, typer.Option(min=1, help="Trainer processes; default: one per core.")]
SpecFile = Annotated[
    Path, typer.Argument(metavar="SPEC", help="A YAML or JSON file, or a ready-made spec that `phiforge specs` lists.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change a field: --set outer.lr=3e-4.")
]
WatchIt = Annotated[bool, typer.Option("--watch", help="Stay and watch the run until it is over.")]
