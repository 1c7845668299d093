"""The tables of the docs are those of the results."""

from __future__ import annotations

import json
from pathlib import Path

import illusion_tables

ROOT = Path(illusion_tables.__file__).parents[1]


def test_the_docs_hold_every_table_of_the_results_as_it_is() -> None:
    summaries = {
        path.stem.removeprefix("illusion_set_"): json.loads(path.read_text(encoding="utf-8"))["summary"]
        for path in sorted((ROOT / "results").glob("illusion_set_*.json"))
    }
    assert "paper" in summaries
    page = (ROOT / "docs" / "illusion_results.md").read_text(encoding="utf-8")
    for lines in (
        illusion_tables.variants(summaries),
        illusion_tables.kinds(summaries),
        *map(illusion_tables.categories, summaries.values()),
    ):
        assert "\n".join(lines) in page


def test_a_share_that_nothing_was_counted_for_is_a_dash() -> None:
    assert illusion_tables.percent({"value": None, "low": None, "high": None, "n": 0}) == "–"  # type: ignore[dict-item]
