"""The report: a run folder in, one self-contained HTML page out.

The page is a frame with one section per suite. To add a suite, write a module that builds a plain view of its
rows and numbers, a template of the suite's name that renders the view, and name the suite in `_page.py`.
"""

from __future__ import annotations

from levelhead.report._comparison import render_comparison
from levelhead.report._detection_headline import detection_headline
from levelhead.report._harm_headline import harm_headline
from levelhead.report._headline import illusion_headline
from levelhead.report._honesty_headline import honesty_headline
from levelhead.report._page import render
from levelhead.report._review import render_review

__all__ = [
    "detection_headline",
    "harm_headline",
    "honesty_headline",
    "illusion_headline",
    "render",
    "render_comparison",
    "render_review",
]
