"""The page frame: one self-contained file that holds the sections of all suites of a run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from levelhead.errors import RunFolderError
from levelhead.report._bench import bench_view
from levelhead.report._detection import detection_view
from levelhead.report._environment import environment
from levelhead.report._harm import harm_view
from levelhead.report._honesty import honesty_view
from levelhead.report._illusion import illusion_view
from levelhead.report._measured import measured_view
from levelhead.running import Run, read_run

_STYLES = (
    "page.css",
    "measured.css",
    "loop.css",
    "gallery.css",
    "honesty.css",
    "review.css",
    "detection.css",
    "harm.css",
    "side_by_side.css",
)
_SCRIPTS = ("page.js", "gallery.js")
_SECTIONS: Mapping[str, Callable[[Run], object | None]] = {
    "illusion": illusion_view,
    "bench": bench_view,
    "honesty": honesty_view,
    "detection": detection_view,
    "harm": harm_view,
}
"""By suite, in the order of the page: what makes the view of its section, or None if a run did not ask it."""


def render(run_folder: Path) -> Path:
    """Write `report.html` from the other files of a finished run folder, and from nothing else.

    The page loads nothing: styles, scripts and pictures stand in the file, and its content security policy
    forbids every request. What a model said is untrusted text and is escaped everywhere.

    Args:
        run_folder: Holds `manifest.json`, `rows.jsonl` and `summary.json`.

    Returns:
        The path of the page.

    Raises:
        UsageError: If the folder is no run folder.
        RunFolderError: If the run has not finished, is damaged or holds no suite that can be shown, or if the
            page cannot be written.
    """
    run = read_run(run_folder)
    return write_page(_content(run), run_folder / "report.html")


def _content(run: Run) -> dict[str, Any]:
    views = {name: view_of(run.of_suite(name)) for name, view_of in _SECTIONS.items()}
    found = {name: view for name, view in views.items() if view is not None}
    head = measured_view(run)
    sections = found if head is None else {"measured": head, **found}
    if not found:
        raise RunFolderError(
            f"{run.path / 'summary.json'} holds no suite that can be shown (looked for: "
            f"{', '.join(_SECTIONS)}). Run `levelhead measure MODEL` or `levelhead honesty eval MODEL` with "
            "this folder as --out."
        )
    manifest = run.manifest
    return frame(
        sections,
        title=manifest.model.name,
        date=day(manifest.finished or manifest.created),
        facts=manifest.model_dump(mode="json", by_alias=True),
    )


def frame(
    sections: Mapping[str, object], *, title: str, date: str, facts: Mapping[str, object]
) -> dict[str, Any]:
    """What the page's template needs.

    Args:
        sections: By the name of its template, the view that it renders.
        title: The model, or what else the page is about.
        date: When it was made, in words.
        facts: Told at the foot of the page.
    """
    style, script = (_assets(names) for names in (_STYLES, _SCRIPTS))
    return {
        "sections": sections,
        "model": title,
        "date": date,
        "manifest": facts,
        "style": style,
        "script": script,
        "policy": (
            f"default-src 'none'; img-src data:; style-src {_allow(style)}; script-src {_allow(script)}; "
            "base-uri 'none'; form-action 'none'"
        ),
    }


def write_page(content: Mapping[str, Any], path: Path) -> Path:
    """Render the page and put it in its place in one step.

    Raises:
        RunFolderError: If it cannot be written.
    """
    return put(environment().get_template("page.html.j2").render(content), path)


def put(text: str, path: Path) -> Path:
    """Put a text in its place in one step.

    Raises:
        RunFolderError: If it cannot be written.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        try:
            # Half a surrogate pair in a name cannot be encoded; a question mark stands in for it.
            draft.write_bytes(text.encode("utf-8", errors="replace"))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise RunFolderError(f"{path} cannot be written: {error.strerror}.") from error
    return path


def _assets(names: tuple[str, ...]) -> Markup:
    folder = files("levelhead.report") / "assets"
    # Safe: these files are ours, and hold no text of a model.
    return Markup("\n".join((folder / name).read_text(encoding="utf-8") for name in names))  # noqa: S704


def _allow(source: Markup) -> str:
    """The content security policy's name for one inline style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode('ascii')}'"


def day(moment: datetime) -> str:
    """A moment as the page tells it."""
    return f"{moment.day} {moment:%B %Y}"
