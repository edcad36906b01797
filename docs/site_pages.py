"""A hook of MkDocs: pages and links of the repository that lie outside ``docs`` work in the site as they do there.

README.md is the start page, CONTRIBUTING.md and CHANGELOG.md are pages; other files that a page links to are copied
under ``source``. A link to a folder has no page to lead to, and stays as text.
"""

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(r"\[([^\]]*)\]\((?!\w+:)([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie at the root, and the files that pages link to."""
    for name, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text()))
    for linked in sorted(_linked(files)):
        files.append(File.generated(config, f"source/{linked}", abs_src_path=str(ROOT / linked)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let a page's links lead to where their files lie in the site."""
    uri = page.file.src_uri
    moved = LINK.sub(lambda link: _moved(link, uri), markdown)
    return moved.replace("][a-z", r"\][a-z")  # a pattern of characters in a table, and no reference


def _linked(files: Files) -> set[str]:
    """Return the files outside ``docs`` that pages link to, from the root."""
    targets = {
        _target(page.src_uri, link[1])
        for page in files.documentation_pages()
        for link in LINK.findall(page.content_string)
    }
    return {each for each in targets if each not in PAGES and not each.startswith("docs/") and (ROOT / each).is_file()}


def _moved(link: re.Match[str], uri: str) -> str:
    text, address, anchor = link.groups()
    target = _target(uri, address)
    if (ROOT / target).is_dir():
        return text
    place = relpath(_place(target), PurePosixPath(uri).parent)
    return f"[{text}]({place}{anchor or ''})"


def _target(uri: str, address: str) -> str:
    """Return which file of the repository, from its root, a link of a page leads to."""
    at_root = {page: name for name, page in PAGES.items()}
    return normpath(PurePosixPath(at_root.get(uri, f"docs/{uri}")).parent / address)


def _place(target: str) -> str:
    """Return where a file of the repository lies in the site."""
    if target in PAGES:
        return PAGES[target]
    return target.removeprefix("docs/") if target.startswith("docs/") else f"source/{target}"
