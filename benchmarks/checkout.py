"""A checkout of the project, whatever its version: its command line, a fleet of it, and the files of its store.

Nothing of the checkout is imported, so that two versions of the code can be measured in the same way.
"""

import os
import signal
import subprocess
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

MODULE, EARLIER_MODULE = "phiforge_client.cli", "client.cli"
"""The module of the command line, and what it was called before the services got names of the project's own."""
_START_SECONDS, _STOP_SECONDS = 60.0, 30.0
_ELSEWHERE = ("PHIFORGE_REDIS_URL", "PHIFORGE_STORE_URL", "PHIFORGE_SECRETS_DIR")
"""Settings that would lead to another fleet or another store than those of the home."""


class CommandError(Exception):
    """A command ended with another code than 0; the message is what it printed."""


class Checkout:
    """The command line of one checkout, with a home of its own."""

    def __init__(self, root: Path, home: Path, python: Path | None = None, module: str = "") -> None:
        self.root = root.resolve()
        self.home = home.resolve()
        self.python = (python or self.root / ".venv/bin/python").absolute()  # not resolved: a link says whose it is
        self.module = module or (MODULE if (self.root / "client" / "phiforge_client").is_dir() else EARLIER_MODULE)
        self.store = self.home / "store"
        self.home.mkdir(parents=True, exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """What commands run with: the caller's environment, and the home."""
        inherited = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
        return inherited | {"PHIFORGE_HOME": str(self.home), "COLUMNS": "250"}

    def argv(self, *arguments: str) -> list[str]:
        """Return the command line of ``phiforge ARGUMENTS``."""
        return [str(self.python), "-m", self.module, *arguments]

    def call(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Run ``phiforge ARGUMENTS`` and return what it printed; raises CommandError if it fails."""
        command = self.argv(*arguments)
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise CommandError((done.stderr or done.stdout).strip() or f"exit code {done.returncode}")
        return done.stdout

    def submit(self, spec: Path, overrides: Sequence[str] = ()) -> str:
        """Submit a spec and return the id of its run; raises CommandError if it is refused."""
        return self._new_run("submit", str(spec.resolve()), *set_options(overrides))

    def branch(self, run: str, at: int, overrides: Sequence[str] = ()) -> str:
        """Branch ``run`` at a version and return the id of the new run; raises CommandError if that is refused."""
        return self._new_run("branch", run, "--at", str(at), *set_options(overrides))

    def submitted(self) -> set[str]:
        """Return the ids of all runs in the store."""
        return {file.stem for file in (self.store / "submitted").glob("*.json")}

    def ending(self, run: str) -> str:
        """Return ``complete``, ``failed`` or ``cancelled``; nothing while the run goes on."""
        endings = {"complete": "report.json", "failed": "failed.json", "cancelled": "cancelled.json"}
        return next((word for word, name in endings.items() if (self.store / "runs" / run / name).is_file()), "")

    @contextmanager
    def fleet(self, trainers: int) -> Iterator[None]:
        """Run the embedded stack meanwhile; raises CommandError if it does not start."""
        log = self.home / "up.log"
        command = self.argv("up", "--trainers", str(trainers))
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            deadline = time.monotonic() + _START_SECONDS
            while b"ready" not in log.read_bytes():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise CommandError(f"the stack did not start: {log.read_text(errors='replace')}")
                time.sleep(0.1)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _new_run(self, *arguments: str) -> str:
        before = self.submitted()
        self.call(*arguments)
        [run] = self.submitted() - before
        return run


def set_options(overrides: Sequence[str]) -> list[str]:
    """Return ``--set`` before each of ``overrides``."""
    return [word for override in overrides for word in ("--set", override)]


def add_options(parser: ArgumentParser) -> None:
    """Let a command line say how the checkout's own command line is called."""
    parser.add_argument("--python", type=Path, help="interpreter; default: .venv/bin/python of the checkout")
    parser.add_argument("--module", default="", help="module of its command line; default: what it is called there")


def checkout_of(arguments: Namespace, home: Path) -> Checkout:
    """Return the checkout that a command line names."""
    return Checkout(arguments.checkout, home, arguments.python, arguments.module)
