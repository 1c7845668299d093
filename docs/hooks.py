"""Links of the docs that lead out of their folder, for the site: results are taken along, code is named.

In the repository `../results/x.json` is a link that works. On the site the file comes along under `files/`;
a Markdown file, whose own links lead elsewhere, is named and not linked. A file that is not there ends the
build.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

_OUTWARD = re.compile(r"(!?)\[([^\]]*)\]\(((?:\.\./)+[^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the files outside of the docs that pages link to."""
    root = Path(config["docs_dir"]).parent
    found: set[str] = set()
    for page in list(files.documentation_pages()):
        for match in _OUTWARD.finditer(Path(page.abs_src_path).read_text(encoding="utf-8")):
            if (inside := _outside(page.src_uri, match[3])) is not None:
                if not (root / inside).is_file():
                    raise PluginError(f"{page.src_uri} links to {match[3]}, which is not there.")
                found.add(inside)
    for inside in sorted(found):
        if not inside.endswith(".md"):
            files.append(File.generated(config, f"files/{inside}", abs_src_path=str(root / inside)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Lead such links to the files that came along."""

    def led(match: re.Match[str]) -> str:
        inside = _outside(page.file.src_uri, match[3])
        if inside is None:
            return match[0]
        if inside.endswith(".md"):
            return f"{match[2]} (`{inside}`)"
        depth = page.file.src_uri.count("/")
        return f"{match[1]}[{match[2]}]({'../' * depth}files/{inside})"

    return _OUTWARD.sub(led, markdown)


def _outside(page: str, link: str) -> str | None:
    """Where a link of a page leads, from the root of the repository; None if it stays in the docs."""
    place = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
    return None if place.startswith("docs/") else place
