from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import RunFolderError, UsageError
from levelhead.report import render
from tests.report.runs import HOSTILE_REPLIES, Row, write_files, write_run


def page_of(folder: Path, **how: Any) -> str:
    write_run(folder, **how)
    return render(folder).read_text(encoding="utf-8")


def data_of(page: str) -> Any:
    block = re.search(r'<script type="application/json" id="illusion-data">(.*?)</script>', page, re.DOTALL)
    assert block is not None
    return json.loads(block[1])


def test_the_page_refers_to_nothing_outside_itself(report: Path) -> None:
    page = report.read_text(encoding="utf-8")
    markup = page[: page.index('<script type="application/json"')]
    assert re.findall(r'(?:href|src)="(?!#)', markup) == []
    assert re.findall(r"url\(|@import|https?://", page) == []
    assert " style=" not in page, "the policy would block it"


def test_the_security_policy_allows_exactly_our_style_and_our_script(report: Path) -> None:
    page = report.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src &#39;none&#39;; img-src data:;")
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert content is not None
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy[1]


def test_hostile_replies_cannot_leave_the_data_block_and_come_back_unchanged(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    assert page.count("</script>") == 2
    replies = {row["reply"] for row in data_of(page)["rows"]}
    assert set(HOSTILE_REPLIES) & replies == set(HOSTILE_REPLIES)


def test_a_hostile_category_is_escaped_in_tables_links_and_filters(tmp_path: Path) -> None:
    hostile = '<b onmouseover="alert(1)">&\''

    def rename(rows: list[Row]) -> None:
        for row in rows:
            row["category"] = hostile

    page = page_of(tmp_path, questions=2, change=rename)
    assert "<b onmouseover" not in page
    assert "&lt;b onmouseover=&#34;alert(1)&#34;&gt;&amp;&#39;" in page
    assert "category=%3Cb%20onmouseover%3D%22alert%281%29%22%3E%26%27" in page


def test_every_answer_is_in_the_page_and_flipped_ones_come_first(tmp_path: Path) -> None:
    rows = write_run(tmp_path)
    cards = data_of(render(tmp_path).read_text(encoding="utf-8"))["rows"]
    right = {row["question_id"] for row in rows if row["condition"] == "none" and row["verdict"] == "correct"}
    flipped = [
        row
        for row in rows
        if row["condition"] == "spurious"
        and row["question_id"] in right
        and row["verdict"] not in ("correct", "failed")
    ]
    assert len(cards) == len(rows)
    assert [card.get("flipped", False) for card in cards] == [True] * len(flipped) + [False] * (
        len(rows) - len(flipped)
    )


def test_the_first_cards_show_different_questions(report: Path) -> None:
    cards = data_of(report.read_text(encoding="utf-8"))["rows"][:12]
    assert len({card["question"] for card in cards}) == 12


def test_each_distinct_picture_is_embedded_once_and_small(tmp_path: Path) -> None:
    rows = write_run(tmp_path)
    page = render(tmp_path).read_text(encoding="utf-8")
    pictures = data_of(page)["pictures"]
    distinct = {
        hashlib.sha256((tmp_path / row["image"]).read_bytes()).digest() for row in rows if row["image"]
    }
    assert len(pictures) == len(distinct) == page.count("data:image/webp;base64,")
    # 208 questions with 7 pictures each stay under 12 MB if a picture takes less than this.
    assert max(map(len, pictures)) < 8_000


def test_a_picture_that_cannot_be_read_is_told_on_its_card_and_counted(tmp_path: Path) -> None:
    rows = write_run(tmp_path, questions=1)
    (tmp_path / rows[2]["image"]).write_bytes(b"no picture")
    (tmp_path / rows[3]["image"]).unlink()
    page = render(tmp_path).read_text(encoding="utf-8")
    problems = [card["pictureProblem"] for card in data_of(page)["rows"] if "pictureProblem" in card]
    assert len(problems) == 2
    assert "2 picture files could not be read" in page


def test_pictures_may_have_absolute_paths(tmp_path: Path) -> None:
    def move(rows: list[Row]) -> None:
        for row in rows:
            row["image"] = row["image"] and str(tmp_path / "elsewhere" / row["image"])

    assert len(data_of(page_of(tmp_path / "run", questions=1, change=move))["pictures"]) == 7


def test_optional_keys_may_be_missing(tmp_path: Path) -> None:
    needed = {"question_id", "category", "condition", "question", "gold", "reply", "verdict"}
    rows = write_run(tmp_path, questions=2)
    write_files(tmp_path, rows)
    lean = [{key: value for key, value in row.items() if key in needed} for row in rows]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lean))
    (tmp_path / "summary.json").write_text(json.dumps({"illusion": {"acc_none": {"value": 0.5, "n": 2}}}))
    page = render(tmp_path).read_text(encoding="utf-8")
    assert len(data_of(page)["rows"]) == 16
    assert "By category" not in page
    assert "By the paper’s own rule" not in page


