"""The small Omniglot, to be changed or to be read."""

import pytest

from tests.integration.omniglot.small import small_files, write_lists, write_zips


@pytest.fixture
def files():
    """The files of a small Omniglot, to be changed."""
    return small_files()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a small Omniglot as zips, not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    write_zips(folder, small_files())
    write_lists(folder)
    return folder
