"""Reading a spec's text: JSON stays what JSON says it is, and nothing but TextError comes out of bad text."""

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from phiforge.spec.text import TextError, parse_text

SCRAPS = ["!!int ", "!!bool ", "!!float ", "!!timestamp ", "!!binary ", "!!set ", "!!omap ", "&a ", "*a", "<<: ", "? "]
SCRAPS += [
    "{",
    "}",
    "[",
    "]",
    ": ",
    ", ",
    "- ",
    "\n",
    "  ",
    "0x",
    "_",
    "1",
    "-",
    ".",
    "2024-13-45",
    "x",
    '"',
    "'",
    "|",
    "#",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 2, "\t"]))
def test_json_is_read_as_json_however_it_is_indented(value, indent):
    assert parse_text(json.dumps(value, indent=indent)) == value


@given(st.lists(st.sampled_from(SCRAPS), max_size=12).map("".join) | st.text())
def test_bad_text_is_a_text_error(text):
    # Given any text at all, I expect a value or a TextError.
    with contextlib.suppress(TextError):
        parse_text(text)
