"""The commands as a person types them, in processes of their own, with nothing but the store."""

import csv
import json
import sys
import threading
import time

import pytest

from phiforge import load_classifier
from phiforge_client.prediction_view import COLUMNS
from phiforge_client.processes import ChildProcess, free_port
from tests.prediction.calling import Caller, answers
from tests.prediction.drawn import folders, letter


@pytest.fixture
def phiforge(commands, home, tmp_path):
    """Run the command in a folder of pictures."""
    environment = {"PHIFORGE_HOME": str(home), "COLUMNS": "80", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}

    def run(*arguments):
        done = commands(*map(str, arguments), environment=environment, folder=tmp_path)
        assert "Traceback" not in done.stderr
        return done

    return run


def test_predict(phiforge, runs, support, tmp_path):
    # Given two new pictures, if they are predicted by a run that is named by its last part, I expect a line for each,
    for name in "AK":
        letter(name, 5).save(tmp_path / f"{name}.png")
    run = runs("proto")
    done = phiforge("predict", run.rpartition("-")[2], "--support", support, "A.png", "K.png", "--top", 2)
    first, second, *rest = done.stdout.splitlines()
    assert first.startswith("A.png  A ")
    assert second.startswith("K.png  K ")
    assert first.count("%") == 2
    # and how it was made.
    assert f"each picture by itself; version 40 of {run}" in rest[0]
    assert "expected calibration error" in rest[1]


def test_adapt(phiforge, runs, support, query, tmp_path):
    # Given a folder of pictures, if all are predicted into a file, I expect a row for each;
    done = phiforge("adapt", runs("proto"), "--support", support, "--query", query, "--out", "predictions.csv")
    assert "20 predictions in predictions.csv" in done.stdout
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert (len(rows), tuple(rows[0])) == (20, COLUMNS)
    assert all(0 <= float(row["second_probability"]) <= float(row["probability"]) <= 1 for row in rows)
    # if their folders are the truth, and some are of other classes, I expect figures of both kinds,
    mixed = folders(folders(tmp_path / "mixed", "AKOTX", range(2, 5)), "QW", range(2))
    done = phiforge("adapt", runs("proto"), "--support", support, "--query", mixed, "--evaluate", "--json")
    found = json.loads(done.stdout)["evaluation"]
    assert (found["pictures"], found["strangers"], list(found["by_class"])) == (15, 4, list("AKOTX"))
    assert found["accuracy"] == pytest.approx(sum(found["by_class"].values()) / 5)
    assert found["remarks"] == []
    # and pictures that were learned from to be told of.
    done = phiforge("adapt", runs("proto"), "--support", support, "--query", support, "--evaluate")
    assert "10 of the pictures to judge by were learned from" in done.stdout


def test_export_and_save(phiforge, runs, support, query, tmp_path):
    # Given an exported model, if another predicts by it, I expect that the run's id is not needed;
    done = phiforge("export", runs("proto"), "--out", "my-model")
    assert "README.md" in done.stdout
    done = phiforge("adapt", "my-model", "--support", support, "--query", query, "--save", "kept", "--json")
    assert len(json.loads(done.stdout)["predictions"]) == 20
    # and the classifier to be kept where it was said.
    assert len(load_classifier(tmp_path / "kept").predict(query)) == 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("predict", "nothing", "--support", ".", "x.png"), "there is no run 'nothing'"),
        (("predict", "RUN", "--support", "nowhere", "x.png"), "nowhere is not there"),
        (("predict", "RUN", "--support", "SUPPORT", "x.png"), "x.png"),
        (("adapt", "RUN", "--support", "SUPPORT"), "give --query DIR"),
        (("evaluate", "RUN", "--split", "train"), "allowed are validation and test"),
    ],
)
def test_what_is_wrong_is_one_sentence(phiforge, runs, support, arguments, said):
    # Given what cannot be, if it is typed, I expect a sentence about it, and an exit code.
    known = {"RUN": runs("proto"), "SUPPORT": support}
    done = phiforge(*(known.get(each, each) for each in arguments))
    assert done.returncode != 0
    assert said in " ".join(done.stderr.replace("│", "").split())


def test_serve(home, runs, support, query, tmp_path):
    # Given the service in a process of its own, if it is asked as a person would with curl, I expect predictions;
    port = free_port()
    command = [sys.executable, "-m", "phiforge_client.cli", "serve", runs("proto"), "--port", str(port)]
    process = ChildProcess(command, tmp_path / "log", {"PHIFORGE_HOME": str(home), "OMP_NUM_THREADS": "1"})
    caller = Caller(f"http://127.0.0.1:{port}")
    process.wait_until_ready(lambda: answers(caller), 60)
    files = [(path.parent.name, (path.name, path.read_bytes())) for path in sorted(support.rglob("*.png"))]
    task = caller.post("/tasks", files=files).json()["task"]
    pictures = [("picture", (path.name, path.read_bytes())) for path in sorted(query.rglob("*.png"))]
    found = caller.post(f"/tasks/{task}/predictions", files=pictures).json()["predictions"]
    assert len(found) == 20
    # if it is told to stop while it works, that work to be ended first.
    answer = []
    asking = threading.Thread(
        target=lambda: answer.append(caller.post(f"/tasks/{task}/predictions", files=pictures * 5).status_code)
    )
    asking.start()
    time.sleep(0.3)
    process.terminate(30)
    asking.join()
    assert answer == [200]
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_who_listens_to_others_needs_a_key(phiforge, runs):
    # Given no key, if the service is to listen to other machines, I expect to be told how to set one.
    done = phiforge("serve", runs("proto"), "--host", "0.0.0.0")
    assert done.returncode == 1
    assert "PHIFORGE_SERVE_KEY" in done.stderr
