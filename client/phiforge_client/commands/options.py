"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from phiforge.runs.waiting.wish import HIGHEST, LOWEST
from phiforge_client import completion
from phiforge_client.commands.output import be_quiet

RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run's id, its beginning or its last part; or latest.", autocompletion=completion.runs
    ),
]
Trainers = Annotated[int | None, typer.Option(min=1, help="Trainer processes; default: one per core.")]
SpecFile = Annotated[
    Path, typer.Argument(metavar="SPEC", help="A YAML or JSON file, or a ready-made spec that `phiforge specs` lists.")
]
StudyId = Annotated[str, typer.Argument(metavar="STUDY", help="A study's id, its beginning or its last part.")]
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="A YAML or JSON file, or a ready-made study.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change a field: --set outer.lr=3e-4.")
]
AnyRuns = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN...",
        help="Ids, parts of ids, latest, or patterns such as 'sweep-*'.",
        autocompletion=completion.runs,
    ),
]
Priority = Annotated[
    int, typer.Option("--priority", min=LOWEST, max=HIGHEST, help="Higher ones come first; 0 if not given.")
]
LabelsGiven = Annotated[
    list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="What the run belongs to: --label exp=a.")
]
LabelsWanted = Annotated[
    list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="Only runs that have it; of several, all.")
]
After = Annotated[
    list[str] | None, typer.Option("--after", metavar="RUN", help="Wait until RUN is over, however it ends.")
]
Hold = Annotated[bool, typer.Option("--hold", help="Wait until `phiforge resume`.")]
WatchIt = Annotated[bool, typer.Option("--watch", help="Stay and watch the run until it is over.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", callback=be_quiet, help="Print ids and such alone, or nothing; errors as ever."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
