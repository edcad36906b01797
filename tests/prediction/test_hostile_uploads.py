"""Whatever is sent to the service, it answers with a sentence about the caller's fault, or serves it: never a 500."""

import io
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from phiforge.prediction.model import Model
from phiforge.runs.store import LocalStore
from phiforge_server.app import make_app
from phiforge_server.limits import Limits
from tests.badinput.pictures import png_that_claims
from tests.prediction.calling import listening
from tests.prediction.drawn import letter


def encoded(image, kind="PNG", **options):
    """Return an image as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


GOOD = encoded(letter("A"))


def with_chunk(name, data):
    """Return a PNG with one more chunk after its header."""
    chunk = len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")
    return GOOD[:33] + chunk + GOOD[33:]


SMALL = Image.new("P", (4, 4))
PICTURES = {
    "nothing": b"",
    "text": b"no picture at all",
    "a page": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "an archive": b"PK\x03\x04" + bytes(200),
    "cut off": GOOD[: len(GOOD) // 2],
    "a header alone": GOOD[:33],
    "a bomb by its header": png_that_claims(50_000, 50_000),
    "far too wide": png_that_claims(60_000, 1),
    "a bomb of text": with_chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(200_000_000), 9)),
    "a profile of nonsense": with_chunk(b"iCCP", b"x\x00\x00" + zlib.compress(b"nonsense")),
    "broken Exif": encoded(letter("A"), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff"),
    "numbers that are none": encoded(Image.fromarray(np.full((8, 8), np.nan, np.float32)), "TIFF"),
    "one pixel": encoded(Image.new("RGB", (1, 1))),
    "wholly transparent": encoded(Image.new("RGBA", (20, 20), (0, 0, 0, 0))),
    "many frames": encoded(SMALL, "GIF", save_all=True, append_images=[Image.new("P", (4, 4), 1), SMALL] * 250),
}
NAMES = ["../../etc/passwd", "a\x00b.png", "/etc/passwd", "C:\\x.png", "x" * 5000, "\u202egnp.exe", "😀", "..", " ", ""]


@pytest.fixture(scope="module")
def caller(model, tmp_path_factory):
    """A caller of a service with small limits, and nothing to calibrate with."""
    store = LocalStore(tmp_path_factory.mktemp("hostile"))
    limits = Limits(request_bytes=2_000_000, pixels=1_000_000)
    with listening(make_app([Model(model("proto").learned)], store, limits)) as caller:
        yield caller


def support(**others):
    """Return a support set of two letters, and others by their label."""
    of = {"A": GOOD, "K": encoded(letter("K"))} | others
    return [(label, ("x.png", data)) for label, data in of.items()]


@pytest.fixture(scope="module")
def task(caller):
    """A task of that service."""
    return caller.post("/tasks", files=support()).json()["task"]


def expect_no_fault_of_ours(answer):
    """Expect an answer that is a success, or refuses with a sentence."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.json()["error"]
        assert "Traceback" not in answer.text


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow tells of it, and goes on
@pytest.mark.parametrize("what", PICTURES)
def test_pictures_that_are_none(caller, task, what):
    # Given what is no picture, or one made to harm, if it is asked or learned from, I expect no fault of ours,
    for answer in (
        caller.post(f"/tasks/{task}/predictions", files=[("picture", ("x.png", PICTURES[what]))]),
        caller.post("/tasks", files=support(other=PICTURES[what])),
    ):
        expect_no_fault_of_ours(answer)
    # and others to be served after it.
    assert caller.post(f"/tasks/{task}/predictions", files=[("picture", ("x.png", GOOD))]).status_code == 200


@pytest.mark.parametrize("name", NAMES)
def test_names_that_are_none(caller, task, name):
    # Given a name that leads elsewhere or garbles a terminal, as a file's or as a label's, I expect no file to be made.
    answer = caller.post(f"/tasks/{task}/predictions", files=[("picture", (name, GOOD))])
    expect_no_fault_of_ours(answer)
    answer = caller.post("/tasks", files=[*support(), (name, ("x.png", encoded(letter("X"))))])
    expect_no_fault_of_ours(answer)
    if answer.status_code == 201:
        again = caller.get(f"/tasks/{answer.json()['task']}")
        assert again.json()["labels"] == answer.json()["labels"]


def part(head, body=GOOD, end=b"\r\n"):
    """Return one part of a multipart body."""
    return b"--x\r\n" + head + b"\r\n\r\n" + body + end


