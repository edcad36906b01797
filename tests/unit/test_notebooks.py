"""The notebooks run, show what their text says, and their pages are made of them."""

import json
import re
from pathlib import Path

import pytest

from notebooks.pages import page_of
from notebooks.running import code_cells, executed, source_of

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "three_steps.ipynb"
BUDGET = 0.1


@pytest.fixture(scope="module")
def shown():
    """What the cells leave when they are executed in order at a small budget, on letters that are always there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PHIFORGE_OMNIGLOT", raising=False)
        return executed(json.loads(NOTEBOOK.read_text(encoding="utf-8")), BUDGET=BUDGET)


@pytest.fixture
def stored():
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))


def test_what_was_learned_beats_its_start(shown):
    # Given φ₀ and the φ that the gradient found, if both take inner steps on unseen sinusoids
    before, after = shown["from_start"], shown["from_learned"]
    # Expect the learned one to be better after one step, and to gain more by it.
    assert after[1] < before[1]
    assert after[0] - after[1] > before[0] - before[1]


@pytest.mark.parametrize("way", ["gradient", "evolution", "reinforcement"])
def test_each_way_lowers_the_loss(shown, way):
    # Given what a way found on sinusoids and on characters, Expect L of its last φ below that of its first.
    for found in (shown[f"by_{way}"], shown["on_characters"][way]):
        assert found.losses[-1] < found.losses[0]


def test_the_gradient_comes_further_with_fewer_trainings(stored):
    # Given what the stored run printed of the gradient and of evolution, which have the same φ
    printed = "".join(line for cell in code_cells(stored) for out in cell["outputs"] for line in out.get("text", ()))
    ends = re.findall(r"^(\w+): L\(φ\) = ([\d.]+) after (\d+) trainings$", printed, flags=re.MULTILINE)
    of = {way: (float(loss), int(trainings)) for way, loss, trainings in ends}
    # Expect less loss of the gradient, after fewer trainings.
    assert of["gradient"][0] < of["evolution"][0]
    assert of["gradient"][1] < of["evolution"][1]


def test_a_support_loss_teaches_little(shown):
    # Given φ learned by the query loss and by the support loss
    by_query, by_support = shown["query_minimised"], shown["support_minimised"]
    # Expect the second to have the lower support loss, and to do worse on queries.
    assert by_support[0] < by_query[0]
    assert by_support[1] > by_query[1]
    assert by_support[2] < by_query[2]


def test_few_classes_are_overfitted(shown):
    # Given φ learned from few characters and from many
    few, many = shown["few"][-1], shown["many"][-1]
    # Expect a gap between unseen and training tasks after few, a smaller one after many, and fewer right after few;
    assert few[2] - few[1] > 0.5
    assert many[2] - many[1] < few[2] - few[1]
    assert few[4] < many[4]
    # and unseen tasks to have had a better version on the way.
    assert shown["best"][2] < few[2]


def test_a_lecturer_can_show_it(stored):
    # Given the run that is stored, Expect each cell within 20 seconds and all within two minutes, with small pictures.
    seconds = [cell["metadata"]["seconds"] for cell in code_cells(stored)]
    assert max(seconds) < 20
    assert sum(seconds) < 120
    assert sum(map(len, page_of(stored, "three-steps").pictures.values())) < 300_000


def test_the_stored_run_is_whole(stored):
    # Given the stored notebook, Expect its cells executed in order, at the full budget.
    cells = code_cells(stored)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert source_of(cells[0]) == "BUDGET = 1.0"


def test_the_page_is_the_notebook(stored):
    # Given the page and its pictures, if they are made again, Expect them as they are; else type `make notebooks`
    page = page_of(stored, "three-steps")
    assert (ROOT / "docs" / "three-steps.md").read_text(encoding="utf-8") == page.text
    pictures = {file.name: file.read_bytes() for file in (ROOT / "docs" / "three-steps").iterdir()}
    assert pictures == dict(page.pictures)


def test_text_names_no_figure(stored):
    # Given the text of the notebook, Expect no measured figure in it: those are printed by cells.
    text = "\n".join(source_of(cell) for cell in stored["cells"] if cell["cell_type"] == "markdown")
    assert re.findall(r"\d+\.\d+|\d+ ?%", text) == []
