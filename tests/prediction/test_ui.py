"""The web view of the record: its answers, and its page in a real Chromium."""

import shutil
import subprocess
import sys

import pytest
import urllib3

from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import Record
from phiforge.runs.store import open_store
from phiforge.runs.submitted import RunRecord
from phiforge.runs.waiting.wish import Wish
from phiforge.spec.run import RunSpec
from phiforge_client.web.app import make_app
from tests.prediction.calling import listening

pytestmark = pytest.mark.services
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
RUN = "seen-20261130-111610-ab12"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(params=["a folder", "S3"])
def there(request, tmp_path):
    """The record on a folder or on S3, with a run that goes on, and the view of it."""
    from phiforge.base.settings import Settings

    settings = Settings(home=tmp_path / "home", redis_url=request.getfixturevalue("redis_url"))
    if request.param == "S3":
        server = request.getfixturevalue("s3_server")
        keys = {"s3_access_key": server.access_key, "s3_secret_key": server.secret_key}
        where = {"store_url": f"s3://{request.getfixturevalue('bucket')}", "s3_endpoint": server.endpoint}
        settings = Settings.model_validate(settings.model_dump() | keys | where)
    record, spec = Record(open_store(settings)), RunSpec()
    wish = Wish(labels=(("exp", HOSTILE),))
    record.create(RunRecord(RUN, spec, spec.hash, "digest", (1, 28, 28), 300, 1.0, wish=wish))
    judged(record, 0, 0.25)
    with listening(make_app(RunPlatform.look(settings))) as view:
        yield view, record


def judged(record, version, accuracy):
    scores = {"version": version, "tasks": 200, "accuracy": accuracy, "accuracy_ci95": 0.02, "loss": 1.0}
    record.save_scores(RUN, "validation", version, scores)


def test_answers(there):
    # Given a run that goes on, I expect it to be listed, shown with its curve
    view, record = there
    assert [each["run"] for each in view.get("/api/runs").json()] == [RUN]
    judged(record, 5, 0.5)
    curve = view.get(f"/api/runs/{RUN}").json()["curve"]
    assert [each["accuracy"] for each in curve] == [0.25, 0.5]
    # against the tasks that it was trained on, not those that it was judged by,
    assert [each["tasks"] for each in curve] == [0, 5 * RunSpec().outer.meta_batch]
    # and unknown ones to be refused.
    for path in ("/api/runs/nobody", "/api/studies/nobody", "/reports/nobody", "/nothing"):
        answer = view.get(path)
        assert (answer.status_code, list(answer.json())) == (404, ["error"]), path
    assert view.get("/api/queue").status_code == view.get("/api/studies").status_code == 200
    assert view.get("/healthz").json() == {"status": "ok"}
    # I expect nothing to be changed here, and no answer under another machine's name.
    assert view.post("/api/runs").status_code == view.delete(f"/api/runs/{RUN}").status_code == 405
    assert view.request("HEAD", "/api/runs").status_code == 200
    assert view.get("/api/runs", headers={"host": "evil.example"}).status_code == 400


def test_only_what_is_new_is_sent(there):
    # Given an answer, if it is asked for again, I expect 304; and once a version was judged, the new one.
    view, record = there
    url = f"{view.url}/api/runs/{RUN}"
    tag = {"if-none-match": urllib3.request("GET", url).headers["etag"]}
    again = urllib3.request("GET", url, headers=tag)
    assert (again.status, again.data) == (304, b"")
    judged(record, 5, 0.5)
    assert urllib3.request("GET", url, headers=tag).status == 200


def test_a_person_watches_a_run(there):
    # Given the page, and a label that looks like markup, I expect it as text,
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    view, record = there
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 360, "height": 640})
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(view.url)
        page.get_by_text(f"exp={HOSTILE}").wait_for()
        assert page.locator("img").count() == 0
        # the filter to leave out what does not fit,
        page.get_by_label("Filter").fill("nobody")
        page.get_by_text(f"exp={HOSTILE}").wait_for(state="detached")
        page.get_by_label("Filter").fill("seen")
        # and the curve to go on when another version is judged, on a page as narrow as a phone.
        page.get_by_role("link", name=RUN).first.click()
        page.locator("circle.point").wait_for()
        judged(record, 5, 0.5)
        page.locator("circle.point").nth(1).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        browser.close()
    assert problems == []


def test_the_view_knows_no_torch():
    # Given the view, if it is imported, I expect no torch: it is there at once.
    code = "import sys, phiforge_client.web.serving; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