WHOLE = b'content-disposition: form-data; name="A"; filename="a.png"'
BODIES = {
    "no boundary": ("multipart/form-data", part(WHOLE)),
    "another boundary": ("multipart/form-data; boundary=y", part(WHOLE) + b"--x--"),
    "an endless boundary": (f"multipart/form-data; boundary={'x' * 70_000}", part(WHOLE) + b"--x--"),
    "a boundary that is none": ("multipart/form-data; boundary=\u00e9\u00e9", part(WHOLE)),
    "cut off": ("multipart/form-data; boundary=x", part(WHOLE)[:100]),
    "cut off after hyphens": ("multipart/form-data; boundary=x", part(WHOLE, GOOD + b"--", b"")),
    "without an end": ("multipart/form-data; boundary=x", part(WHOLE)),
    "no disposition": ("multipart/form-data; boundary=x", part(b"content-type: image/png") + b"--x--"),
    "no name": ("multipart/form-data; boundary=x", part(b'content-disposition: form-data; filename="a"') + b"--x--"),
    "a name of bytes": (
        "multipart/form-data; boundary=x",
        part(b'content-disposition: form-data; name="\xff\xfe"; filename="\xff"') + part(WHOLE) + b"--x--",
    ),
    "another set of letters": (
        "multipart/form-data; boundary=x",
        part(b'content-disposition: form-data; name="_charset_"', b"utf-7") + part(WHOLE) + b"--x--",
    ),
    "an unknown charset": ("multipart/form-data; boundary=x; charset=nonsense", part(WHOLE) + b"--x--"),
    "many headers": ("multipart/form-data; boundary=x", part(WHOLE + b"\r\nx: y" * 5000) + b"--x--"),
    "a long header": ("multipart/form-data; boundary=x", part(WHOLE + b"\r\nx: " + b"y" * 500_000) + b"--x--"),
    "parts in parts": ("multipart/form-data; boundary=x", part(WHOLE, part(WHOLE, b"--x--")) + b"--x--"),
    "text": ("multipart/form-data; boundary=x", part(b'content-disposition: form-data; name="A"', b"text") + b"--x--"),
    "huge JSON": ("application/json", b'{"a":' * 200_000),
    "JSON of numbers that are none": ("application/json", b"[NaN, Infinity, -1e999]"),
    "XML": ("application/xml", b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'),
    "nothing": ("", b""),
}


@pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile")  # of a part without an end, which the parser lets go
@pytest.mark.parametrize("what", BODIES)
@pytest.mark.parametrize("path", ["/tasks", "/tasks/{task}/predictions"])
def test_bodies_that_are_none(caller, task, what, path):
    # Given a body that is not what it says, if it is sent, I expect a refusal with a sentence.
    kind, body = BODIES[what]
    answer = caller.post(path.format(task=task), body=body, headers={"content-type": kind.encode().decode("latin-1")})
    expect_no_fault_of_ours(answer)
    assert answer.status_code >= 400 or what in (
        "a name of bytes",
        "parts in parts",
        "an unknown charset",
        "no boundary",
    )


def test_an_epilogue_is_no_fault(caller, task):
    # Given a whole body with something after its last boundary, as RFC 2046 allows, I expect an answer.
    body = part(b'content-disposition: form-data; name="picture"; filename="a.png"') + b"--x--\r\n" + b"epilogue " * 50
    kind = {"content-type": "multipart/form-data; boundary=x"}
    assert caller.post(f"/tasks/{task}/predictions", body=body, headers=kind).status_code == 200


@pytest.mark.parametrize(
    "nearest", ["NaN", "Infinity", "-1", "1e9", "99999999999999999999", "", "3;drop", "%00", "2.5"]
)
def test_numbers_that_are_none(caller, task, nearest):
    # Given a number that is none, or too large, if it is asked for, I expect a refusal with a sentence.
    files = [("picture", ("x.png", GOOD))]
    answer = caller.post(f"/tasks/{task}/predictions", files=files, params={"nearest": nearest})
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_the_schema_holds(caller, task):
    # Given the schema that the service shows, if schemathesis makes requests of it, fitting ones and others,
    tool = shutil.which("schemathesis", path=str(Path(sys.executable).parent)) or "schemathesis"
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    command = [tool, "run", f"{caller.url}/openapi.json", "--checks", checks, "--seed", "1"]
    done = subprocess.run(
        [*command, "--max-examples", "20", "--phases", "examples,coverage,fuzzing", "--no-color"],
        capture_output=True,
        text=True,
        check=False,
    )
    # I expect no server error, and every answer to be one that the schema tells of.
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "5 / 5" in done.stdout or "Operations" in done.stdout
