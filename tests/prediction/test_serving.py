"""The service: tasks that any replica serves, and what it refuses."""

import io
import threading
import time
from contextlib import ExitStack

import pytest

from phiforge.prediction.model import Model
from phiforge.runs.store import LocalStore, S3Store
from phiforge_server.app import make_app
from phiforge_server.limits import Limits
from tests.badinput.pictures import png_that_claims
from tests.prediction.calling import listening
from tests.prediction.drawn import letter

LETTERS = "AKOTX"


def png(character, number=0):
    """Return a letter as the bytes of a file."""
    buffer = io.BytesIO()
    letter(character, number).save(buffer, "PNG")
    return buffer.getvalue()


def support(characters=LETTERS, shots=2):
    """Return the files of a support set: the field of each is its label."""
    return [(each, (f"{number}.png", png(each, number), "image/png")) for each in characters for number in range(shots)]


def queries(characters=LETTERS):
    """Return the files of new pictures."""
    return [("picture", (f"{each}.png", png(each, 4), "image/png")) for each in characters]


@pytest.fixture(scope="module")
def served(model):
    """Two models that need no calibration, which tests have seen."""
    return [Model(model(name).learned) for name in ("proto", "maml")]


@pytest.fixture
def client(served, tmp_path):
    """A caller of the service."""
    with listening(make_app(served, LocalStore(tmp_path / "store"))) as client:
        yield client


