"""Names of any script and system: what people and their machines call files is taken, what leads elsewhere is not."""

import unicodedata

import pytest

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.runs.datasets import load, prepare
from phiforge.runs.store import LocalStore
from phiforge.tasks.datasets.bases.files.names import is_allowed, is_leftover
from phiforge.tasks.datasets.images import ImagesData
from tests.badinput.pictures import classes, heard, picture, write_folder, write_zip

COOK = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{COOKING}"
PRINTED = {
    "a narrow space, as in screenshots of macOS": "Screenshot 2026-01-05 at 9.41.07\u202fPM",
    "a space that does not break": "two\u00a0words",
    "an emoji with a joiner": COOK,
    "an emoji that this Python may not know": "\U0001fae9",
    "a mark of direction": "\u200fשלום\u200e",
    "a joiner of Persian": "می\u200cخواهم",
    "a soft hyphen": "hy\u00adphen",
    "a character for private use": "\uf8ff",
    "a colon": "9:41",
}


@pytest.mark.parametrize("name", PRINTED.values(), ids=PRINTED)
@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_a_name_is_taken_as_it_is(name, write, tmp_path):
    # Given a class of such a name, with pictures of such names
    own = classes() | {f"{name}/{name} {number}.png": picture(7000 + number) for number in range(2)}
    store = LocalStore(tmp_path / "store")
    # If it is published, I expect a class that is called so.
    place = write(tmp_path / "own", own)
    dataset = load(prepare(ImagesData(), Settings(images=place), store).digest, store)
    assert name in [each.name for each in dataset.classes]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("class00/\x1b[2J.png", r"'class00/\\x1b\[2J.png'"),
        ("class00/a\nb.png", r"'class00/a\\nb.png'"),
        ("class00/\x9b31m.png", r"'class00/\\x9b31m.png'"),
        ("class00/a\u2028b.png", r"'class00/a\\u2028b.png'"),
        ("class00/\u2066gnp.png", r"'class00/\\u2066gnp.png'"),
    ],
)
def test_what_garbles_a_terminal_is_refused_and_shown_escaped(name, shown, tmp_path):
    # Given names with control characters, I expect an error that shows them escaped,
    place = write_folder(tmp_path / "own", classes() | {name: picture(1), "class01/\x07.png": picture(2)})
    with pytest.raises(DataError, match=shown) as caught:
        prepare(ImagesData(), Settings(images=place), LocalStore(tmp_path / "store"))
    # all of them at once, and nothing else that a terminal would act on.
    assert "'class01/\\x07.png'" in str(caught.value)
    assert all(character.isprintable() or character == "\n" for character in str(caught.value))


@pytest.mark.parametrize("name", ["", "/a", "a//b", "./a", "a/../b", "..", "C:/a", "c:a", "a\\b", "a/\0", "a/\ud800"])
def test_what_leads_elsewhere_is_no_name(name):
    # Given a name that is absolute, leads up, or is no text, I expect it to be refused.
    assert not is_allowed(name)


def test_two_forms_of_a_name_are_one_class(tmp_path):
    # Given a class that one system wrote composed and another decomposed, and one that is decomposed alone
    composed, apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    alone = unicodedata.normalize("NFD", "Öl")
    names = [composed, composed, apart, alone, alone]
    own = classes() | {f"{name}/{number}.png": picture(7000 + number) for number, name in enumerate(names)}
    store, said = LocalStore(tmp_path / "store"), []
    # If it is published
    place = write_folder(tmp_path / "own", own)
    dataset = load(prepare(ImagesData(), Settings(images=place), store, heard(said)).digest, store)
    # I expect one class of all its pictures, which is said; the other is called as ever.
    assert {each.name: each.drawings for each in dataset.classes if each.name[0] != "c" or each.name == composed} == {
        composed: 3,
        alone: 2,
    }
    assert said == ["1 class is named in two Unicode forms, and taken as one: 'café'"]


LEFT_BEHIND = [
    "class00/Icon\r",
    "Icon\r",
    "class00/.DS_Store",
    "class00/._0.png",
    "__MACOSX/class00/._0.png",
    "class00/__MACOSX/x.png",
    "class00/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg",
    "#recycle/old.png",
    "@Recycle/class00/0.png",
    "#snapshot/monday/class00/0.png",
    "Network Trash Folder/0.png",
    "class00/Temporary Items/x.png",
    "$RECYCLE.BIN/x.png",
    "System Volume Information/x",
    "class00/Thumbs.db",
    "class00/ehthumbs.db",
    "class00/DESKTOP.INI",
    "class00/0.png:Zone.Identifier",
    ".git/objects/ab",
]


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_what_systems_leave_behind_is_not_there(write, tmp_path):
    # Given a dataset, and the same with what macOS, Windows and a NAS leave behind, a link among it
    plain = write(tmp_path / "plain", classes())
    littered = write(tmp_path / "littered", classes() | dict.fromkeys(LEFT_BEHIND, b"x"))
    if write is write_folder:
        (littered / ".git" / "link").symlink_to("/etc")
        (littered / "class00" / "@eaDir" / "link").symlink_to("/etc")
    store, said = LocalStore(tmp_path / "store"), []
    # I expect the same dataset, and not a word.
    of = [prepare(ImagesData(), Settings(images=place), store, heard(said)).digest for place in (plain, littered)]
    assert of[0] == of[1]
    assert said == []
    assert not any(map(is_leftover, ["a/icon.png", "a/thumbs.png", "a/..", "macosx/a.png"]))
