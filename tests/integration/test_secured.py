"""A secured fleet of real processes: each service does its whole job as its own user, and no more; no secret shows."""

import io
import json
import os
import pickle
import subprocess
import sys
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import torch
from minio import Minio
from minio.error import S3Error
from urllib3 import PoolManager

from client.processes import free_port
from client.servers import RedisServer, S3Server, redis_binary, weed_binary
from client.submission import cancel, resume, submit
from client.verification import verify
from phiforge.canonical import sha256_hex
from phiforge.errors import FormatError, ServiceError, StoreError
from phiforge.platform import Platform
from phiforge.settings import Settings
from phiforge.store import open_store
from phiforge.transport import connect
from tests.fleet import hashes, small_spec, wait_for_end, wait_for_version, wait_until
from tests.secured import USERS, SecuredStack, canaries, make_secrets, settings_of
from tests.servers import missing, running

pytestmark = pytest.mark.services

BUCKET = "phiforge"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make secrets` writes."""
    return make_secrets(tmp_path_factory.mktemp("secured") / "secrets")


@pytest.fixture(scope="module")
def tls_redis(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that speaks nothing but TLS and has a user for each service."""
    folder = tmp_path_factory.mktemp("redis")
    server = RedisServer(Path("/tmp") / f"phiforge-tls-{os.getpid()}.sock", folder / "redis.log", free_port(), secrets)
    try:
        with running(server, redis_binary):
            yield server
    except ServiceError as error:
        if "Bad directive" not in str(error):
            raise
        missing("this redis-server was built without TLS: apt-get install redis-server")


@pytest.fixture(scope="module")
def tls_s3(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server that speaks nothing but TLS and has a user for each service."""
    folder = tmp_path_factory.mktemp("s3")
    with running(S3Server(folder / "data", folder / "s3.log", secrets=secrets), weed_binary) as server:
        yield server


@pytest.fixture(scope="module")
def common(tls_redis: RedisServer, tls_s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """What all services have in common: where things are, and no right to anything."""
    return Settings(
        home=tmp_path_factory.mktemp("fleet"),
        redis_url=tls_redis.url,
        store_url=f"s3://{BUCKET}",
        s3_endpoint=tls_s3.endpoint,
        reconcile_seconds=0.5,
        stall_seconds=1.0,
        log_level="DEBUG",
    )


@pytest.fixture(scope="module")
def settings(common: Settings, secrets: Path) -> dict[str, Settings]:
    """Each user's settings."""
    return {user: settings_of(user, common, secrets) for user in USERS}


@pytest.fixture(scope="module")
def platform(settings: dict[str, Settings]) -> Iterator[Platform]:
    """The connections of the person who submits runs."""
    platform = Platform.open(settings["client"])
    yield platform
    platform.close()


@pytest.fixture(scope="module")
def stack(common: Settings, secrets: Path, platform: Platform) -> Iterator[SecuredStack]:
    """One sampler, two trainers and one evaluator, each as itself."""
    with SecuredStack(common, secrets, trainers=2) as stack:
        yield stack


@pytest.fixture(scope="module")
def finished(platform: Platform, stack: SecuredStack) -> str:
    """A run that went through all services' hands: cancelled, resumed, and brought back after Redis lost all of it."""
    run = submit(platform, small_spec())
    wait_for_version(platform, run, 3)
    cancel(platform, run)
    resume(platform, run)
    wait_for_version(platform, run, 8)
    platform.exchange.forget(run)
    wait_until(lambda: platform.record.status(run) == "complete", "the end", stack)
    return run


# Every service does its whole job


def test_a_run_completes_with_each_service_as_itself(platform: Platform, stack: SecuredStack, finished: str) -> None:
    # Given a run of a secured fleet, I expect all of its record: every version, every score, the report,
    assert list(hashes(platform, finished)) == list(range(1, 21))
    assert platform.record.checkpoints(finished) == [0, 5, 10, 15, 20]
    assert platform.record.scored(finished, "validation") == [0, 10, 20]
    assert platform.record.report(finished)["test"]["tasks"] == 20
    # nothing left to do, every service alive,
    wait_until(lambda: finished not in platform.record.active(), "its retirement")
    stack.check()
    # and no service that was refused anything on the way.
    for service in stack.services:
        log = service.process.log.read_text()
        assert "AccessDenied" not in log, service.name
        assert "NOPERM" not in log, service.name


def test_a_run_can_be_verified_and_its_episodes_are_deleted(platform: Platform, finished: str) -> None:
    # Given that run, I expect its sampler to have deleted its episodes, which nothing needs any more,
    wait_until(lambda: finished not in platform.record.ended(), "the end of its retention")
    assert list(platform.record.training_episodes(finished)) == []
    # and the person who submitted it to be able to compute it again.
    assert verify(platform, finished, 20).differences == []


def test_a_dataset_that_cannot_be_sampled_fails_the_run(platform: Platform, stack: SecuredStack, finished: str) -> None:
    # Given a run whose dataset is not there: only the sampler sees it, and it may not write a run's state in Redis
    record = platform.run(finished)._replace(run=f"{finished}-x", dataset="0" * 64)
    platform.record.create(record)
    platform.record.save_checkpoint(record.run, platform.record.checkpoint(finished, 0))
    # If services find it
    platform.record.activate(record.run)
    # I expect it marked failed with the reason, stopped and retired.
    assert wait_for_end(platform, record.run) == "failed"
    assert "dataset" in platform.record.end_reason(record.run, "failed")
    wait_until(lambda: record.run not in platform.record.active(), "its retirement")
    wait_until(lambda: platform.exchange.state(record.run).status == "failed", "its stop")


# No service does more


PUT, GET, DELETE = "put", "get", "delete"
OBJECTS = {
    "dataset": "datasets/shards/aa",
    "submission": "submitted/other.json",
    "active": "active/other",
    "ended": "ended/other",
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
    "anything else": "elsewhere/aa",
}
REFUSED: dict[str, dict[str, set[str]]] = {
    "sampler": {
        PUT: set(OBJECTS) - {"episodes", "evaluation episodes", "failure"},
        GET: {"ended", "φ₀", "φ", "log", "scores", "evidence", "anything else"},
        DELETE: set(OBJECTS) - {"episodes", "ended"},
    },
    "trainer": {
        PUT: set(OBJECTS) - {"φ₀", "φ", "log", "failure", "evidence", "ended"},
        GET: {"evaluation episodes", "ended", "evidence", "anything else"},
        DELETE: set(OBJECTS) - {"episodes", "φ₀", "φ", "active"},
    },
    "evaluator": {
        PUT: set(OBJECTS) - {"scores", "report", "failure", "ended"},
        GET: set(),
        DELETE: set(OBJECTS) - {"evaluation episodes", "active"},
    },
    "client": {
        PUT: set(OBJECTS) - {"dataset", "submission", "active", "φ₀", "φ", "cancellation", "ended"},
        GET: set(),
        DELETE: set(OBJECTS) - {"active", "ended", "failure", "cancellation"},
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


@pytest.mark.parametrize("user", USERS)
def test_who_oversteps_on_s3_is_refused(user: str, settings: dict[str, Settings], spare_s3: S3Server) -> None:
    # Given one service's keys, and the bucket that it makes if it is the first
    own = settings[user].model_copy(update={"s3_endpoint": spare_s3.endpoint})
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


RUN_KEYS = ("phiforge:{other}:state", "phiforge:{other}:phi:1", "phiforge:{other}:contributions:1")
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
    assert permitted(client, "LPUSH", "phiforge.training:test", "x") == (user != "sampler")
    assert permitted(client, "DEL", "phiforge.training:test") == (user == "trainer")
    # whoever it is: another fleet's keys, and the server itself.
    for command in (("GET", "other:key"), ("SET", "other:key", "x"), ("FLUSHALL",), ("CONFIG", "GET", "*")):
        assert not permitted(client, *command), command
    for command in (("KEYS", "*"), ("ACL", "LIST"), ("SHUTDOWN", "NOSAVE"), ("MONITOR",), ("CLIENT", "LIST")):
        assert not permitted(client, *command), command
    client.close()


def permitted(client: redis.Redis, *command: str) -> bool:
    """Say whether Redis lets this user do ``command``."""
    try:
        client.execute_command(*command)
    except redis.exceptions.NoPermissionError:
        return False
    return True


# On the way


def test_who_has_no_password_may_knock_and_no_more(tls_redis: RedisServer, secrets: Path) -> None:
    # Given nobody's password, I expect nothing to be allowed;
    stranger = redis.Redis.from_url(tls_redis.url, ssl_ca_certs=str(secrets / "ca.crt"))
    with pytest.raises(redis.AuthenticationError):
        stranger.ping()
    # given a health check's user, which needs none, I expect the server's life to be visible and nothing else.
    health = redis.Redis.from_url(tls_redis.url, ssl_ca_certs=str(secrets / "ca.crt"), username="health", password="-")
    assert health.ping()
    for command in (("GET", "phiforge:{other}:state"), ("SCAN", "0"), ("LPUSH", "phiforge.training", "x")):
        assert not permitted(health, *command), command
    stranger.close()
    health.close()


def test_a_server_of_another_authority_is_not_talked_to(
    settings: dict[str, Settings], tmp_path: Path, stack: SecuredStack
) -> None:
    # Given a client that trusts another authority than the one that signed the servers' certificates
    elsewhere = make_secrets(tmp_path / "secrets") / "ca.crt"
    mistrusting = settings["client"].model_copy(update={"redis_ca": elsewhere, "s3_ca": elsewhere})
    # I expect it to send neither password nor request, to say so, and Celery to agree.
    with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
        connect(mistrusting).ping()
    with pytest.raises(StoreError, match="certificate verify failed"):
        open_store(mistrusting)
    trusting = Platform.open(settings["client"])
    queue = type(trusting.queue)(mistrusting)
    with pytest.raises(Exception, match="certificate verify failed"):
        queue.app.connection_for_write().ensure_connection(max_retries=1, timeout=1)
    queue.close()
    trusting.close()


def test_plaintext_to_a_tls_server_gets_no_answer(tls_redis: RedisServer, tls_s3: S3Server) -> None:
    # Given servers that speak TLS, if they are asked in the clear, I expect no answer worth having.
    with pytest.raises(redis.ConnectionError):
        redis.Redis.from_url(tls_redis.url.replace("rediss://", "redis://")).ping()
    with pytest.raises(StoreError):
        open_store(Settings(store_url="s3://phiforge", s3_endpoint=tls_s3.endpoint.replace("https://", "http://")))


# Nothing is unpickled


UNREADABLE = 'phiforge_refused_messages_total{reason="unreadable"}'


class Hostile:
    """What leaves a file behind if anybody unpickles it."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._trace,)


def hostile_messages(trace: Path) -> list[str]:
    """Return envelopes as they lie in the broker's list: pickles under the name of a task, and under none."""
    bodies = [pickle.dumps(((), {"run": Hostile(trace)}, {})), pickle.dumps({"task": Hostile(trace), "id": "x"})]
    headers: list[dict[str, Any]] = [{"task": "phiforge.train", "id": uuid.uuid4().hex}, {}]
    types = ["application/x-python-serialize", "application/x-python-serialize"]
    return [
        json.dumps(
            {
                "body": b64encode(body).decode(),
                "content-encoding": "binary",
                "content-type": kind,
                "headers": header,
                "properties": {
                    "body_encoding": "base64",
                    "delivery_tag": uuid.uuid4().hex,
                    "delivery_info": {"exchange": "", "routing_key": "phiforge.training"},
                    "delivery_mode": 2,
                    "priority": 0,
                    "correlation_id": uuid.uuid4().hex,
                },
            }
        )
        for body, header, kind in zip(bodies, headers, types, strict=True)
    ]


def test_a_pickled_message_is_refused_and_the_service_lives_on(
    platform: Platform, stack: SecuredStack, finished: str, tmp_path: Path
) -> None:
    # Given pickles that would leave a trace when opened
    trace = tmp_path / "unpickled"
    messages = hostile_messages(trace)
    pickle.loads(pickle.dumps(Hostile(trace)))
    assert trace.exists()
    trace.unlink()
    # If they are put on the queue of running trainers
    before = counted(stack)
    for message in messages:
        platform.exchange.redis.lpush("phiforge.training", message)
    # I expect them taken off it, logged and counted, none opened,
    wait_until(lambda: refusals(stack) >= len(messages), "the refusal of every pickle", stack)
    wait_until(lambda: counted(stack) >= before + len(messages), "the count of every pickle", stack)
    assert platform.exchange.waiting("phiforge.training") == 0
    assert not trace.exists()
    # and the same trainers to finish another run.
    stack.check()
    assert wait_for_end(platform, submit(platform, small_spec(outer={"versions": 2}))) == "complete"


def refusals(stack: SecuredStack) -> int:
    """Return how many pickles the trainers say that they refused."""
    logs = "".join(service.process.log.read_text() for service in stack.services if "trainer" in service.name)
    return logs.count("ContentDisallowed: Refusing to deserialize untrusted content of type pickle")


def counted(stack: SecuredStack) -> float:
    """Return how many messages the fleet's metrics say were refused as unreadable."""
    lines = "\n".join(stack.metrics().values()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(UNREADABLE))


@pytest.mark.parametrize("disguise", ["a pickle", "a torch file"])
def test_a_pickled_checkpoint_is_refused(platform: Platform, finished: str, tmp_path: Path, disguise: str) -> None:
    # Given a checkpoint that was replaced by something that runs code when opened, its hash made to fit
    trace = tmp_path / "unpickled"
    data = io.BytesIO()
    if disguise == "a pickle":
        pickle.dump({"phi": Hostile(trace)}, data)
    else:
        torch.save({"phi": Hostile(trace)}, data)
    run = f"{finished}-{disguise.split()[1]}"
    record = platform.run(finished)._replace(run=run)
    platform.record.create(record)
    checkpoint = platform.record.checkpoint(finished, 0)
    platform.record.save_checkpoint(run, checkpoint)
    key = f"runs/{run}/checkpoints/00000000"
    sidecar = json.loads(platform.store.get(f"{key}.json"))
    platform.store.put(f"{key}.safetensors", data.getvalue())
    platform.store.put(f"{key}.json", json.dumps(sidecar | {"sha256": sha256_hex(data.getvalue())}).encode())
    # If it is read, I expect it refused and nothing run.
    with pytest.raises(FormatError, match="safetensors"):
        platform.record.checkpoint(run, 0)
    assert not trace.exists()


# No secret shows


def phiforge(settings: Settings, *arguments: str) -> str:
    """Run the command as a person would, and return all it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PHIFORGE_")}
    own = {
        "HOME": str(settings.home),
        "REDIS_URL": settings.broker_url.replace("://", f"://{settings.redis_user}:{password(settings)}@"),
        "REDIS_CA": str(settings.redis_ca),
        "STORE_URL": settings.object_store_url,
        "S3_ENDPOINT": settings.s3_endpoint,
        "S3_ACCESS_KEY": settings.s3_access_key,
        "S3_SECRET_KEY": settings.s3_secret_key.get_secret_value(),
        "S3_CA": str(settings.s3_ca),
        "LOG_LEVEL": "DEBUG",
    }
    environment |= {f"PHIFORGE_{name}": value for name, value in own.items()}
    command = [sys.executable, "-m", "client.cli", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


def password(settings: Settings) -> str:
    return settings.redis_password.get_secret_value()


def test_no_secret_is_seen_anywhere(
    settings: dict[str, Settings],
    platform: Platform,
    stack: SecuredStack,
    finished: str,
    secrets: Path,
    tls_s3: S3Server,
) -> None:
    # Given a run that logged at DEBUG, a command that finds its Redis gone, and a key that is another's
    client = settings["client"]
    closed = client.model_copy(update={"redis_url": f"rediss://127.0.0.1:{free_port()}/0"})
    with pytest.raises(StoreError, match="PHIFORGE_S3_SECRET_KEY") as wrong:
        open_store(client.model_copy(update={"s3_access_key": "trainer"}))
    outputs = {"closed port": phiforge(closed, "cancel", finished), "wrong key": f"{wrong.value!r}{wrong.value}"}
    assert "cannot reach Redis" in outputs["closed port"]
    # If all that anybody may see is gathered: that, logs, metrics, arguments, the whole object storage, the settings
    outputs |= {f"log of {path}": path.read_text(errors="replace") for path in stack.logs.parent.rglob("*.log")}
    outputs |= {f"metrics of {name}": page for name, page in stack.metrics().items()}
    for service in stack.services:
        outputs[f"arguments of {service.name}"] = Path(f"/proc/{service.process.pid}/cmdline").read_text()
    for key in platform.store.list(""):
        outputs[f"object {key}"] = platform.store.get(key).decode("latin-1")
    outputs["settings"] = "".join(
        f"{each!r}{each}{each.model_dump()}{each.model_dump_json()}" for each in settings.values()
    )
    outputs["platform"] = f"{platform.queue.app.connection_for_write()!r}{platform.queue.app.conf.humanize()}"
    # I expect no secret in any of it, nor an address that opens the object storage.
    for name, text in outputs.items():
        for canary, secret in canaries(secrets).items():
            assert secret not in text, f"{canary} shows in {name}"
        assert "X-Amz-Signature" not in text, name
