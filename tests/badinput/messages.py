"""What can lie in a queue and be no message that a service can act on, with the reason under which it is counted."""

import base64
import json
import pickle
import time
from typing import Any, NamedTuple

RUN = "small-20260101-000000-abcd"


class Junk(NamedTuple):
    """Bytes in a queue, and why they are refused; the run ``{run}`` in them stands for one that is there."""

    name: str
    item: bytes
    reason: str

    def about(self, run: str) -> bytes:
        """Return the bytes for a run that is there."""
        try:
            whole = json.loads(self.item)
            body = base64.b64decode(whole["body"]).replace(b"{run}", run.encode())
        except (ValueError, LookupError, TypeError, RecursionError):
            return self.item
        return json.dumps(whole | {"body": base64.b64encode(body).decode()}).encode()


def envelope(task: Any, fields: Any, **changes: Any) -> bytes:
    """Return a message as Celery writes it into a Redis list, with some of its parts changed; None leaves one out."""
    body = changes.pop("raw_body", None) or json.dumps([changes.pop("positional", []), fields, {}]).encode()
    properties = {
        "correlation_id": "c",
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": "q"},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": f"tag-{time.monotonic_ns()}",
    }
    headers = {"lang": "py", "task": task, "id": "i", "root_id": "i", "parent_id": None, "group": None, "retries": 0}
    whole = {
        "body": base64.b64encode(body).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties,
    } | changes
    return json.dumps({key: value for key, value in whole.items() if value is not None}).encode()


def train(**changes: Any) -> bytes:
    """Return a training message of which some fields are changed; None leaves one out."""
    fields = {"run": "{run}", "version": 0, "job": 0, "sent_at": 0.0} | changes
    return envelope("phiforge.train", {name: value for name, value in fields.items() if value is not None})


def evaluate(**changes: Any) -> bytes:
    """Return an evaluation message with some of its fields changed."""
    return envelope(
        "phiforge.evaluate", {"run": "{run}", "split": "validation", "version": 0, "chunk": 0, "sent_at": 0.0} | changes
    )


def sample(**changes: Any) -> bytes:
    """Return a sampling message with some of its fields changed."""
    return envelope("phiforge.sample_training", {"run": "{run}", "version": 0, "sent_at": 0.0} | changes)


def sample_evaluation(**changes: Any) -> bytes:
    """Return a message for fixed episodes with some of its fields changed."""
    fields = {"run": "{run}", "split": "test", "chunk": 0, "sent_at": 0.0} | changes
    return envelope("phiforge.sample_evaluation", fields)


PICKLE = {"content-type": "application/x-python-serialize"}

BROKEN = [
    # no message at all
    Junk("no JSON", b"not json", "unreadable"),
    Junk("nothing", b"", "unreadable"),
    Junk("bytes that are no text", b"\xff\xfe\x00", "unreadable"),
    Junk("half a message", train()[:100], "unreadable"),
    Junk("a number", b"42", "unreadable"),
    Junk("null", b"null", "unreadable"),
    Junk("a list", b"[]", "unreadable"),
    Junk("an empty object", b"{}", "unreadable"),
    Junk("deeply nested", b"[" * 100_000, "unreadable"),
    Junk("a huge number", b"1" * 10_000, "unreadable"),
    # an envelope that is not whole
    Junk("no properties", envelope("phiforge.train", {}, properties=None), "unreadable"),
    Junk("properties of another type", envelope("phiforge.train", {}, properties=[]), "unreadable"),
    Junk("no delivery tag", envelope("phiforge.train", {}, properties={"body_encoding": "base64"}), "unreadable"),
    Junk("a tag of another type", envelope("phiforge.train", {}, properties={"delivery_tag": {}}), "unreadable"),
    Junk("no headers", envelope("phiforge.train", {}, headers=None), "unreadable"),
    Junk("headers of another type", envelope("phiforge.train", {}, headers="x"), "unreadable"),
    Junk("no id", envelope("phiforge.train", {}, headers={"task": "phiforge.train"}), "unreadable"),
    Junk("a body that is no base64", envelope("phiforge.train", {}, body="*"), "unreadable"),
    Junk("no body", envelope("phiforge.train", {}, body=None), "unreadable"),
    Junk("a body that is no JSON", envelope("phiforge.train", {}, raw_body=b"{{{"), "unreadable"),
    Junk("a body of another shape", envelope("phiforge.train", {}, raw_body=b'{"a": 1}'), "unreadable"),
    Junk("fields of another type", envelope("phiforge.train", 3), "unreadable"),
    # other serialisers
    Junk(
        "a pickle",
        envelope(
            "phiforge.train",
            {},
            raw_body=pickle.dumps([[], {}, {}]),
            **PICKLE,
        ),
        "unreadable",
    ),
    Junk("YAML", envelope("phiforge.train", {}, **{"content-type": "application/x-yaml"}), "unreadable"),
    Junk("a content type that nobody knows", envelope("phiforge.train", {}, **{"content-type": "a/b"}), "unreadable"),
    # messages of no kind that is served
    Junk("an unknown task", envelope("phiforge.format_disk", {}), "unknown"),
    Junk("a task of Celery's own", envelope("celery.chain", {}), "unknown"),
    Junk("a task that is no text", envelope(7, {}), "unknown"),
]

FIELDS = [
    Junk("no version", train(version=None), "fields"),
    Junk("no run", train(run=None), "fields"),
    Junk("no time", train(sent_at=None), "fields"),
    Junk("nothing in it", envelope("phiforge.train", {}), "fields"),
    Junk("a field too many", train(more=1), "fields"),
    Junk("fields without names", envelope("phiforge.train", {}, positional=["{run}", 0, 0, 0.0]), "fields"),
    Junk("a negative version", train(version=-1), "fields"),
    Junk("a version that is text", train(version="0"), "fields"),
    Junk("a version and a half", train(version=0.5), "fields"),
    Junk("a truth for a job", train(job=True), "fields"),
    Junk("a job that is a list", train(job=[0]), "fields"),
    Junk("a version beyond all numbers", train(version=10**300), "fields"),
    Junk("a time that is no number", train(sent_at=float("nan")), "fields"),
    Junk("a run that is a number", train(run=3), "fields"),
    Junk("a run that is a path", train(run="../../etc/passwd"), "fields"),
    Junk("a run that is another's key", train(run="a}:state"), "fields"),
    Junk("a run of 8 MB", train(run="a" * 8_000_000), "fields"),
    Junk("a split of one's own", evaluate(split="train"), "fields"),
    Junk("a negative chunk", sample_evaluation(chunk=-1), "fields"),
]

MISFITS = [
    Junk("an unknown run, to train", train(run=RUN), "misfit"),
    Junk("an unknown run, to judge", evaluate(run=RUN), "misfit"),
    Junk("an unknown run, to sample", sample(run=RUN), "misfit"),
    Junk("an unknown run, to sample for judging", sample_evaluation(run=RUN), "misfit"),
    Junk("a version from beyond the end", train(version=10**6), "misfit"),
    Junk("a version from beyond the end, to sample", sample(version=10**6), "misfit"),
    Junk("a version from beyond the end, to judge", evaluate(version=10**6), "misfit"),
    Junk("a version that is not judged", evaluate(version=1), "misfit"),
    Junk("a job too many", train(job=99), "misfit"),
    Junk("a chunk too many, to judge", evaluate(chunk=99), "misfit"),
    Junk("a chunk too many, to sample", sample_evaluation(chunk=99), "misfit"),
]
