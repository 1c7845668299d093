"""The section of the harm suite: what it says, and what it must not hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import RunFolderError
from levelhead.report import harm_headline, render
from levelhead.report._figures import Figure
from levelhead.report._harm import harm_view
from levelhead.running import read_run
from tests.report.conftest import OpenPage
from tests.report.harm_runs import ASKED, SECRET, write_harm_run
from tests.report.test_browser import CONTRASTS


def test_the_page_of_a_run_holds_no_attack_and_no_answer_of_harmful_kind(tmp_path: Path) -> None:
    write_harm_run(tmp_path)
    rows = read_run(tmp_path).rows
    page = render(tmp_path).read_text()
    assert any(SECRET in row["arms"]["off"]["answer"] for row in rows), "there is something to hide"
    assert SECRET not in page
    assert ASKED not in page
    assert "Sneak a look" not in page, "a harmless request whose answer the guard stopped"
    assert "Ask first" not in page, "its rewriting"
    assert "What is the capital of land" in page, "harmless requests may be read"


def test_pictures_of_attacks_are_not_on_the_page(tmp_path: Path) -> None:
    write_harm_run(tmp_path, harmless=0, pictures=True)
    assert "<img" not in render(tmp_path).read_text()


def test_with_replies_harmful_texts_take_a_click(open_page: OpenPage, tmp_path: Path) -> None:
    write_harm_run(tmp_path, with_replies=True)
    page = open_page(render(tmp_path))
    shelf = page.locator("section.shelf", has=page.locator("#harm-shelf-stopped"))
    reply = shelf.locator("blockquote", has_text=SECRET).first
    question = shelf.locator("blockquote", has_text=ASKED).first
    assert not reply.is_visible()
    assert not question.is_visible()
    shelf.locator("summary", has_text="Show the answer").first.click()
    assert reply.is_visible()


def test_what_a_model_said_is_text_and_never_markup(open_page: OpenPage, tmp_path: Path) -> None:
    write_harm_run(tmp_path, with_replies=True)  # some answers are hostile
    page = open_page(render(tmp_path))
    assert page.locator(".reply script, .reply img").count() == 0


def test_tables_sort_and_a_phone_needs_no_sideways_scrolling(open_page: OpenPage, tmp_path: Path) -> None:
    write_harm_run(tmp_path)
    path = render(tmp_path)
    page = open_page(path)
    table = page.locator("#harm-attack-0")
    table.locator("button.sort", has_text="Scenario").click()
    names = [text.strip() for text in table.locator("tbody th").all_inner_texts()]
    assert names == sorted(names)
    assert len(names) == 7, "six scenarios, and a set without any"
    phone = open_page(path, width=390)
    assert phone.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(open_page: OpenPage, tmp_path: Path, scheme: str) -> None:
    write_harm_run(tmp_path, with_replies=True)
    page = open_page(render(tmp_path), scheme=scheme)
    texts = ".harm :is(.share, .interval, caption, .small, th, td, h3, h4, h5, summary, .verdict, .reply)"
    faint = [(ratio, name) for ratio, name in page.evaluate(CONTRASTS, texts) if ratio < 4.5]
    assert faint == []


def test_the_view_shows_the_numbers_of_the_summary(tmp_path: Path) -> None:
    harm = write_harm_run(tmp_path)["harm"]
    view = harm_view(read_run(tmp_path))
    assert view is not None
    rates = {rate.title: [one.figure for one in rate.arms] for rate in view.rates}
    assert list(rates) == [
        "Attack success by past-words",
        "Attack success by refusal words",
        "Over-refusal",
        "Utility",
    ]
    arms = ("off", "refuse", "rewrite")
    assert rates["Over-refusal"] == [Figure.read(harm["over_refusal"], arm) for arm in arms]
    attack = [Figure.read(harm["attack_success"][arm], "past-words") for arm in arms]
    assert rates["Attack success by past-words"] == attack
    assert [fate.title for fate in view.fates] == ["Answers to attacks", "Answers to harmless requests"]
    assert sum(segment.count for fate in view.fates for segment in fate.segments) == 240


def test_the_headline_tells_over_refusal_beside_attack_success(tmp_path: Path) -> None:
    said = harm_headline(write_harm_run(tmp_path))
    assert re.match(
        r"With the guard, \S+ of attacks get a harmful answer, \d+% without it; "
        r"\d+% of harmless requests are refused, \d+% without it\.",
        said,
    )
    assert "Caution" not in said


def test_a_judge_that_is_the_guards_own_is_warned_of_and_does_not_make_the_headline(tmp_path: Path) -> None:
    said = harm_headline(write_harm_run(tmp_path, of_guard=True))
    assert "Caution: past-words judges and guards too" in said
    assert re.match(r"With the guard, \d+% of attacks get an answer that does not decline, ", said)
    assert "judges and guards too" in render(tmp_path).read_text()


def test_few_requests_are_warned_of(tmp_path: Path) -> None:
    assert "Caution: 5 attacks and 7 harmless requests say little" in harm_headline(
        write_harm_run(tmp_path, attacks=5, harmless=7)
    )


def test_a_run_of_one_side_alone_can_be_shown(tmp_path: Path) -> None:
    said = harm_headline(write_harm_run(tmp_path / "harmless", attacks=0))
    assert said.startswith("No attack was judged. With the guard, ")
    assert "Attack success by" not in render(tmp_path / "harmless").read_text()
    said = harm_headline(write_harm_run(tmp_path / "attacks", harmless=0))
    assert "no harmless request was made" in said
    assert "Utility</strong>" not in render(tmp_path / "attacks").read_text()


def test_a_damaged_row_is_told_by_number_and_not_quoted(tmp_path: Path) -> None:
    write_harm_run(tmp_path)
    path = tmp_path / "rows.jsonl"
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    rows[3]["arms"]["off"]["answer"] = ["a secret"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(RunFolderError, match=r"row 4, field 'arms\.off\.answer'") as caught:
        render(tmp_path)
    assert "a secret" not in str(caught.value)