def test_rows_of_other_suites_are_left_to_their_own_sections(tmp_path: Path) -> None:
    rows = write_run(tmp_path, questions=1)
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write(json.dumps({"suite": "honesty", "id": "x"}) + "\n")
    assert len(data_of(render(tmp_path).read_text(encoding="utf-8"))["rows"]) == len(rows)


def test_several_kinds_of_picture_get_a_table_of_their_own(tmp_path: Path) -> None:
    def vary(rows: list[Row]) -> None:
        for row in rows[::2]:
            row["kind"] = row["kind"] and "photo"

    one = page_of(tmp_path / "one", questions=4)
    two = page_of(tmp_path / "two", questions=4, change=vary)
    for words in ("By kind of picture", "Each category with each kind of picture"):
        assert words not in one
        assert words in two
    assert "<bdi>animal, photo</bdi>" in two


def test_paper_mode_is_said_and_its_rule_not_compared_with_itself(tmp_path: Path) -> None:
    write_run(tmp_path, questions=2)
    summary = json.loads((tmp_path / "summary.json").read_text())
    (tmp_path / "summary.json").write_text(json.dumps(summary | {"mode": "paper"}))
    page = render(tmp_path).read_text(encoding="utf-8")
    assert "Paper mode:" in page
    assert "By the paper’s own rule" not in page


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    assert page_of(tmp_path / "a", questions=13) == page_of(tmp_path / "b", questions=13)


def test_a_page_that_exists_is_replaced_and_no_draft_is_left(tmp_path: Path) -> None:
    write_run(tmp_path, questions=1)
    before = {path.name for path in tmp_path.iterdir()}
    (tmp_path / "report.html").write_text("old")
    assert render(tmp_path).read_text(encoding="utf-8") != "old"
    assert {path.name for path in tmp_path.iterdir()} == before | {"report.html"}


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"manifest\.json"):
        render(tmp_path)


@pytest.mark.parametrize("name", ["rows.jsonl", "summary.json"])
def test_an_unfinished_run_is_refused_by_the_name_of_what_is_missing(tmp_path: Path, name: str) -> None:
    write_run(tmp_path, questions=1)
    (tmp_path / name).unlink()
    with pytest.raises(RunFolderError, match=name):
        render(tmp_path)


def test_a_row_that_lacks_what_the_page_needs_is_named(tmp_path: Path) -> None:
    rows = write_run(tmp_path, questions=1)
    del rows[3]["gold"]
    write_text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "rows.jsonl").write_text(write_text)
    with pytest.raises(RunFolderError, match="row 4, field 'gold'"):
        render(tmp_path)


def test_a_run_without_a_suite_to_show_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path, questions=1)
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(RunFolderError, match="no suite that can be shown"):
        render(tmp_path)


def test_a_page_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    write_run(tmp_path, questions=1)
    (tmp_path / "report.html").mkdir()
    with pytest.raises(RunFolderError, match="cannot be written"):
        render(tmp_path)


def test_the_page_names_the_prompt_variant_and_a_card_shows_the_description(tmp_path: Path) -> None:
    def describe(rows: list[Row]) -> None:
        rows[1]["caption"] = "A word on a wall."

    write_run(tmp_path, questions=2, change=describe)
    summary = json.loads((tmp_path / "summary.json").read_text())
    (tmp_path / "summary.json").write_text(json.dumps(summary | {"variant": "caption-first"}))
    page = render(tmp_path).read_text(encoding="utf-8")
    assert "caption-first (describe the picture first, answer in a second ask)" in page
    captions = [row["caption"] for row in data_of(page)["rows"] if "caption" in row]
    assert captions == ["A word on a wall."]
