"""The frame that the pages of all comparisons have: title, date, and how each run was made."""

from __future__ import annotations

from pathlib import Path

from levelhead.comparing import Comparison
from levelhead.report._page import day, frame, write_page


def write_compared(comparison: Comparison, section: str, view: object, path: Path) -> Path:
    """Write the page of a comparison.

    Args:
        comparison: As `compare_runs` gives it.
        section: Name of the template that shows the view.
        view: What it shows.
        path: Where the page goes.

    Returns:
        The path.

    Raises:
        RunFolderError: If it cannot be written.
    """
    names, manifests = comparison.names, [one.run.manifest for one in comparison.runs]
    latest = max(manifest.finished or manifest.created for manifest in manifests)
    facts = {
        name: manifest.model_dump(mode="json", by_alias=True)
        for name, manifest in zip(names, manifests, strict=True)
    }
    title = " / ".join(names) if len(names) <= 3 else f"{len(names)} runs"
    return write_page(frame({section: view}, title=title, date=day(latest), facts=facts), path)
