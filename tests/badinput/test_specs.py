"""Specs that no run should come of, as files: each is refused at once, in words that say what is allowed.

Faults of single fields, and of sections to each other, stand in ``tests/unit/spec/``; these are files and
options that somebody made by mistake or in order to harm.
"""

import json
import re
import time
from typing import NamedTuple

import pytest

from phiforge.base.errors import SpecError
from phiforge.spec.checks import DatasetFacts
from phiforge.spec.read import parse_spec, read_spec

SECONDS = 20.0
"""More than any refusal takes on a loaded machine; what this catches would take hours, or all memory."""


class BadSpec(NamedTuple):
    """A file's text, options, and what the error must say."""

    name: str
    text: str | bytes
    expected: str
    options: tuple[str, ...] = ()


def bomb(levels: int, width: int = 10) -> str:
    """Return YAML in which ``width`` to the power of ``levels`` values are spelled in a few lines."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels + 1)]
    return "\n".join(lines)


def merges(levels: int, width: int) -> str:
    """Return YAML in which merges of merges hold ``width`` to the power of ``levels`` keys."""
    lines = ["m0: &m0 {k: 1}"]
    lines += [f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * width)}]}}" for n in range(1, levels + 1)]
    return "\n".join(lines)


FILES = [
    BadSpec("10 MB of blanks", b" " * 10_000_000, "larger than 100000 bytes, which no spec is"),
    BadSpec("10 MB of keys", b"".join(b"k%d: 1\n" % n for n in range(900_000)), "larger than 100000 bytes"),
    BadSpec("10 MB of JSON", b'{"name": "' + b"a" * 10_000_000 + b'"}', "larger than 100000 bytes"),
    BadSpec("a picture", b"\x89PNG\r\n\x1a\n\x00\x00\xff", "is neither YAML nor JSON"),
    BadSpec("UTF-16", "name: a".encode("utf-16"), "is neither YAML nor JSON"),
    BadSpec("a billion names in a number's place", bomb(9) + "\nouter: {lr: *a9}", "outer.lr: Input should be a valid"),
    BadSpec("a billion names in a list's place", bomb(9) + "\ndata: {name: sinusoid, phases: *a9}", r"data\.phases: "),
    BadSpec("a list that holds itself", "outer: {lr: &a [*a]}", "outer.lr: Input should be a valid number"),
    BadSpec("a mapping that holds itself", "task: &a {n_way: *a}", "task.n_way: Input should be a valid integer"),
    BadSpec("a spec that holds itself", "&a {task: *a}", "task.task: unknown"),
    BadSpec("merges of merges", merges(6, 16), "m0: unknown; allowed here: name"),
    BadSpec("a merge of what is no mapping", "outer: {<<: 3}", "is neither YAML nor JSON"),
    BadSpec("nested lists, YAML", "a: " + "[" * 40_000, "is neither YAML nor JSON: it is nested too deeply"),
    BadSpec("nested lists, JSON", "[" * 40_000 + "]" * 40_000, "is neither YAML nor JSON: it is nested too deeply"),
    BadSpec("nested blocks", "\n".join(" " * n + "a:" for n in range(400)), "nested too deeply|unknown"),
    BadSpec("seven thousand sections", json.dumps({f"s{n}": 1 for n in range(7_000)}), "and 6900 more"),
    BadSpec("nine thousand equal keys", "{" + "a: 1, " * 9_000 + "}", "a: given twice"),
    BadSpec("a number without end", "seed: " + "9" * 5000, "is neither YAML nor JSON: Exceeds the limit"),
    BadSpec(
        "a number without end, JSON", '{"seed": ' + "9" * 5000 + "}", "is neither YAML nor JSON: Exceeds the limit"
    ),
    BadSpec("a float without end", "outer: {lr: 1e999}", "outer.lr: Input should be a finite number|valid number"),
    BadSpec("a date", "seed: 2026-01-01", "seed: Input should be a valid integer"),
    BadSpec("a time", "seed: 1:30", "seed: Input should be a valid integer"),
    BadSpec("a number in groups", "seed: 1_000", "write 1000, or '1_000' for text"),
    BadSpec("a number that is not finite", "outer: {lr: .inf}", ".inf is no finite number"),
    BadSpec("a set", "task: !!set {n_way}", "task: Input should be a valid dictionary"),
    BadSpec("bytes", "seed: !!binary aGVsbG8=", "seed: Input should be a valid integer"),
    BadSpec("code", "name: !!python/object/apply:os.system [id]", "could not determine a constructor for the tag"),
    BadSpec("control characters", 'name: "a\\0b"', "name: .* is no name; allowed are 1 to 48 of a-z"),
    BadSpec("a path for a name", "name: ../../etc/passwd", "name: .* is no name; allowed are 1 to 48 of a-z"),
    BadSpec("markup for a name", 'name: "[/red]"', "name: .* is no name; allowed are 1 to 48 of a-z"),
    BadSpec("a path for the pictures", "data: {name: images, path: /etc}", "data.path: unknown; allowed here: name, "),
    BadSpec("no share for testing", "data: {name: images, test: 0}", "data.test: Input should be greater than 0"),
    BadSpec("all for testing", "data: {name: images, test: 1}", "data.test: Input should be less than 1"),
    BadSpec("huge pictures", "data: {name: images, image_size: 257}", "data.image_size: Input should be less than"),
    BadSpec("another colour", "data: {name: images, colour: red}", "data.colour: Input should be 'grey' or 'rgb'"),
    BadSpec(
        "episodes of more than a file",
        "{task: {n_way: 100, k_shot: 10, n_query: 10}, data: {name: omniglot, image_size: 105}, "
        "outer: {meta_batch: 64, job_size: 64}}",
        "outer.job_size: 64 episodes of task are 1411200000 bytes in one file; allowed are 1073741824",
    ),
    BadSpec("a bomb as an option", "{}", "outer.lr: ", (f"outer.lr=[{', '.join(['[x]'] * 900)}]",)),
    BadSpec("a deep path as an option", "{}", "a: unknown", (".".join("a" * 500) + "=1",)),
    BadSpec("code as an option", "{}", "is no YAML value", ("name=!!python/name:os.system x",)),
]


@pytest.mark.parametrize("bad", FILES, ids=lambda bad: bad.name)
def test_refused(bad, tmp_path):
    # Given a file, and options, if a run is made of them
    path = tmp_path / "spec.yaml"
    path.write_bytes(bad.text if isinstance(bad.text, bytes) else bad.text.encode())
    started = time.monotonic()
    with pytest.raises(SpecError, match=bad.expected) as caught:
        parse_spec(read_spec(path, bad.options), facts_of)
    # I expect a refusal that comes soon and can be read: what is wrong is quoted briefly.
    assert time.monotonic() - started < SECONDS
    assert max(map(len, caught.value.problems)) < 1000 + len(str(path)) + sum(map(len, bad.options))
    assert len(caught.value.problems) <= 101


def facts_of(data):
    splits = ("train", "validation", "test")
    return DatasetFacts(dict.fromkeys(splits, 200), dict.fromkeys(splits, 20))


def test_every_row_is_another():
    assert len({bad.name for bad in FILES}) == len({(bad.text, bad.options) for bad in FILES}) == len(FILES)
    assert all(re.compile(bad.expected) for bad in FILES)
