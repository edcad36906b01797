"""Nothing is unpickled, neither a message nor a checkpoint."""

import io
import json
import pickle
import uuid
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import torch

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import FormatError
from phiforge.fleet.platform import Platform
from phiforge.runs.sealed import seal, unseal
from phiforge_client.submission import submit
from tests.fleet import small_spec, wait_for_end, wait_until
from tests.secured import SecuredStack

pytestmark = pytest.mark.services

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
    checkpoint = platform.checkpoints.load(finished, 0)
    platform.checkpoints.save(run, checkpoint)
    key = f"runs/{run}/checkpoints/00000000"
    sidecar = unseal(f"{key}.json", platform.store.get(f"{key}.json"))
    platform.store.put(f"{key}.safetensors", data.getvalue())
    platform.store.put(f"{key}.json", seal(f"{key}.json", sidecar | {"sha256": sha256_hex(data.getvalue())}))
    # If it is read, I expect it refused and nothing run.
    with pytest.raises(FormatError, match="safetensors"):
        platform.checkpoints.load(run, 0)
    assert not trace.exists()
