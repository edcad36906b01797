"""The page, as a person uses it: in a real Chromium."""

import shutil

import pytest

from phiforge.prediction.model import Model
from phiforge.runs.store import LocalStore
from phiforge_server.app import make_app
from tests.prediction.calling import listening

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(params=["proto", "maml"])
def page(model, tmp_path, request):
    """The page of a service with a key, in a browser; its learner compares pictures, or does not."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    app = make_app([Model(model(request.param).learned)], LocalStore(tmp_path / "store"), key="geheim")
    with listening(app) as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(120_000)  # a loaded machine is no failure
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(service.url)
        page.learner = request.param
        yield page
        browser.close()
    assert problems == []


def give_key(page):
    """Give the key, and wait until the page knows which models there are."""
    page.get_by_label("Key").fill("geheim")
    page.get_by_label("Key").press("Tab")
    page.locator("#model option").wait_for(state="attached")


def taught(page, support, letters):
    """Teach letters, two pictures of each, as a person does."""
    for _ in letters[2:]:
        page.get_by_text("Add a class").click()
    for box, name in zip(page.locator(".class").all(), letters, strict=True):
        box.get_by_label("Name").fill(name)
        box.locator("input[type=file]").set_input_files([str(each) for each in sorted((support / name).iterdir())])
    page.get_by_text("Learn", exact=True).click()
    page.get_by_text(f"learned {len(letters)} classes from {2 * len(letters)} pictures").wait_for()


def test_a_person_teaches_it_letters(page, support, query):
    # Given the page, if a picture is asked before anything was learned, I expect to be told what to do first.
    page.get_by_text("a key is needed").wait_for()
    give_key(page)
    asked = page.locator("#query input")
    asked.set_input_files(str(query / "A" / "2.png"))
    page.get_by_text("first give a few pictures of each class").wait_for()
    # If classes get a name and pictures, and it learns them
    letters = "TXAOK"
    taught(page, support, letters)
    # I expect new pictures to be answered, each beside its labels and their probabilities, the likeliest first.
    asked.set_input_files([str(query / name / "3.png") for name in "AO"])
    page.get_by_text("2 answered").wait_for()
    answers = [answer.locator("li").all_inner_texts() for answer in page.locator(".answer").all()]
    assert [each[0][0] for each in answers] == ["A", "O"]
    for ranked in answers:
        shares = [float(each.split()[1]) for each in ranked]
        assert shares == sorted(shares, reverse=True)
    assert page.locator(".answer img").evaluate_all("images => images.every(image => image.naturalWidth > 0)")


def test_what_is_learned_from_is_shown_beside(page, support):
    # Given letters that it learned in an order of their own, if a picture is asked that it learned from,
    give_key(page)
    taught(page, support, "TXAOK")
    page.locator("#query input").set_input_files(str(support / "K" / "1.png"))
    page.get_by_text("1 answered").wait_for()
    # I expect that very picture first beside it, far nearer than others, and to be told what is compared.
    beside = page.locator(".answer figure img").evaluate_all("images => images.map(image => image.title)")
    assert len(beside) == 3
    assert beside[0].startswith("K: 1.png, distance ")
    first, second, third = (float(each.rsplit(" ", 1)[1]) for each in beside)
    assert 3 * first < second <= third
    said = page.locator(".answer figcaption").inner_text()
    assert said.startswith("nearest that it learned from" if page.learner == "proto" else "nearest by their pixels")
