"""The page, as a person uses it: in a real Chromium."""

import shutil

import pytest

from phiforge.prediction.model import Model
from phiforge.runs.store import LocalStore
from phiforge_server.app import make_app
from tests.prediction.calling import listening

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def page(model, tmp_path):
    """The page of a service with a key, in a browser."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    app = make_app([Model(model("proto").learned)], LocalStore(tmp_path / "store"), key="geheim")
    with listening(app) as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(service.url)
        yield page
        browser.close()
    assert problems == []


def test_a_person_teaches_it_two_letters(page, support, query):
    # Given the page, if a picture is asked before anything was learned, I expect to be told what to do first.
    page.get_by_text("a key is needed").wait_for()
    page.get_by_label("Key").fill("geheim")
    page.get_by_label("Key").press("Tab")
    page.locator("#model option").wait_for(state="attached")
    asked = page.locator("#query input")
    asked.set_input_files(str(query / "A" / "2.png"))
    page.get_by_text("first give a few pictures of each class").wait_for()
    # If two classes get a name and pictures, and it learns them
    for box, name in zip(page.locator(".class").all(), "AO", strict=True):
        box.get_by_label("Name").fill(name)
        box.locator("input[type=file]").set_input_files([str(each) for each in sorted((support / name).iterdir())])
    page.get_by_text("Learn", exact=True).click()
    page.get_by_text("learned 2 classes from 4 pictures").wait_for()
    # I expect new pictures to be answered, each beside its labels and their probabilities, the likeliest first.
    asked.set_input_files([str(query / name / "3.png") for name in "AO"])
    page.get_by_text("2 answered").wait_for()
    answers = [answer.locator("li").all_inner_texts() for answer in page.locator(".answer").all()]
    assert [each[0][0] for each in answers] == ["A", "O"]
    for first, second in answers:
        assert float(first.split()[1]) >= float(second.split()[1])
    assert page.locator(".answer img").evaluate_all("images => images.every(image => image.naturalWidth > 0)")
