"""Watching a study until it is over."""

import time

from rich.console import Console

from phiforge.runs.platform import RunPlatform
from phiforge_client.studies.table import print_study, sentence
from phiforge_client.studies.view import StudyView, view_of_study

REFRESH_SECONDS = 1.0


def watch_study(platform: RunPlatform, study: str, console: Console) -> StudyView:
    """Print a line whenever something changed, and the whole study once it is over; return its last view."""
    said = ""
    while True:
        view = view_of_study(platform, study)
        if view.over:
            print_study(console, view)
            return view
        if (line := sentence(view)) != said:
            console.print(line, highlight=False, soft_wrap=True)
            said = line
        time.sleep(REFRESH_SECONDS)