@pytest.fixture
def limited(served, tmp_path):
    """Return a caller of a service of other limits, or with a key."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            listening(make_app(served, LocalStore(tmp_path / "store"), **options))
        )


def made(client, files=None, **query):
    """Return the task that is made of a support set."""
    answer = client.post("/tasks", files=files or support(), params=query)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_task_from_beginning_to_end(client, served):
    # Given a support set, if it is sent, I expect a task that names its classes and lives for a while;
    task = made(client)
    assert task["labels"] == list(LETTERS)
    assert task["expires_at"] > time.time()
    # if new pictures are sent, the answers that Python gives,
    found = client.post(f"/tasks/{task['task']}/predictions", files=queries()).json()["predictions"]
    classifier = served[0].adapt({each: [png(each, 0), png(each, 1)] for each in LETTERS})
    wanted = classifier.predict([png(each, 4) for each in LETTERS])
    assert [each["picture"] for each in found] == [f"{each}.png" for each in LETTERS]
    for mine, theirs in zip(wanted, found, strict=True):
        assert {each["label"]: each["probability"] for each in theirs["ranked"]} == pytest.approx(dict(mine.ranked))
    # and the task to be listed until it is deleted.
    assert [each["task"] for each in client.get("/tasks").json()] == [task["task"]]
    assert client.get(f"/tasks/{task['task']}").json()["pictures"] == 10
    assert client.delete(f"/tasks/{task['task']}").status_code == 204
    assert client.get("/tasks").json() == []
    assert client.post(f"/tasks/{task['task']}/predictions", files=queries()).status_code == 404


def test_any_replica_serves_a_task(limited):
    # Given two replicas on one object storage, if one makes a task, I expect the other to answer as it does.
    apps = [limited() for _ in range(2)]
    task = made(apps[0])["task"]
    first, second = [each.post(f"/tasks/{task}/predictions", files=queries()).json() for each in apps]
    assert first == second
    # If one deletes it, I expect the other not to know it any more, though it has its classifier in memory.
    apps[0].delete(f"/tasks/{task}")
    assert apps[1].post(f"/tasks/{task}/predictions", files=queries()).status_code == 404


@pytest.mark.services
def test_replicas_share_an_s3_server(served, s3_server, bucket):
    # Given two replicas on a real S3 server, if one makes a task, I expect the other to serve, list and delete it.
    def opened():
        return S3Store(s3_server.endpoint, bucket, s3_server.access_key, s3_server.secret_key)

    with listening(make_app(served, opened())) as one, listening(make_app(served, opened())) as other:
        task = made(one)["task"]
        answers = [each.post(f"/tasks/{task}/predictions", files=queries()).json() for each in (one, other)]
        assert answers[0] == answers[1]
        assert [each["task"] for each in other.get("/tasks").json()] == [task]
        assert other.delete(f"/tasks/{task}").status_code == 204
        assert one.get("/tasks").json() == []


def test_the_models(client, served):
    # Given two models, I expect both to be listed, the first to be meant by default, and the other by its name.
    names = [each["name"] for each in client.get("/models").json()]
    assert names == [each.learned.run for each in served]
    assert made(client)["model"] == names[0]
    assert made(client, model=names[1])["model"] == names[1]
    answer = client.post("/tasks", files=support(), params={"model": "nothing"})
    assert (answer.status_code, names[0] in answer.json()["error"]) == (404, True)
    # If MAML of five ways gets three classes, I expect a sentence.
    answer = client.post("/tasks", files=support("AKO"), params={"model": names[1]})
    assert answer.status_code == 422
    assert "head for 5" in answer.json()["error"]


def test_tasks_expire_and_are_counted(limited):
    # Given room for two tasks, if a third is made, I expect a refusal, until the first two have expired.
    limits = Limits(tasks=2, task_seconds=1.0)
    client = limited(limits=limits)
    first, _ = made(client), made(client)
    answer = client.post("/tasks", files=support())
    if answer.status_code != 201:  # the first may have expired on a slow machine
        assert (answer.status_code, "2 tasks" in answer.json()["error"]) == (429, True)
    time.sleep(1.1)
    answer = client.get(f"/tasks/{first['task']}")
    assert answer.status_code == 404
    made(client)
    assert len(client.get("/tasks").json()) == 1


@pytest.mark.parametrize(
    ("files", "status", "said"),
    [
        ([("A", ("a.png", b"no picture", "image/png")), *support("K")], 422, "A/a.png"),
        (support("A"), 422, "1 class"),
        ([("A", ("a.png", png_that_claims(5_000, 5_000), "image/png")), *support("K")], 413, "5000 x 5000"),
        ([("A", ("a.png", png_that_claims(50_000, 50_000), "image/png")), *support("K")], 422, "bomb"),
        ([(f"c{n}", ("x.png", png("A"), "image/png")) for n in range(5)], 422, "allowed are 4"),
        ([("A", (f"{n}.png", png("A"), "image/png")) for n in range(12)], 400, "Too many files"),
        ([("A", ("a.png", b"x" * 300_000, "image/png"))], 413, "200000 bytes"),
    ],
)
def test_bad_uploads_are_refused(limited, files, status, said):
    # Given a service of small limits, if a bad support set is sent, I expect a sentence and no task.
    limits = Limits(request_bytes=200_000, pictures=11, pixels=1_000_000, classes=4)
    client = limited(limits=limits)
    answer = client.post("/tasks", files=files)
    assert (answer.status_code, said in answer.json()["error"]) == (status, True), answer.text
    assert client.get("/tasks").json() == []


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"method": "POST", "path": "/tasks", "body": b"{}"}, 415),
        ({"method": "POST", "path": "/tasks", "headers": {"content-type": "multipart/form-data"}, "body": b"x"}, 400),
        ({"method": "POST", "path": "/tasks", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400),
        ({"method": "GET", "path": "/tasks/../../etc/passwd"}, 404),
        ({"method": "GET", "path": "/tasks/%2e%2e%2fx"}, 404),
        ({"method": "GET", "path": "/tasks/" + "a" * 32}, 404),
        ({"method": "DELETE", "path": "/tasks/" + "a" * 5000}, 404),
        ({"method": "PUT", "path": "/tasks"}, 405),
    ],
)
def test_bad_requests_are_refused(client, request_, status):
    # Given a request that is none, if it is sent, I expect a status of the caller's fault and a sentence.
    answer = client.request(**request_)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]


def test_a_body_longer_than_it_claims_is_cut_off(limited):
    # Given a body of unknown length that does not end, if it is sent, I expect it not to be read to its end.
    limits = Limits(request_bytes=100_000)
    client = limited(limits=limits)
    sent = []

    def endless():
        yield b'--x\r\ncontent-disposition: form-data; name="A"; filename="a.png"\r\n\r\n'
        for _ in range(100):
            sent.append(1)
            yield b"0" * 10_000

    answer = client.post("/tasks", body=endless(), headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 413


def test_a_key(limited):
    # Given a service with a key, if it is called without, or with another, I expect a refusal; with it, an answer;
    client = limited(key="geheim")
    assert client.get("/tasks").status_code == 401
    assert client.get("/tasks", headers={"authorization": "Bearer other"}).status_code == 401
    assert client.get("/tasks", headers={"authorization": "Bearer geheim"}).json() == []
    # and what watches it, and the page, to need none.
    for path in ("/", "/page.js", "/page.css", "/healthz", "/metrics"):
        assert client.get(path).status_code == 200


def test_what_watches_it(client):
    # Given some requests, if its metrics are read, I expect them to be counted by outcome.
    task = made(client)["task"]
    client.post(f"/tasks/{task}/predictions", files=queries())
    client.post("/tasks", files=support("A"))
    assert client.get("/healthz").json() == {"status": "ok"}
    text = client.get("/metrics").text
    assert 'phiforge_served_requests_total{outcome="served"}' in text
    assert 'phiforge_served_requests_total{outcome="refused"}' in text
    assert "phiforge_served_seconds_bucket" in text


def test_many_at_once(limited):
    # Given a service that computes one request at a time, if many come, I expect answers, and for those beyond
    # its queue a status that asks to come again.
    client = limited(limits=Limits(at_once=1))
    task = made(client)["task"]
    statuses = []

    def call():
        statuses.append(client.post(f"/tasks/{task}/predictions", files=queries()).status_code)

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 5


def test_the_schema(client):
    # Given the schema, I expect every path of the service in it, and none of the page.
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {"/models", "/tasks", "/tasks/{task}", "/tasks/{task}/predictions", "/healthz"}
