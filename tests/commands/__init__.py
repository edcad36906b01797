"""Commands of the command line, each in a process of its own, forked from one that has torch imported already."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SECONDS = 120.0


class Commands:
    """Runs ``phiforge``, once ``with`` has started the process that commands are forked from.

    A command that is forked is what ``python -m phiforge_client.cli`` would be, in its own environment, folder and
    output, but for the seconds that imports take. What must hold of imports themselves needs a Python of its own.

    Args:
        environment: of the process that is forked from: what libraries read when they are loaded.

    Example::

        with Commands() as commands:
            assert commands("runs", environment={"PHIFORGE_HOME": "/tmp/home"}).returncode == 0
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = environment

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.commands.host"]
        self._host = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
            cwd=Path(__file__).parents[2],
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for pipe in (self._host.stdin, self._host.stdout):
            assert pipe
            pipe.close()
        self._host.wait(10)

    def __call__(
        self, *arguments: str, environment: Mapping[str, str], folder: Path = Path("/"), **rest: Any
    ) -> subprocess.CompletedProcess[str]:
        """Return what a command printed and how it ended, by -9 if it had to be stopped.

        Args:
            arguments: what is typed after ``phiforge``.
            environment: all of it.
            folder: where it is typed.
            rest: ``output``, where to print to instead of a file: a device, or ``closed pipe``; ``encoding`` of the
                output; ``seconds`` it may take; ``looking_seconds`` that a look at Redis may take.
        """
        with tempfile.TemporaryDirectory() as printed:
            out, err = Path(printed, "out"), Path(printed, "err")
            case = {"seconds": SECONDS, "output": "", "encoding": "utf-8"} | rest
            case |= {"arguments": arguments, "environment": dict(environment), "folder": str(folder)}
            code = self._ended(case | {"out": str(out), "err": str(err)})
            texts = [each.read_bytes().decode(errors="replace") if each.exists() else "" for each in (out, err)]
        return subprocess.CompletedProcess(arguments, code, *texts)

    def _ended(self, case: Mapping[str, Any]) -> int:
        assert self._host.stdin
        assert self._host.stdout
        self._host.stdin.write(json.dumps(case) + "\n")
        self._host.stdin.flush()
        return int(self._host.stdout.readline())
