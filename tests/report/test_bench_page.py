"""The page of a published benchmark: every number with its n, hostile text escaped, nothing made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from levelhead.illusion.bench._numbers import pope_numbers
from levelhead.report import bench_headline, render
from tests.illusion.bench.test_numbers import pope_row
from tests.report.runs import MANIFEST

HOSTILE = "<script>alert(1)</script>"


def write_bench(folder: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    summary = {
        "schema": 1,
        "model": HOSTILE,
        "bench": {
            "name": "pope",
            "title": "POPE",
            "notes": [f"A note {HOSTILE}"],
            "rows": len(rows),
            **pope_numbers(rows),
        },
    }
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "rows.jsonl").write_text("".join(json.dumps({"suite": "bench", **row}) + "\n" for row in rows))
    return summary


def test_the_page_shows_both_rules_every_part_and_every_reply(tmp_path: Path) -> None:
    rows = [pope_row("yes", "yes", group=str(at)) for at in range(3)] + [
        pope_row("no", None, verdict="refused"),
        pope_row("no", "yes") | {"category": HOSTILE},
    ]
    write_bench(tmp_path, rows)
    page = render(tmp_path).read_text(encoding="utf-8")
    assert "official rule" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "n = 5" in page
    assert "<dt>declined</dt><dd>1</dd>" in page


def test_the_headline_leaves_out_what_was_not_measured(tmp_path: Path) -> None:
    told = bench_headline(write_bench(tmp_path, [pope_row("no", "no")]))
    assert "POPE: 100% of 1 reply is right (95% interval 21–100%)." in told
    assert "Precision" not in told
    assert "No reply could be judged" in bench_headline(
        write_bench(tmp_path, [pope_row("no", None, verdict="failed")])
    )
