"""The page of several illusion runs: its numbers, its words, and how it looks with one, three and nine."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from levelhead.comparing import compare_runs
from levelhead.report import comparison_headline, render_side_by_side
from tests.comparing.illusion_runs import name_run, write_runs
from tests.report.conftest import OpenPage
from tests.report.runs import HOSTILE_REPLIES
from tests.report.test_browser import CONTRASTS

TEXTS = (
    ".headline, .eyebrow, .standfirst, .small, .key li, .plot th, .share, .interval, .groups th, "
    ".measures th, .matrix td:not(.self), .leaders th, .grid th, .run-number, .where, .card h4, .verdict, "
    ".reply, .caution"
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The page of one, three and nine runs."""
    folder = tmp_path_factory.mktemp("runs")
    runs = write_runs(folder, 9, questions=26)
    name_run(runs[4], "openai:Some-Vision-Model-With-A-Long-Name-7B@http://gpu-3.lab.example:8000/v1")
    return {
        count: render_side_by_side(compare_runs(runs[:count]), folder / f"{count}.html")
        for count in (1, 3, 9)
    }


def words(page: Path) -> str:
    """The text of a page, its markup taken out."""
    return html.unescape(re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8")))


def test_every_run_stands_in_the_plot_and_the_table_under_its_number(
    pages: dict[int, Path], open_page: OpenPage
) -> None:
    for count, path in pages.items():
        page = open_page(path)
        assert page.locator(".run-plot tbody tr").count() == count
        assert page.locator("#runs tbody .run-number").all_inner_texts() == [
            str(number + 1) for number in range(count)
        ]


def test_the_table_sorts_by_any_number(pages: dict[int, Path], open_page: OpenPage) -> None:
    page = open_page(pages[9])
    page.locator("#runs th button", has_text="Right answers dropped").click()
    shares = [
        int(text.rstrip("%"))
        for text in page.locator("#runs td.accent:nth-child(6) .share").all_inner_texts()
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1]


def test_a_single_run_is_shown_and_said_to_have_nothing_to_compare_with(pages: dict[int, Path]) -> None:
    page = words(pages[1])
    assert "nothing to compare it with" in page
    assert "Differences from" not in page
    assert "Where they differ" not in page


def test_every_two_runs_are_in_the_matrix_with_opposite_signs(
    pages: dict[int, Path], open_page: OpenPage
) -> None:
    page = open_page(pages[9])
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#matrix tbody tr").all()]
    assert len(rows) == 9
    opposite = str.maketrans({"+": "−", "−": "+"})
    for down in range(9):
        for across in range(down):
            assert rows[down][across] == rows[across][down].translate(opposite)


def test_nine_runs_have_the_papers_table_and_fewer_do_not(
    pages: dict[int, Path], open_page: OpenPage
) -> None:
    drops = open_page(pages[9]).locator("#leaderboard td.accent .share").all_inner_texts()
    sizes = [int(text.replace("−", "-")) for text in drops]
    assert len(sizes) == 9
    assert sizes == sorted(sizes)
    assert open_page(pages[3]).locator("#leaderboard").count() == 0


def test_items_that_differ_show_what_each_run_said_and_no_reply_becomes_markup(
    tmp_path: Path, open_page: OpenPage
) -> None:
    hostile = HOSTILE_REPLIES[0]

    def insert(rows: list[dict[str, Any]]) -> None:
        rows[3]["reply"] = hostile

    runs = write_runs(tmp_path, 2, questions=4, change=insert)
    rows = [json.loads(line) for line in (runs[1] / "rows.jsonl").read_text().splitlines()]
    rows[3]["verdict"] = "correct" if rows[3]["verdict"] != "correct" else "pictured"
    (runs[1] / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = open_page(render_side_by_side(compare_runs(runs), tmp_path / "page.html"))
    assert hostile in page.locator(".reply").all_text_contents()
    assert page.title() != "owned"
    assert page.locator(".card img").count() > 0
    assert page.locator(".card img").first.evaluate("image => image.naturalWidth") > 0


def test_the_first_cards_show_wrong_pictures_of_different_questions(
    pages: dict[int, Path], open_page: OpenPage
) -> None:
    page = open_page(pages[3])
    where = page.locator(".card .where").all_inner_texts()[:10]
    assert all("Wrong answer pictured" in text for text in where)
    assert len({text.split(" · ")[0] for text in where}) == 10


def test_runs_that_agree_are_said_to_agree(tmp_path: Path) -> None:
    runs = write_runs(tmp_path, 2, questions=13)
    (runs[1] / "rows.jsonl").write_bytes((runs[0] / "rows.jsonl").read_bytes())
    found = compare_runs(runs)
    assert "No run is misled by wrong pictures more than another" in comparison_headline(found.content)
    assert "Nowhere: all runs got the same verdict" in words(render_side_by_side(found, tmp_path / "p.html"))


def test_the_headline_tells_the_most_and_the_least_misled_without_addresses_of_servers(
    tmp_path: Path,
) -> None:
    runs = write_runs(tmp_path, 3, questions=26)
    name_run(runs[0], "openai:weak@http://127.0.0.1:8000/v1")
    content = compare_runs(runs).content
    rates = [run["numbers"]["flip_rate"]["value"] for run in content["runs"]]
    headline = comparison_headline(content)
    assert rates[0] == max(rates)
    assert f"Wrong pictures take away {rates[0]:.0%} of what openai:weak knows" in headline


def test_the_headline_tells_of_answers_taken_over_where_as_many_right_ones_are_lost(tmp_path: Path) -> None:
    content = compare_runs(write_runs(tmp_path, 2, questions=13)).content
    names = [run["name"] for run in content["runs"]]
    rates = {"flip_rate": (0.6, 0.5), "adoption_rate": (0.48, 0.16)}
    for rate, values in rates.items():
        for run, value in zip(content["runs"], values, strict=True):
            run["numbers"][rate] = {"value": value, "low": value, "high": value, "n": 9}
    gaps = {"flip_rate": (-0.1, -0.3, 0.1), "adoption_rate": (-0.32, -0.42, -0.22)}
    for rate, (value, low, high) in gaps.items():
        content["pairs"][0]["differences"][rate] = {"value": value, "low": low, "high": high, "n": 9}
    headline = comparison_headline(content)
    assert f"{names[0]} gives the wrong picture's answer to 48% and {names[1]} to 16%: 32 points" in headline
    assert "cannot be told from chance" in headline
    content["pairs"][0]["differences"]["adoption_rate"]["high"] = 0.01
    assert "No run is misled by wrong pictures more than another" in comparison_headline(content)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("count", [1, 3, 9])
def test_the_page_fits_the_screen_and_can_be_read(
    pages: dict[int, Path], open_page: OpenPage, count: int, width: int, scheme: str
) -> None:
    page = open_page(pages[count], width=width, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    faint = [found for found in page.evaluate(CONTRASTS, TEXTS) if found[0] < 4.5]
    assert faint == []
