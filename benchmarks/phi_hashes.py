"""What every ready-made spec comes to, hash by hash, so that two versions of the code can be compared.

    python -m benchmarks.phi_hashes CHECKOUT OUT.json [CASE ...]   run shortened specs, and write hashes down
    python -m benchmarks.phi_hashes --compare A.json B.json        say where they differ; exit code 1 if φ does

A case is a spec of ``CHECKOUT/specs``, by its name without ``.yaml``, or one of those that are made here (see
``extra_cases``). Each is shortened to a few versions of a few tasks; all that decides how these are computed (learner,
estimator, network, engine, schedule, clipping) stays as the spec has it. The data they need are named by the
project's own settings: ``PHIFORGE_OMNIGLOT`` and ``PHIFORGE_IMAGES``. A spec whose data are not there is written down
as refused, with the reason.

Only the command line of the checkout and the files of its store are used. Both files must come from one machine and one
set of libraries: φ is the same to the bit on any fleet, but not on any processor.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks.checkout import Checkout, CommandError, add_options, checkout_of

VERSIONS = 5
"""Enough for every phase of a schedule: MAML++ turns to second order after a third of them."""

LARGEST_JOB, FEWEST_TASKS = 4, 4
EVALUATION = {"validation_tasks": 4, "test_tasks": 4, "chunk_size": 2}
_POLL_SECONDS = 0.2

Result = dict[str, Any]
"""What one case came to."""


class Case(NamedTuple):
    """A spec and what is changed of it; ``follows_from_spec`` unless its φ depends on which worker was faster."""

    name: str
    spec: Path
    overrides: list[str]
    follows_from_spec: bool = True


def cases_of(checkout: Path) -> list[Case]:
    """Return all cases of a checkout: its specs, then those that are made here."""
    specs = {file.stem: file for file in sorted((checkout / "specs").glob("*.yaml"))}
    return [*(Case(name, file, shortened(file)) for name, file in specs.items()), *extra_cases(specs)]


def extra_cases(specs: Mapping[str, Path]) -> list[Case]:
    """Return what no ready-made spec asks for: local steps, and bounded staleness.

    With ``staleness: 0`` a run with tickets comes to the φ of the synchronous run, so its hashes are compared like any
    others. With more, which contributions make a version depends on who was faster: of such a run only its end is
    written down, and whether ``verify --all`` computes the same again from what its log says.
    """
    stale = ["consistency=bounded_staleness", "staleness=0"]
    stale_1 = ["consistency=bounded_staleness", "staleness=1"]
    local = ["outer.local_steps=2", "outer.optimizer={name: sgd, momentum: 0.9}", "outer.lr=0.7"]
    wanted = {
        "sinusoid-maml": [("local-steps", local), ("staleness-0", stale), ("staleness-1", stale_1)],
        "demo-maml": [("local-steps", local), ("staleness-0", stale)],
    }
    return [
        Case(f"{name}+{addition}", specs[name], [*shortened(specs[name]), *more], more is not stale_1)
        for name, additions in wanted.items()
        if name in specs
        for addition, more in additions
    ]


def shortened(spec: Path) -> list[str]:
    """Return the overrides that make a spec short: a few versions, each of at least two jobs of its own size."""
    raw = yaml.safe_load(spec.read_text())
    outer = raw.get("outer", {})
    versions = min(VERSIONS, outer.get("versions", VERSIONS))
    every = max(1, versions)
    overrides = [f"outer.versions={versions}", f"checkpoint.every={every}", f"evaluation.every={every}"]
    overrides += [f"evaluation.{name}={value}" for name, value in EVALUATION.items()]
    if versions:
        job_size = min(LARGEST_JOB, outer.get("job_size", LARGEST_JOB))
        overrides += [f"outer.job_size={job_size}", f"outer.meta_batch={max(FEWEST_TASKS, 2 * job_size)}"]
    return overrides


def measure(checkout: Checkout, cases: Sequence[Case], at_once: int, seconds: float) -> dict[str, Result]:
    """Run every case, ``at_once`` at a time at most, and return what came of each; raises TimeoutError in the end."""
    deadline = time.monotonic() + seconds
    results: dict[str, Result] = {}
    going: dict[str, Case] = {}

    def settle(most: int) -> None:
        """Wait until no more than ``most`` runs go on; write down those that ended."""
        while True:
            for run in [run for run in going if checkout.ending(run)]:
                case = going.pop(run)
                results[case.name] = result_of(checkout, run, case)
                print(f"{case.name}: {checkout.ending(run)}", file=sys.stderr, flush=True)
            if len(going) <= most:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {seconds:g} seconds these still went on: {', '.join(going)}")
            time.sleep(_POLL_SECONDS)

    for case in cases:
        settle(at_once - 1)
        try:
            going[checkout.submit(case.spec, case.overrides)] = case
        except CommandError as error:
            results[case.name] = {"refused": str(error)}
            print(f"{case.name}: refused: {error}", file=sys.stderr, flush=True)
    settle(0)
    return {case.name: results[case.name] for case in cases}


def result_of(checkout: Checkout, run: str, case: Case) -> Result:
    """Return what an ended run came to, from the files of the store."""
    folder = checkout.store / "runs" / run
    if checkout.ending(run) != "complete":
        return {checkout.ending(run): json.loads((folder / f"{checkout.ending(run)}.json").read_text())["reason"]}
    report = json.loads((folder / "report.json").read_text())
    entries = log_of(folder)
    if not case.follows_from_spec:
        verified = verifies(checkout, run)
        return {
            "spec_hash": report["spec_hash"],
            "dataset": report["dataset"],
            "versions": len(entries),
            "verified": verified,
        }
    before = {str(entries[0]["version"] - 1): entries[0]["phi_hash_before"]} if entries else {}
    return {
        "spec_hash": report["spec_hash"],
        "dataset": report["dataset"],
        "phi": before | {str(entry["version"]): entry["phi_hash"] for entry in entries},
        "optimizer": {str(entry["version"]): entry["optimizer_hash"] for entry in entries},
        "episodes": {str(entry["version"]): [job["episodes"] for job in entry["jobs"]] for entry in entries},
        "contributions": {str(entry["version"]): [job["contribution"] for job in entry["jobs"]] for entry in entries},
        "final_phi_hash": report["final_phi_hash"],
        "test": {name: value for name, value in report["test"].items() if name != "per_task"},
    }


def log_of(folder: Path) -> list[dict[str, Any]]:
    """Return the commit log of a run, one entry a version, in order."""
    lines = [line for file in sorted((folder / "log").glob("*.jsonl")) for line in file.read_text().splitlines()]
    return sorted((json.loads(line) for line in lines if line), key=lambda entry: int(entry["version"]))


def verifies(checkout: Checkout, run: str) -> bool:
    """Say whether ``verify --all`` finds nothing that differs."""
    try:
        checkout.call("verify", run, "--all")
    except CommandError:
        return False
    return True


def summary(results: Mapping[str, Result]) -> str:
    """Say in a few lines what came of all cases."""
    lines = []
    for name, result in results.items():
        ended = [f"{word}: {result[word]}" for word in ("refused", "failed", "cancelled") if word in result]
        if ended:
            lines.append(f"{name}: {ended[0]}")
        elif "phi" in result:
            accuracy = result["test"].get("accuracy")
            lines.append(f"{name}: {len(result['phi'])} φ, last {result['final_phi_hash'][:12]}, accuracy {accuracy}")
        else:
            lines.append(f"{name}: {result['versions']} versions, verified: {result['verified']}")
    complete = sum("spec_hash" in result for result in results.values())
    return "\n".join([*lines, f"{complete} of {len(results)} cases complete"])


PARTS = ("phi", "final_phi_hash", "test", "verified", "refused", "failed", "cancelled")
"""What two versions of the code must agree on."""

DETAILS = ("spec_hash", "dataset", "optimizer", "episodes", "contributions")
"""What may tell why they do not; these may differ on purpose, where a format or a spec's fields changed."""


