"""In a secured fleet predictions are served by a user that knows no Redis and writes nothing but its tasks."""

import io

import pytest

from phiforge.base.errors import StoreError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.prediction.following import Followed
from phiforge.runs.store import open_store
from phiforge_server.app import make_app
from tests.prediction.calling import listening
from tests.prediction.drawn import letter

pytestmark = pytest.mark.services


def png(character: str, number: int) -> bytes:
    """Return a letter as the bytes of a file."""
    buffer = io.BytesIO()
    letter(character, number).save(buffer, "PNG")
    return buffer.getvalue()


def test_predictions_are_served_as_a_user_of_their_own(
    settings: dict[str, Settings], platform: Platform, finished: str
) -> None:
    # Given a run of a secured fleet, served by the user that is for it, which has no password of Redis
    own = settings["serve"]
    assert not own.redis_password.get_secret_value()
    store = open_store(own)
    app = make_app([Followed(store, finished)], store, key="geheim")
    with listening(app) as caller:
        headers = {"authorization": "Bearer geheim"}
        # If a task is made, asked, listed and deleted, I expect it to be let, by the best version of the run;
        support = [(each, ("0.png", png(each, 0))) for each in "AKOTX"]
        made = caller.post("/tasks", files=support, headers=headers)
        assert made.status_code == 201, made.text
        assert made.json()["version"] == platform.record.report(finished)["best_version"]
        task = made.json()["task"]
        asked = caller.post(f"/tasks/{task}/predictions", files=[("x", ("1.png", png("K", 1)))], headers=headers)
        assert asked.status_code == 200, asked.text
        assert [each["task"] for each in caller.get("/tasks", headers=headers).json()] == [task]
        assert caller.request("DELETE", f"/tasks/{task}", headers=headers).status_code == 204
    # if it writes φ, I expect a refusal.
    with pytest.raises(StoreError, match="AccessDenied"):
        store.put(f"runs/{finished}/checkpoints/00000099.safetensors", b"x")
