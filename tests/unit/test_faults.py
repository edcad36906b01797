"""Fault points: what they understand, and that they act once, where and when they were told."""

import subprocess
import sys
from pathlib import Path
from signal import SIGKILL

import pytest

from phiforge.base.errors import ServiceError
from phiforge.base.fault_points import POINTS, Fault, parse

_VISITS = """
from phiforge.base.fault_points import reach
for visit in range(5):
    print(visit, flush=True)
    reach("trainer.computed")
    reach("trainer.reduced")
"""


def visits(faults: str) -> tuple[int, list[str]]:
    """Get five times to two points in a process that was told ``faults``; return how it ended and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", _VISITS], env={"PHIFORGE_FAULTS": faults}, capture_output=True, text=True
    )
    return done.returncode, done.stdout.split()


def test_the_grammar() -> None:
    # Given points with and without a time, I expect the first time to be meant where none is said.
    told = parse("trainer.computed=kill@3,checkpoint.tensors=stop")
    assert told == {"trainer.computed": Fault("kill", 3), "checkpoint.tensors": Fault("stop", 1)}
    assert parse("") == {}


@pytest.mark.parametrize("text", ["trainer.nowhere=kill", "trainer.computed=explode", "trainer.computed", "a=b@0"])
def test_what_is_not_understood_is_refused(text: str) -> None:
    # Given a point or an action that does not exist, I expect a refusal that names those that do.
    with pytest.raises(ServiceError, match="allowed is POINT=ACTION") as refusal:
        parse(text)
    assert all(point in str(refusal.value) for point in POINTS)


def test_nothing_happens_unless_told() -> None:
    # Given no fault, I expect every visit.
    assert visits("") == (0, ["0", "1", "2", "3", "4"])


def test_a_process_ends_itself_at_the_time_it_was_told() -> None:
    # Given the third time, I expect three visits and SIGKILL.
    assert visits("trainer.computed=kill@3") == (-SIGKILL, ["0", "1", "2"])


def test_a_file_is_acted_on_by_one_process(tmp_path: Path) -> None:
    # Given a file that says what is to happen
    file = tmp_path / "faults"
    file.write_text("trainer.reduced=kill")
    # If two processes get there
    first, second = visits(f"@{file}"), visits(f"@{file}")
    # I expect one to die, and to say who it was.
    assert (first, second) == ((-SIGKILL, ["0"]), (0, ["0", "1", "2", "3", "4"]))
    assert [each.name.split(".")[0] for each in tmp_path.iterdir()] == ["faults"]
