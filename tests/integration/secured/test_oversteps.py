"""No service does more than its job: whatever else it tries on S3 or Redis is refused."""

import io
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest
from minio import Minio
from minio.error import S3Error
from urllib3 import PoolManager

from phiforge.base.settings import Settings
from phiforge.runs.connection import connect
from phiforge.runs.store import open_store
from phiforge_client.servers import S3Server, weed_binary
from tests.integration.secured.servers import BUCKET, permitted
from tests.secured import S3_USERS, USERS
from tests.servers import running

pytestmark = pytest.mark.services

PUT, GET, DELETE = "put", "get", "delete"
OBJECTS = {
    "dataset": "datasets/shards/aa",
    "calibration": "calibrations/aa.json",
    "served task": "tasks/aa.json",
    "submission": "submitted/other.json",
    "active": "active/other",
    "ended": "ended/other",
    "turn": "queue/ready/other",
    "served": "queue-settings/served.json",
    "policy": "queue-settings/policy.json",
    "episodes": "runs/other/episodes/00000000/0000",
    "evaluation episodes": "evaluation/aa/test/0000",
    "φ₀": "runs/other/checkpoints/00000000.safetensors",
    "φ": "runs/other/checkpoints/00000005.safetensors",
    "log": "runs/other/log/00000005.jsonl",
    "scores": "runs/other/scores/test/00000005.json",
    "report": "runs/other/report.json",
    "failure": "runs/other/failed.json",
    "evidence": "runs/other/failed/00000005-0000/episodes",
    "cancellation": "runs/other/cancelled.json",
    "study": "submitted-studies/other.json",
    "trial": "studies/other/trials/00000.json",
    "active study": "active-studies/other",
    "anything else": "elsewhere/aa",
}
REFUSED: dict[str, dict[str, set[str]]] = {
    "sampler": {
        PUT: set(OBJECTS) - {"episodes", "evaluation episodes", "failure"},
        GET: {"calibration", "served task", "ended", "turn", "served", "policy", "φ₀", "φ", "log", "scores", "evidence"}
        | {"study", "trial", "active study"}
        | {"anything else"},
        DELETE: set(OBJECTS) - {"episodes", "ended"},
    },
    "trainer": {
        PUT: set(OBJECTS)
        - {"φ₀", "φ", "log", "failure", "evidence", "ended", "active", "turn", "served"}
        - {"submission", "cancellation", "trial", "active study"},
        GET: {"calibration", "served task", "evaluation episodes", "ended", "turn", "evidence", "active study"}
        | {"anything else"},
        DELETE: set(OBJECTS)
        - {"episodes", "φ₀", "φ", "active", "turn", "trial", "active study", "ended", "cancellation", "failure"},
    },
    "evaluator": {
        PUT: set(OBJECTS) - {"scores", "report", "failure", "ended", "active", "turn", "served"},
        GET: set(),
        DELETE: set(OBJECTS) - {"evaluation episodes", "active", "turn"},
    },
    "client": {
        PUT: set(OBJECTS)
        - {"dataset", "calibration", "submission", "active", "φ₀", "φ", "cancellation", "ended", "turn", "served"}
        - {"policy", "served task", "study", "trial", "active study"},
        GET: set(),
        DELETE: set(OBJECTS)
        - {"active", "ended", "failure", "cancellation", "turn", "trial", "active study", "served task"},
    },
    "serve": {
        PUT: set(OBJECTS) - {"served task"},
        GET: set(OBJECTS)
        - {"served task", "dataset", "calibration", "submission", "φ₀", "φ", "scores", "report", "failure"}
        - {"cancellation"},
        DELETE: set(OBJECTS) - {"served task"},
    },
}


def bucket_of(settings: Settings) -> Minio:
    """Return a bare client of the S3 server, which asks for whatever it is told to."""
    return Minio(
        settings.s3_endpoint.removeprefix("https://"),
        settings.s3_access_key,
        settings.s3_secret_key.get_secret_value(),
        http_client=PoolManager(ca_certs=str(settings.s3_ca), retries=False),
    )


