"""What the README shows runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from phiforge.registry import KINDS
from phiforge.spec.read import parse_spec

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def block(language):
    """Return the only code block of a language."""
    [found] = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    return found


def test_python_example_runs_and_learns(tmp_path):
    # Given the README's example, pasted into a file of an empty folder
    (tmp_path / "example.py").write_text(block("python"))

    # If it is run as it stands
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    # Expect that it ends well, and that its second loss is well below its first
    assert done.returncode == 0, done.stderr
    before, after = map(float, re.findall(r"loss (\d+\.\d+)", done.stdout))
    assert after < 0.8 * before


def test_spec_example_is_accepted():
    # Given the README's spec, Expect no problem in it
    assert parse_spec(yaml.safe_load(block("yaml"))).name == "my-run"


def test_every_part_it_names_is_there():
    # Given the table of parts and the catalogues, Expect each part of ours to be named, and no other
    table = README[README.index("| part | now |") : README.index("| choice | what there is |")]
    named = set(re.findall(r"`([a-z][a-z0-9_]*)`", table))
    assert named == {name for parts in KINDS.values() for name in parts if parts.origin(name) == "phiforge"}
