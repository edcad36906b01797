"""How tests are dealt out to processes: whatever shares a fixture that is dear stays in one, which makes it once.

With pytest 9.2, xdist's own groups (``--dist loadgroup``) are void and nothing says so: it writes them into a field of
each test that pytest no longer reads.
"""

from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/chaos/", "tests/integration/lineage/", "tests/integration/secured/", "tests/prediction/")
"""Folders whose fixtures are made once for all their files."""


class ByFileOrFolder(LoadScopeScheduling):
    """Keeps every file in one process, and every folder of ``TOGETHER``."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)