def refused(action: Callable[[], object]) -> bool:
    """Say whether an S3 call is refused for want of a right."""
    try:
        action()
    except S3Error as error:
        if error.code == "AccessDenied":
            return True
        if error.code != "NoSuchKey":
            raise
    return False


@pytest.fixture(scope="module")
def spare_s3(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Another S3 server with the same users, where nobody minds what is tried."""
    folder = tmp_path_factory.mktemp("spare")
    with running(S3Server(folder / "data", folder / "s3.log", secrets=secrets), weed_binary) as server:
        yield server


@pytest.mark.parametrize("user", S3_USERS)
def test_who_oversteps_on_s3_is_refused(user: str, settings: dict[str, Settings], spare_s3: S3Server) -> None:
    # Given one service's keys, and the bucket that whoever submits has made
    own, submitter = (settings[name].model_copy(update={"s3_endpoint": spare_s3.endpoint}) for name in (user, "client"))
    open_store(submitter)
    open_store(own)
    client = bucket_of(own)
    found: dict[str, set[str]] = {PUT: set(), GET: set(), DELETE: set()}
    # If it tries everything on every kind of object
    for kind, key in OBJECTS.items():
        actions: dict[str, Callable[[str], object]] = {
            PUT: lambda key: client.put_object(BUCKET, key, io.BytesIO(b"x"), 1),
            GET: lambda key: client.get_object(BUCKET, key).read(),
            DELETE: lambda key: client.remove_object(BUCKET, key),
        }
        for name, action in actions.items():
            if refused(lambda action=action, key=key: action(key)):  # type: ignore[misc]
                found[name].add(kind)
    # I expect it refused whatever is not its own,
    assert found == REFUSED[user]
    # and other buckets, and the removal of this one.
    assert refused(lambda: client.make_bucket("other"))
    assert refused(lambda: client.remove_bucket(BUCKET))


RUN_KEYS = ("phiforge:{other}:state", "phiforge:{other}:phi:1", "phiforge:{other}:origins:1")
QUEUES = ("phiforge.sampling", "phiforge.training", "phiforge.evaluation")


@pytest.mark.parametrize("user", USERS)
def test_who_oversteps_on_redis_is_refused(user: str, settings: dict[str, Settings]) -> None:
    # Given one service's password
    client = connect(settings[user])
    own = {"sampler": "phiforge.sampling", "trainer": "phiforge.training", "evaluator": "phiforge.evaluation"}
    # If it takes messages, I expect it to be able to from its own queue alone;
    for queue in QUEUES:
        assert permitted(client, "RPOP", f"{queue}:test") == (own.get(user) == queue), queue
    # if a sampler writes what runs are made of, or to another's queue, I expect it refused;
    for key in RUN_KEYS:
        assert permitted(client, "HSET", key, "field", "value") == (user != "sampler"), key
        assert permitted(client, "DEL", key) == (user != "sampler"), key
    # nor what other services' workers say of themselves: a run fails if none of them can do its work;
    for queue, key in product(("sampling", "training", "evaluation"), ("phiforge:roster", "phiforge:{other}:refusals")):
        for command in (("HSET", f"{key}:{queue}", "worker", "x"), ("DEL", f"{key}:{queue}")):
            assert permitted(client, *command) == (user != "sampler" or queue == "sampling"), command
    assert permitted(client, "LPUSH", "phiforge.training:test", "x") == (user != "sampler")
    assert permitted(client, "DEL", "phiforge.training:test") == (user == "trainer")
    # whoever it is: another fleet's keys, and the server itself.
    for command in (("GET", "other:key"), ("SET", "other:key", "x"), ("FLUSHALL",), ("CONFIG", "GET", "*")):
        assert not permitted(client, *command), command
    for command in (("KEYS", "*"), ("ACL", "LIST"), ("SHUTDOWN", "NOSAVE"), ("MONITOR",), ("CLIENT", "LIST")):
        assert not permitted(client, *command), command
    client.close()
