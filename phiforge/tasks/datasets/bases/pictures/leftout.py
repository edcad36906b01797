"""What in a tree is no picture: it is left out, and said."""

from phiforge.tasks.datasets.bases.files import Listing
from phiforge.tasks.datasets.bases.pictures import formats
from phiforge.tasks.datasets.bases.problems import counted, quoted


def left_out(listing: Listing) -> list[str]:
    """Return a sentence for the files that are no pictures by their names, and one for folders without a picture."""
    others = sorted(path for path in listing.files if not formats.is_picture(path))
    empty = _empty(listing)
    remarks = []
    if others:
        many = counted(len(others), "file that is no picture", "files that are no pictures")
        remarks.append(f"left out {many} by name: {quoted(others)}; pictures are {', '.join(formats.SUFFIXES)}")
    if empty:
        remarks.append(f"left out {counted(len(empty), 'folder', 'folders')} without a picture: {quoted(empty)}")
    return remarks


def _empty(listing: Listing) -> list[str]:
    """Return the folders that hold no picture, below none that is named already."""
    full = {above for path in listing.files if formats.is_picture(path) for above in _above(path)}
    folders = {*listing.folders, *(above for path in listing.files for above in _above(path))}
    empty = folders - full
    return sorted(folder for folder in empty if empty.isdisjoint(_above(folder)))


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]
