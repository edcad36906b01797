"""Asks for known vulnerabilities of the locked packages, and says so plainly of those that nobody could be asked about.

A database that cannot be reached is no vulnerability: only one that was found ends this with 1. Nor is it a clean bill:
pip-audit passes over a package that its database does not answer for, so the answers are counted here.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Audit(NamedTuple):
    """What is known of a lock file: how many packages were asked about, which are vulnerable, which nobody knows."""

    asked: int
    vulnerable: Sequence[str]
    unknown: Sequence[str]
    why: str = ""

    @property
    def sentence(self) -> str:
        """Say it in words."""
        known = f"{self.asked - len(self.unknown)} of {self.asked} packages audited"
        found = "".join(f"\n  VULNERABLE {each}" for each in self.vulnerable)
        lacking = (
            f"\n  NOT AUDITED: {len(self.unknown)} packages ({self.why})" if self.unknown or not self.asked else ""
        )
        return f"{known}, {len(self.vulnerable)} vulnerable{found}{lacking}"


def main(locks: Sequence[str]) -> int:
    """Audit each lock file; return 1 if one names a package with a known vulnerability."""
    audits = {lock: audit(lock) for lock in locks}
    for lock, found in audits.items():
        print(f"{lock}: {found.sentence}")
    return int(any(found.vulnerable for found in audits.values()))


def audit(lock: str) -> Audit:
    """Let pip-audit ask about every line of a lock file, without installing or resolving anything."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--no-deps", "--disable-pip", "--format=json"]
    done = subprocess.run([*command, "--progress-spinner=off", "--timeout=15"], capture_output=True, text=True)
    try:
        return read(json.loads(done.stdout))
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        return Audit(0, (), (), f"pip-audit: {last[:300]}")


def read(answer: Mapping[str, Any]) -> Audit:
    """Read pip-audit's JSON."""
    packages = answer["dependencies"]
    unknown = [each["name"] for each in packages if "skip_reason" in each]
    vulnerable = [
        f"{each['name']} {each['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'no version'}"
        for each in packages
        for found in each.get("vulns", ())
    ]
    why = next((each["skip_reason"] for each in packages if "skip_reason" in each), "")
    return Audit(len(packages), vulnerable, unknown, why)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
