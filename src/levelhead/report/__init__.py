"""The report: a run folder in, one self-contained HTML page out.

The page is a frame with one section per suite. To add a suite, write a module that builds a plain view of its
rows and numbers, a template of the suite's name that renders the view, and name the suite in `_page.py`.
"""

from __future__ import annotations

from levelhead.report._badge import badge_svg, write_badge
from levelhead.report._bench import bench_headline
from levelhead.report._comparison import render_comparison
from levelhead.report._detection_headline import detection_headline
from levelhead.report._harm_comparison import harm_comparison_headline, render_harm_comparison
from levelhead.report._harm_headline import harm_headline
from levelhead.report._headline import illusion_headline
from levelhead.report._honesty_headline import honesty_headline
from levelhead.report._loop import loop_headline, render_loop
from levelhead.report._model_card import model_card, write_model_card
from levelhead.report._page import render
from levelhead.report._review import render_review
from levelhead.report._side_by_side import render_side_by_side
from levelhead.report._side_by_side_headline import comparison_headline
from levelhead.report._side_by_side_pairs import told_p
from levelhead.report._verdicts import SuiteVerdict, suite_verdicts
from levelhead.report._written import render_question_review

__all__ = [
    "SuiteVerdict",
    "badge_svg",
    "bench_headline",
    "comparison_headline",
    "detection_headline",
    "harm_comparison_headline",
    "harm_headline",
    "honesty_headline",
    "illusion_headline",
    "loop_headline",
    "model_card",
    "render",
    "render_comparison",
    "render_harm_comparison",
    "render_loop",
    "render_question_review",
    "render_review",
    "render_side_by_side",
    "suite_verdicts",
    "told_p",
    "write_badge",
    "write_model_card",
]
