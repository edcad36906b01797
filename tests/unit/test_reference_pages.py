"""The pages of docs/reference say what the code says."""

from pathlib import Path

import pytest

from phiforge_client.reference_pages import PAGES

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(name):
    # Given a page of the reference, if it is written again, Expect it to be as it is; else type `make reference`
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name]()
