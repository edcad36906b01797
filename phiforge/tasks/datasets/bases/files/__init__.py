"""Files of a folder or an archive, whoever made it: names that lead elsewhere, links and bombs are refused."""

from phiforge.tasks.datasets.bases.files.opening import open_tree
from phiforge.tasks.datasets.bases.files.tree import FileTree, Listing

__all__ = ["FileTree", "Listing", "open_tree"]
