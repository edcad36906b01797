"""Commands run one after the other in forks of one process, so that torch is imported once.

Reads cases from stdin, a JSON line each: arguments, environment, where the output goes. Writes an exit code each.
"""

import gc
import json
import os
import sys
import time
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Any

from rich.console import Console

from phiforge.registry import DATA, ESTIMATORS, LEARNERS, NETWORKS, OPTIMIZERS
from phiforge.runs import connection
from phiforge_client import cli
from phiforge_client.commands import output

for slow in (
    "background.detached",
    "background.status",
    "branching",
    "certificate",
    "data.budget",
    "data.inspection",
    "data.view",
    "demo",
    "doctor.examine",
    "doctor.view",
    "embedded",
    "lineage_view",
    "prediction_view",
    "queue_view",
    "removal",
    "replay",
    "results.comparison_view",
    "results.page",
    "selection",
    "studies.export",
    "studies.submission",
    "studies.table",
    "submission",
    "verification",
    "web.serving",
    "why",
):
    import_module(f"phiforge_client.{slow}")
for slow in (
    "phiforge.certify.run",
    "phiforge_client.chaos.command",
    "phiforge_sampler.service",
    "phiforge_trainer.service",
    "phiforge_evaluator.service",
    "phiforge.prediction.again",
    "phiforge.prediction.exporting",
    "phiforge.prediction.labelled",
    "phiforge.prediction.opening",
    "phiforge_server.serving",
):
    import_module(slow)
for catalogue in (DATA, ESTIMATORS, LEARNERS, NETWORKS, OPTIMIZERS):
    dict(catalogue)


def main() -> None:
    """Run every case."""
    gc.freeze()  # a collection in a fork would copy every page of what is imported
    for line in sys.stdin:
        print(ended(json.loads(line)), flush=True)


def ended(case: dict[str, Any]) -> int:
    """Return how one command ended; -9 if it had to be stopped."""
    child = os.fork()
    if not child:
        become(case)
    return wait_for(child, case["seconds"])


def wait_for(child: int, seconds: float) -> int:
    """Return the exit code of a child, which is killed if it takes too long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, 9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def become(case: dict[str, Any]) -> None:
    """Be the command, as a new process with such an environment and output would be it, and end."""
    code = 1
    try:
        os.environ.clear()
        os.environ.update(case["environment"])
        os.chdir(case["folder"])
        redirect(case["output"], case["out"], case["err"], case["encoding"])
        connection.LOOKING_SECONDS = case.get("looking_seconds", connection.LOOKING_SECONDS)
        vars(output.console).update(vars(Console(file=sys.stdout)))  # as it would be made in these surroundings
        sys.argv = ["phiforge", *case["arguments"]]
        cli.main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        import traceback

        with suppress(BaseException):
            traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stderr.flush()
        os._exit(code)


def redirect(output: str, out: str, err: str, encoding: str) -> None:
    """Let output go to a file, a device or a pipe that nobody reads; nothing is typed."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(err, os.O_WRONLY | os.O_CREAT), 2)
    if output == "closed pipe":
        read, write = os.pipe()
        os.close(read)
        os.dup2(write, 1)
    else:
        os.dup2(os.open(output or out, os.O_WRONLY | os.O_CREAT), 1)
    sys.stdout = TextIOWrapper(os.fdopen(1, "wb"), encoding=encoding)
    sys.stderr = TextIOWrapper(os.fdopen(2, "wb"), encoding=encoding, errors="backslashreplace", write_through=True)


if __name__ == "__main__":
    main()
