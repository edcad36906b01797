"""Every example runs as it stands, and shows what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


def run(name, folder):
    """Return what an example prints, run elsewhere, with nothing but Phiforge."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PHIFORGE_")}
    answer = subprocess.run(
        [sys.executable, ROOT / "examples" / name],
        env=kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout


def losses_fall(output):
    before, after = (float(each) for each in re.findall(r"loss (\d+\.\d+)", output))
    return after < 0.8 * before


SHOWS = {"meta_train.py": losses_fall}


def test_every_example_is_looked_at():
    # Given the examples, I expect each to be known here and told of in the folder's README.
    assert set(EXAMPLES) == set(SHOWS)
    assert all(name in (ROOT / "examples" / "README.md").read_text() for name in EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example(name, tmp_path):
    # Given an example, if it is run in an empty folder, I expect its output to show what it is there to show.
    assert SHOWS[name](run(name, tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short(name):
    # Given an example, I expect at most ten lines of code beside its imports.
    lines = (ROOT / "examples" / name).read_text().splitlines()
    code = [line for line in lines if line and not line.startswith(('"""', "from ", "import ", "#"))]
    assert len(code) <= 10


def documented_examples():
    """Return the text of every example in a docstring of the sources."""
    folders = ("phiforge", "client", "sampler", "trainer", "evaluator", "server")
    texts = [path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py")]
    classes = {name for text in texts for name in re.findall(r"^class (\w+)", text, flags=re.MULTILINE)}
    shown = [part for text in texts for part in re.findall(r'Example::\n\n(.*?)(?:"""|\n\n)', text, flags=re.DOTALL)]
    return shown, classes


def test_what_docstrings_show_is_there():
    # Given the examples in docstrings, I expect every class that they use to be ours, or made in the example.
    shown, classes = documented_examples()
    assert len(shown) > 10
    for example in shown:
        made = set(re.findall(r"class (\w+)", example))
        assert set(re.findall(r"\b([A-Z][a-z]\w+)\(", example)) - made - {"Field", "Generator"} <= classes, example
