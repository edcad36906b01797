"""Parts that installed packages bring: what is wrong with one is said, and spoils nothing else."""

import sys
from importlib.metadata import EntryPoint

import pytest

from phiforge.base.errors import IncapableWorkerError, MissingPartError, RegistryError
from phiforge.registry import Catalogue
from phiforge.registry.abilities import LearnerPart

MODULE = """
from typing import Literal
from phiforge.registry import PartConfig
from phiforge.registry.abilities import LearnerPart, ScorePart

class GoodConfig(PartConfig):
    name: Literal["good"] = "good"

class Good(LearnerPart):
    Config = GoodConfig

class Bare(LearnerPart):
    pass

class OtherConfig(PartConfig):
    name: Literal["other"] = "other"

class Score(ScorePart):
    Config = OtherConfig

number = 7
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs packages of entry points: a module of that name each, and what the metadata says."""
    monkeypatch.syspath_prepend(tmp_path)

    def bring(package, points, module=MODULE):
        (tmp_path / f"{package}.py").write_text(module)
        info = tmp_path / f"{package}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        lines = [f"{name} = {package}:{what}" for name, what in points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[phiforge.learners]", *lines]) + "\n")

    return bring


@pytest.fixture
def learners():
    """The learners as a new process would find them."""
    return Catalogue("learner", "phiforge.learners", "phiforge.learning.learners", LearnerPart)


def test_an_installed_part(install, learners):
    # Given a package that brings a learner, if it is looked for
    install("tiny_one", {"good": "Good"})
    # I expect it among ours, with where it is from, and imported when it is asked for.
    assert "good" in learners
    assert [name for name in learners if name in ("good", "maml")] == ["good", "maml"]
    assert learners.origin("good") == "tiny_one 1.2"
    assert learners.origin("maml") == "phiforge"
    assert learners["good"].name == "good"
    assert len(learners) == len(list(learners))


def test_two_packages_that_bring_the_same_name(install, learners):
    # Given two packages with a learner of one name, if it is asked for
    install("tiny_two", {"good": "Good"})
    install("tiny_three", {"good": "Good"})
    # I expect to be told both, and what to do,
    with pytest.raises(
        RegistryError, match=r"'good' is brought twice, by tiny_three .*, tiny_two .*: remove or rename"
    ):
        learners["good"]
    # and every other to work.
    assert learners["maml"].name == "maml"
    assert "good" not in learners.working()
    assert "maml" in learners.working()


def test_a_package_that_brings_a_name_of_ours(install, learners):
    # Given a package with a learner called as one of ours, if it is asked for, I expect neither to be taken for it.
    install("tiny_four", {"anil": "Good"})
    with pytest.raises(RegistryError, match=r"'anil' is brought twice, by phiforge.* tiny_four .*: remove or rename"):
        learners["anil"]
    assert learners["boil"].name == "boil"


BROKEN = {
    "an error in its module": ("Good", "raise ZeroDivisionError('oh')\n", "cannot be imported: ZeroDivisionError: oh"),
    "no such module": ("Good", None, "cannot be imported: ModuleNotFoundError"),
    "no such class": ("Gone", MODULE, "cannot be imported: AttributeError"),
    "a syntax error": ("Good", "class\n", "cannot be imported: SyntaxError"),
    "a class of another kind": ("Score", MODULE, "expected a subclass of LearnerPart"),
    "no class": ("number", MODULE, "is 7, expected a subclass of LearnerPart"),
    "no configuration": ("Bare", MODULE, "must say the same"),
    "another name": ("Good", MODULE, "which is called 'good'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_package(case, install, learners, tmp_path, caplog):
    # Given a package whose entry point leads to something else than a part of that name
    what, module, sentence = BROKEN[case]
    package = f"broken_{list(BROKEN).index(case)}"
    install(package, {"bad": what}, module or "")
    if module is None:
        (tmp_path / f"{package}.py").unlink()
    # If the part is asked for, I expect to be told what is wrong, and that it is that part,
    with pytest.raises(RegistryError, match="learner 'bad'") as raised:
        learners["bad"]
    assert sentence in str(raised.value)
    # and all others to be found, with a line in the log about this one.
    assert set(learners) - learners.working().keys() == {"bad"}
    assert sentence in caplog.text


def test_a_part_that_nobody_brings(learners):
    # Given a name that no package brings, if it is asked for, I expect to be told how to get it and what there is.
    with pytest.raises(MissingPartError, match=r"no learner 'good': install the package .*; here are anil, "):
        learners["good"]


def test_a_part_that_is_broken_here_may_be_whole_elsewhere(install, learners):
    # Given a module that cannot be imported
    install("broken", {"good": "Good"}, "raise OSError('no such library')")
    # If a worker asks for its part, I expect an error that says what this worker cannot, not what the run cannot.
    with pytest.raises(
        IncapableWorkerError, match=r"'good' of broken 1\.2 cannot be imported: OSError: no such library"
    ):
        learners["good"]


def test_where_a_part_is_written(install, learners):
    # Given an installed part and one of ours, if their files are asked for, Expect those, with nothing imported
    install("tiny_seven", {"seventh": "Good"})
    assert learners.source("seventh").name == "tiny_seven.py"
    assert learners.source("maml").name == "maml.py"
    assert "tiny_seven" not in sys.modules
    # Given one of a package that is not there at all, Expect none, and no error
    install("tiny_eight", {"eighth": "Good"})
    learners._installed["eighth"] = EntryPoint("eighth", "nowhere.at_all:Good", "phiforge.learners")
    assert learners.source("eighth") is None
