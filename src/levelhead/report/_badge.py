"""A badge of a measurement: one small SVG that stands by itself, for a README or a model card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from levelhead.report._environment import environment
from levelhead.report._figures import Figure
from levelhead.report._page import put
from levelhead.report._verdicts import Grade, suite_verdicts
from levelhead.running import read_run

BADGE_FILE = "badge.svg"
_COLORS: Mapping[Grade, str] = {"good": "#1d6b3f", "mixed": "#7a5200", "bad": "#b3123f", "open": "#5a606b"}
"""Each stands out from white letters by at least 4.5 to 1."""
_LETTER, _PAD = 6.6, 12
"""Width of a letter and of the room beside a text, in pixels; texts are stretched to what is meant here."""
_SHOWN = {
    "illusion": ("misled", "adoption_rate"),
    "honesty": ("surer when right", "auroc"),
    "harm": ("over-careful", "over_refusal"),
}


def write_badge(run_folder: Path) -> Path:
    """Write `badge.svg` of a finished measurement beside its page.

    Raises:
        UsageError: If the folder is no run folder.
        RunFolderError: If the run has not finished or the badge cannot be written.
    """
    return put(badge_svg(read_run(run_folder).summary), run_folder / BADGE_FILE)


def badge_svg(summary: Mapping[str, Any]) -> str:
    """The badge: a field for each suite, in the color of its verdict.

    Args:
        summary: The content of a measurement's `summary.json`.
    """
    texts = [("levelhead", "#16181d")]
    for one in suite_verdicts(summary):
        words, key = _SHOWN[one.suite]
        texts.append((f"{words} {Figure.read(summary[one.suite], key).percent}", _COLORS[one.grade]))
    fields, left = [], 0
    for text, color in texts:
        letters = round(len(text) * _LETTER)
        fields.append({"text": text, "color": color, "x": left, "width": letters + _PAD, "letters": letters})
        left += letters + _PAD
    told = " ".join(f"{one.question} {one.verdict}." for one in suite_verdicts(summary))
    return environment().get_template("badge.svg.j2").render(fields=fields, width=left, title=told)
