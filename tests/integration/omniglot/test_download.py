"""A download is taken if its hash is the published one, and kept."""

import hashlib
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.tasks.datasets import omniglot
from phiforge.tasks.datasets.omniglot import Omniglot
from tests.integration.omniglot.small import SMALL, SMALL_CONFIG, small_is_whole


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Keep quiet."""


@contextmanager
def served(folder):
    """Serve a folder; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_download(whole, tmp_path):
    # Given a server with the archives, whose hashes are known, and the lists
    hashes = {archive: hashlib.sha256((whole / f"{archive}.zip").read_bytes()).hexdigest() for archive in SMALL}
    config = SMALL_CONFIG.model_copy(update={"split": "vinyals"})
    with small_is_whole(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(omniglot, "SHA256", hashes)
        # If no folder is given, I expect the archives and lists to be downloaded, and to give the same dataset;
        with served(whole) as url:
            found = Omniglot(config, Settings(home=tmp_path), urls=(url, f"{url}/splits/vinyals")).build()
        expected = Omniglot(config, Settings(home=tmp_path, omniglot=whole)).build()
        np.testing.assert_array_equal(found.images, expected.images)
        assert (found.classes, found.splits, found.source) == (expected.classes, expected.splits, expected.source)
        # and, now that the server is gone, to be there still.
        again = Omniglot(config, Settings(home=tmp_path), urls=(url, f"{url}/splits/vinyals")).build()
        assert again.source == found.source


def test_a_download_of_something_else(whole, tmp_path):
    # Given a server whose archives are not Omniglot's, if they are downloaded, I expect an error, and nothing kept.
    with small_is_whole(), served(whole) as url, pytest.raises(DataError, match="its SHA-256 is"):
        Omniglot(SMALL_CONFIG, Settings(home=tmp_path), urls=(url, url))
    assert list((tmp_path / "data" / "omniglot").iterdir()) == []
