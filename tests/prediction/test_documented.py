"""What the page on predictions shows runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "predictions.md"


def test_five_lines(runs, home, support, query, tmp_path):
    # Given the page's Python, of five lines, in a folder with a support set and pictures to tell apart
    [shown] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len([line for line in shown.splitlines() if line]) == 5
    (tmp_path / "support").symlink_to(support)
    (tmp_path / "query").symlink_to(query)
    # If it is run as it stands, with the run that there is
    done = subprocess.run(
        [sys.executable, "-c", shown.replace('"RUN"', repr(runs("proto")))],
        env={"PHIFORGE_HOME": str(home), "OMP_NUM_THREADS": "1", "PATH": os.environ["PATH"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    # I expect a line for each picture: its path, a label and a probability.
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 20
    assert all(label in "AKOTX" and 0 <= float(share) <= 1 for _, label, share in lines)