def compare(first: Mapping[str, Result], second: Mapping[str, Result]) -> tuple[list[str], bool]:
    """Return one line a case, and whether all cases agree on ``PARTS``."""
    lines, agree = [], True
    for name in sorted(first.keys() | second.keys()):
        if name not in first or name not in second:
            lines.append(f"MISSING    {name}: only in the {'first' if name in first else 'second'} file")
            agree = False
            continue
        parts, details = (_differing(first[name], second[name], names) for names in (PARTS, DETAILS))
        agree = agree and not parts
        what = "" if parts else _equal(first[name])
        also = f"also differ: {', '.join(details)}" if details else ""
        lines.append(f"{'DIFFERENT' if parts else 'equal':<10} {name}: {'; '.join(filter(None, [what, *parts, also]))}")
    return lines, agree


def _equal(result: Result) -> str:
    """Say what there was to be equal."""
    if "spec_hash" not in result:
        return "computed by neither, for the same reason"
    if "verified" in result:
        return f"verified in both: {result['verified']}"
    versions = len(result["phi"])
    return f"{versions} φ hashes and the test scores" if versions else "the test scores"


def _differing(first: Result, second: Result, names: Iterable[str]) -> list[str]:
    """Return which of ``names`` two results differ in, with the first version that does where there is one."""
    found = []
    for name in names:
        one, other = first.get(name), second.get(name)
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
            found.append(f"{name} at {', '.join(keys)}")
        else:
            found.append(name)
    return found


def main() -> int:
    """Measure or compare, as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", nargs="?", type=Path, help="a checkout with its environment in .venv")
    parser.add_argument("output", nargs="?", type=Path, help="where hashes are written, as JSON")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these; default: all")
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("A.json", "B.json"), help="compare two outputs")
    parser.add_argument("--trainers", type=int, default=2, help="trainer processes; default: %(default)s")
    parser.add_argument("--at-once", type=int, default=6, help="runs that go on at a time; default: %(default)s")
    parser.add_argument("--seconds", type=float, default=900.0, help="give up after; default: %(default)s")
    add_options(parser)
    arguments = parser.parse_args()
    if arguments.compare:
        lines, agree = compare(*(json.loads(file.read_text()) for file in arguments.compare))
        print("\n".join([*lines, f"{len(lines)} cases: {'all the same' if agree else 'NOT the same'}"]))
        return 0 if agree else 1
    if not arguments.checkout or not arguments.output:
        parser.error("give CHECKOUT and OUT.json, or --compare A.json B.json")
    cases = cases_of(arguments.checkout)
    unknown = set(arguments.cases) - {case.name for case in cases}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are: {', '.join(case.name for case in cases)}")
    chosen = [case for case in cases if not arguments.cases or case.name in arguments.cases]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="phi-hashes-") as home:
        checkout = checkout_of(arguments, Path(home))
        with checkout.fleet(arguments.trainers):
            results = measure(checkout, chosen, arguments.at_once, arguments.seconds)
    arguments.output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    print(f"{summary(results)}\n{time.monotonic() - began:.0f} seconds")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
