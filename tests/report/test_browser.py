"""The page in a real browser.

Whatever a test does, the fixture sees too that the console stays silent and no network is asked.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from levelhead.report import render
from tests.report.conftest import OpenPage
from tests.report.runs import HOSTILE_REPLIES, Row, write_run

pytestmark = pytest.mark.timeout(120)

TEXTS = (
    ".headline, .eyebrow, .standfirst, .date, .small, .key li, .key strong, .plot th, .plot .share, "
    ".interval, .gaps dd, .groups th, .groups .share, .sort, .filters label, .filters select, .count, "
    ".where, .card h4, .card dt, .card dd, .verdict, .reply, .reply mark, .more, .tally td, .tally a, "
    ".terms dd, summary"
)

CONTRASTS = """(selector) => {
  const parse = (color) => {
    const numbers = color.match(/[\\d.]+/g).map(Number);
    return color.startsWith("color(") ? numbers.map((n, i) => (i < 3 ? n * 255 : n)) : numbers;
  };
  const linear = (c) => ((c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    throw new Error("no ground");
  };
  return [...document.querySelectorAll(selector)].map((element) => {
    const pair = [luminance(parse(getComputedStyle(element).color)), luminance(ground(element))];
    return [(Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05), element.className || element.tagName];
  });
}"""


def shown(page: Any) -> tuple[int, int]:
    """The two numbers of "17 of 240 answers"."""
    found = re.fullmatch(r"([\d,]+) of ([\d,]+) answers", page.locator("#count").inner_text())
    assert found is not None
    first, second = (int(number.replace(",", "")) for number in found.groups())
    return first, second


def wait_for_count(page: Any, count: int) -> None:
    # The page's policy forbids eval, which rules out wait_for_function.
    expect(page.locator("#count")).to_have_text(re.compile(rf"^{count:,} of "))


def category_column(page: Any) -> list[str]:
    return [text.strip() for text in page.locator("#categories tbody th").all_inner_texts()]


def test_filters_narrow_the_gallery_and_the_count_follows(open_page: OpenPage, tmp_path: Path) -> None:
    rows = write_run(tmp_path)
    page = open_page(render(tmp_path))
    page.select_option("[name=show]", "all")
    wait_for_count(page, len(rows))
    page.select_option("[name=category]", "city")
    page.select_option("[name=condition]", "spurious")
    page.select_option("[name=verdict]", "pictured")
    wanted = [
        row
        for row in rows
        if (row["category"], row["condition"], row["verdict"]) == ("city", "spurious", "pictured")
    ]
    wait_for_count(page, len(wanted))
    cards = page.locator(".card")
    assert cards.count() == min(12, len(wanted))
    for text in cards.locator(".where").all_inner_texts():
        assert text.startswith("city")


def test_search_finds_words_of_replies_and_says_when_there_are_none(
    open_page: OpenPage, report: Path
) -> None:
    page = open_page(report)
    before = page.locator("#count").inner_text()
    page.fill("[name=text]", "CLEOPATRA")
    expect(page.locator("#count")).not_to_have_text(before)
    assert page.locator(".card").count() > 0
    assert all("Cleopatra" in text for text in page.locator(".card").all_inner_texts())
    page.fill("[name=text]", "no reply holds this")
    wait_for_count(page, 0)
    assert "No answer passes" in page.locator("#cards").inner_text()


def test_the_address_keeps_the_filters_and_brings_them_back(open_page: OpenPage, report: Path) -> None:
    page = open_page(report)
    page.select_option("[name=show]", "all")
    page.select_option("[name=category]", "plant")
    page.fill("[name=text]", "oak & beech")
    wait_for_count(page, 0)
    address = page.evaluate("location.hash")
    again = open_page(report, hash_=address)
    assert again.input_value("[name=text]") == "oak & beech"
    assert again.input_value("[name=category]") == "plant"
    again.click("#reset")
    assert again.evaluate("location.hash") == ""
    assert again.input_value("[name=show]") == "flipped"


def test_an_address_with_unknown_values_falls_back_to_the_defaults(open_page: OpenPage, report: Path) -> None:
    page = open_page(report, hash_="#show=nonsense&category=nowhere&verdict=correct")
    assert page.input_value("[name=show]") == "flipped"
    assert page.input_value("[name=category]") == ""
    assert page.input_value("[name=verdict]") == "correct"
    assert shown(page)[0] == 0


def test_numbers_of_the_tables_lead_to_their_answers(open_page: OpenPage, report: Path) -> None:
    page = open_page(report)
    link = page.locator(".tally a[href*='spurious'][href*='pictured']")
    count = int(link.inner_text().replace(",", ""))
    link.click()
    wait_for_count(page, count)
    page.locator("#categories tbody a").first.press("Enter")
    wait_for_count(page, 32)


def test_show_more_adds_cards_and_moves_the_focus_to_the_first_new_one(
    open_page: OpenPage, report: Path
) -> None:
    page = open_page(report)
    page.focus("#more")
    page.keyboard.press("Enter")
    assert page.locator(".card").count() == 24
    assert page.evaluate("[...document.querySelectorAll('.card')].indexOf(document.activeElement)") == 12


def test_the_category_table_sorts_by_click_and_by_keyboard(open_page: OpenPage, report: Path) -> None:
    page = open_page(report)
    header = page.locator("#categories thead th").first
    header.get_by_role("button").click()
    names = category_column(page)
    assert names == sorted(names)
    assert header.get_attribute("aria-sort") == "ascending"
    header.get_by_role("button").press("Enter")
    assert category_column(page) == sorted(names, reverse=True)
    page.locator("#categories thead th").nth(4).get_by_role("button").press("Space")
    cells = page.locator("#categories tbody tr td:nth-child(5)")
    values = [cell.get_attribute("data-value") for cell in cells.all()]
    rates = [float(value) for value in values if value]
    assert len(rates) > 8
    assert rates == sorted(rates, reverse=True)
    assert header.get_attribute("aria-sort") == "none"


def test_unmeasured_categories_stay_at_the_end_of_both_orders(open_page: OpenPage, tmp_path: Path) -> None:
    def forget(rows: list[Row]) -> None:
        for row in rows:
            if row["category"] == "animal":
                row["verdict"] = "other"

    write_run(tmp_path, questions=26, knows=1.0, change=forget)
    page = open_page(render(tmp_path))
    button = page.locator("#categories thead th").nth(4).get_by_role("button")
    for _ in range(2):
        button.click()
        assert category_column(page)[-1] == "animal"


def test_all_filters_and_buttons_are_reached_by_the_tab_key(open_page: OpenPage, report: Path) -> None:
    page = open_page(report)
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.name || document.activeElement.id"))
    assert {"theme", "show", "category", "condition", "verdict", "text", "more"} <= reached


def test_hostile_replies_are_shown_as_text(open_page: OpenPage, report: Path) -> None:
    page = open_page(report, hash_="#show=all")
    title = page.title()
    while page.locator("#more").is_visible():
        page.click("#more")
    texts = page.locator(".reply").all_text_contents()
    for reply in HOSTILE_REPLIES[:-1]:
        assert reply in texts
    assert page.locator(".card script, .card b, .card img[onerror]").count() == 0
    assert page.title() == title


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(open_page: OpenPage, report: Path, scheme: str) -> None:
    page = open_page(report, scheme=scheme)
    measured = page.evaluate(CONTRASTS, TEXTS)
    assert len(measured) > 100
    assert [(ratio, name) for ratio, name in measured if ratio < 4.5] == []


def test_the_dark_scheme_follows_the_system_and_the_button_overrules_it(
    open_page: OpenPage, report: Path
) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = (open_page(report, scheme=scheme) for scheme in ("light", "dark"))
    assert light.evaluate(ground) != dark.evaluate(ground)
    dark.click("#theme")
    assert dark.evaluate(ground) == light.evaluate(ground)
    light.focus("#theme")
    light.keyboard.press("Enter")
    assert light.evaluate(ground) != dark.evaluate(ground)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_scrolls_sideways_on_a_phone(open_page: OpenPage, report: Path, scheme: str) -> None:
    page = open_page(report, width=360, scheme=scheme, hash_="#show=all")
    while page.locator("#more").is_visible():
        page.click("#more")
    page.click("summary")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    wide = (
        "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > 361).length"
    )
    assert page.evaluate(wide) == 0


def test_a_run_without_flipped_answers_opens_with_all_answers(open_page: OpenPage, tmp_path: Path) -> None:
    write_run(tmp_path, questions=13, knows=0.0)
    page = open_page(render(tmp_path))
    assert shown(page) == (104, 104)
    assert "no question right without a picture" in page.locator(".headline").inner_text()


def test_the_tables_are_tables_to_a_screen_reader_on_a_phone_too(open_page: OpenPage, report: Path) -> None:
    page = open_page(report, width=360)
    plot = page.get_by_role("table", name="Share of right answers by condition", exact=True)
    assert plot.get_by_role("row").count() == 5
    assert plot.get_by_role("rowheader", name="Wrong answer pictured").count() == 1
    assert page.get_by_role("table", name="Illusion by category").get_by_role("row").count() == 14


def test_5000_answers_load_within_three_seconds_and_stay_fluid(open_page: OpenPage, tmp_path: Path) -> None:
    write_run(tmp_path, questions=625)
    path = render(tmp_path)
    start = time.perf_counter()
    page = open_page(path, hash_="#show=all")
    assert shown(page) == (5000, 5000)
    assert time.perf_counter() - start < 3
    page.fill("[name=text]", "mercury")
    expect(page.locator("#count")).not_to_have_text(re.compile("^5,000"))
    assert page.locator(".card").count() == 12, "cards are made as they are asked for"
