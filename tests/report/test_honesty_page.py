"""The page of honesty runs: it holds the numbers of the summary and escapes what a model said."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import RunFolderError, UsageError
from levelhead.honesty import honesty_numbers, score_answers
from levelhead.report import render, render_comparison
from tests.report.conftest import OpenPage
from tests.report.honesty_runs import draw_picture, honesty_rows, write_honesty_run
from tests.report.runs import write_run
from tests.report.test_browser import CONTRASTS

TEXTS = (
    ".headline, .eyebrow, .standfirst, .small, .key li, .key strong, .plot th, .share, .interval, "
    ".axis-x span, .axis-y span, .axis-names, .measures th, .groups th, .shelf h4, .card h5, "
    ".card dd, .where, .verdict, .verdict-word, .reply, .answer-head, .terms dd, .prose"
)


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run of 400 questions in three tasks."""
    folder = tmp_path_factory.mktemp("honest") / "run"
    write_honesty_run(folder, honesty_rows(400))
    return render(folder)


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that compares a plain model with a better and a worse one."""
    folder = tmp_path_factory.mktemp("compared")
    plain = {"sure": False, "samples": False}
    write_honesty_run(folder / "a", honesty_rows(300, edge=0.6, **plain), name="vanilla")
    write_honesty_run(folder / "b", honesty_rows(300, edge=1.6, samples=False), name="sure")
    write_honesty_run(folder / "c", honesty_rows(300, edge=0.0, samples=False), name="vanilla")
    return render_comparison([folder / "a", folder / "b", folder / "c"], folder / "compare.html")


def words(page: Path) -> str:
    """The text of a page, its markup taken out."""
    return html.unescape(re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8")))


def test_the_page_holds_the_numbers_of_every_score(tmp_path: Path) -> None:
    summary = write_honesty_run(tmp_path, honesty_rows(300))
    page = words(render(tmp_path))
    for score in ("mix", "confidence", "sure", "agreement", "semantic_entropy"):
        for metric in ("auroc", "ap", "aurc", "e_aurc", "ece", "brier"):
            number = summary["honesty"].get(f"{metric}_{score}")
            if number is not None:
                assert f"{number['value']:.3f}" in page, f"{metric}_{score}"
                assert f"{number['low']:.3f}–{number['high']:.3f}" in page, f"{metric}_{score}"
    for rate in ("accuracy", "answered", "accuracy_answered", "over_refusal", "refusal_unanswerable"):
        number = summary["honesty"][rate]
        assert f"n = {number['n']:,}" in page, rate
    for task in summary["by_task"]:
        assert task in page


def test_every_judged_answer_is_counted_by_its_fate(tmp_path: Path) -> None:
    rows = honesty_rows(200)
    write_honesty_run(tmp_path, rows)
    page = render(tmp_path).read_text(encoding="utf-8")
    fates = re.findall(
        r'class="key-\w+"><strong>[^<]*</strong> ([^<]*) <span class="interval">([\d,]+)<', page
    )
    graded = [row for row in rows if row.correct is not None]
    hopeless = [row for row in rows if row.answers is None]
    assert sum(int(count) for _, count in fates) == len(graded) + len(hopeless)
    held = [row for row in graded if not row.correct and (row.p_sure or 0) < 0.5]
    assert ("wrong, and held back", str(len(held))) in fates


def test_what_a_model_said_is_escaped(honest: Path) -> None:
    page = honest.read_text(encoding="utf-8")
    assert "<script>document.title" not in page
    assert "<img src=x" not in page
    assert page.count("</script>") == 1
    assert " style=" not in page, "the policy would block it"


def test_the_page_refers_to_nothing_outside_itself(honest: Path, compared: Path) -> None:
    for path in (honest, compared):
        page = path.read_text(encoding="utf-8")
        assert re.findall(r'(?:href|src)="(?!#|data:)', page) == []
        assert re.findall(r"url\(|@import|https?://", page) == []


def test_hostile_texts_of_all_kinds_stay_text(tmp_path: Path) -> None:
    hostile = '<b onmouseover="alert(1)">&\' {{ 7 * 7 }}'

    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["question"] = row["task"] = row["answer"] = hostile
            row["metadata"] = {"relation": hostile}

    write_honesty_run(tmp_path, honesty_rows(30), change=change)
    page = render(tmp_path).read_text(encoding="utf-8")
    assert "<b onmouseover" not in page
    assert "&lt;b onmouseover=&#34;alert(1)&#34;&gt;&amp;&#39; {{ 7 * 7 }}" in page


def test_the_shelves_show_the_surest_wrong_answer_first(tmp_path: Path) -> None:
    rows = honesty_rows(200)
    write_honesty_run(tmp_path, rows)
    page = render(tmp_path).read_text(encoding="utf-8")
    shelf = page.split('id="shelf-wrong-sure"')[1].split("</section>")[0]
    wrong = [row for row in rows if row.correct is False and (row.p_sure or 0) >= 0.5]
    surest = max(wrong, key=lambda row: (row.confidence or 0) + (row.p_sure or 0))
    assert f"4 of {len(wrong)}" in shelf
    first = html.unescape(shelf.split("<h5")[1].split("</h5>")[0].split(">")[1])
    assert first == surest.question


def test_pictures_of_questions_are_shown_and_missing_ones_are_told(tmp_path: Path) -> None:
    picture = draw_picture(tmp_path / "run" / "pictures" / "a.png")
    (tmp_path / "moved").mkdir()
    picture = picture.rename(tmp_path / "moved" / "a.png")
    (tmp_path / "run" / "pictures").rmdir()

    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["images"] = [str(picture)] if row["task"] == "anatomy" else ["gone.png"]

    write_honesty_run(tmp_path / "run", honesty_rows(80), change=change)
    page = render(tmp_path / "run").read_text(encoding="utf-8")
    assert '<img src="data:image/webp;base64,' in page
    assert "gone.png cannot be read" in page


def test_a_run_that_was_not_asked_how_sure_it_is_shows_no_sureness(tmp_path: Path) -> None:
    write_honesty_run(tmp_path, honesty_rows(100, sure=False, samples=False))
    page = words(render(tmp_path))
    assert "How sure it says it is" not in page
    assert "Held back, of right answers" not in page
    assert "token confidence" in page


def test_answers_of_another_system_with_nothing_but_verdicts_get_a_page(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps({"correct": n % 2 == 0}) + "\n" for n in range(8)))
    score_answers(path, tmp_path / "run")
    page = words(render(tmp_path / "run"))
    assert "gives no confidence that could tell right from wrong" in page
    assert "What holding back" not in page
    assert "By the paper’s own rule" not in page


def test_both_suites_stand_on_one_page(tmp_path: Path) -> None:
    write_run(tmp_path / "illusion", questions=2)
    write_honesty_run(tmp_path / "honesty", honesty_rows(40))
    for name in ("rows.jsonl", "summary.json"):
        one, two = ((tmp_path / suite / name).read_text() for suite in ("illusion", "honesty"))
        if name == "summary.json":
            together = json.dumps({**json.loads(two), **json.loads(one)})
        else:
            named = [json.dumps({**json.loads(line), "suite": "honesty"}) for line in two.splitlines()]
            together = one + "\n".join(named) + "\n"
        (tmp_path / "illusion" / name).write_text(together)
    page = render(tmp_path / "illusion").read_text(encoding="utf-8")
    assert page.index('id="illusion"') < page.index('id="honesty"')
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert sorted(set(ids)) == sorted(ids)


def test_a_row_that_lacks_what_the_page_needs_is_named(tmp_path: Path) -> None:
    write_honesty_run(tmp_path, honesty_rows(10), change=lambda rows: rows[3].pop("question"))
    with pytest.raises(RunFolderError, match="row 4, field 'question'"):
        render(tmp_path)


def test_keys_of_newer_rows_are_passed_over(tmp_path: Path) -> None:
    write_honesty_run(tmp_path, honesty_rows(10), change=lambda rows: rows[3].update(new=1))
    assert render(tmp_path).exists()


def test_a_comparison_tells_better_from_worse_and_names_runs_of_one_model_by_their_folders(
    compared: Path,
) -> None:
    page = words(compared)
    table = compared.read_text(encoding="utf-8").split('id="differences"')[1]
    auroc = table.split(">AUROC<")[1].split("</tr>")[0]
    assert re.findall(r'class="number (better|worse)"', auroc) == ["better", "worse"]
    assert "sure tells its right answers from its wrong ones better than vanilla (a)" in page
    assert "vanilla (c)" in page


def test_runs_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    write_honesty_run(tmp_path / "a", honesty_rows(10))
    write_run(tmp_path / "b", questions=1)
    with pytest.raises(UsageError, match="two to 6"):
        render_comparison([tmp_path / "a"], tmp_path / "page.html")
    with pytest.raises(UsageError, match="holds no honesty suite"):
        render_comparison([tmp_path / "a", tmp_path / "b"], tmp_path / "page.html")
    others = [row.model_copy(update={"id": f"other {row.id}"}) for row in honesty_rows(10)]
    write_honesty_run(tmp_path / "c", others)
    with pytest.raises(UsageError, match="share no question"):
        render_comparison([tmp_path / "a", tmp_path / "c"], tmp_path / "page.html")


def test_the_base_of_a_comparison_is_told_on_the_questions_and_the_threshold_of_the_differences(
    tmp_path: Path,
) -> None:
    rows = honesty_rows(120, samples=False)
    write_honesty_run(tmp_path / "a", rows, name="base")
    write_honesty_run(tmp_path / "b", rows[:60], name="half")
    numbers = honesty_numbers(rows[:60], threshold=0.8)
    page = render_comparison([tmp_path / "a", tmp_path / "b"], tmp_path / "page.html", threshold=0.8)
    table = page.read_text(encoding="utf-8").split('id="differences"')[1]
    for label, key in (("Right, of all questions", "accuracy"), ("Willing to answer", "answered")):
        line = table.split(f">{label}<")[1].split("</tr>")[0]
        shown = re.findall(r'class="share">([^<]*)<', line)
        assert shown == [f"{numbers[key]['value']:.3f}", "0.000"], label


def test_runs_of_questions_without_an_answer_are_compared_by_what_they_refuse(tmp_path: Path) -> None:
    rows = [row for row in honesty_rows(400, samples=False) if row.answers is None and row.error is None]
    yielding = [row.model_copy(update={"p_sure": 0.9, "refused": False}) for row in rows]
    write_honesty_run(tmp_path / "a", yielding, name="base")
    write_honesty_run(tmp_path / "b", rows, name="tuned")
    page = words(render_comparison([tmp_path / "a", tmp_path / "b"], tmp_path / "page.html"))
    refused = sum(row.refused or (row.p_sure or 0) < 0.5 for row in rows) / len(rows)
    points = int(refused * 100 + 0.5)
    assert f"tuned refuses more of the questions that have no answer than base: {points} points" in page
    assert "What holding back" not in page


def test_runs_of_one_model_in_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for seed in ("seed-0", "seed-1"):
        write_honesty_run(tmp_path / seed / "eval", honesty_rows(40, samples=False), name="tuned")
    folders = [tmp_path / "seed-0" / "eval", tmp_path / "seed-1" / "eval"]
    page = words(render_comparison(folders, tmp_path / "page.html"))
    assert "tuned (seed-0/eval)" in page
    assert "tuned (seed-1/eval)" in page
    with pytest.raises(UsageError, match="given twice"):
        render_comparison([folders[0], folders[0]], tmp_path / "page.html")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["honest", "compared"])
def test_in_a_browser_text_stands_out_and_nothing_scrolls_sideways_on_a_phone(
    open_page: OpenPage, request: pytest.FixtureRequest, name: str, scheme: str
) -> None:
    path = request.getfixturevalue(name)
    page = open_page(path, scheme=scheme)
    measured = page.evaluate(CONTRASTS, TEXTS)
    assert len(measured) > 50
    assert [(ratio, who) for ratio, who in measured if ratio < 4.5] == []
    phone = open_page(path, width=360, scheme=scheme)
    phone.click("summary")
    assert phone.evaluate("document.documentElement.scrollWidth") == 360
