"""The page of a test of detectors: the numbers of the summary, curves, and no text of an answer."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from levelhead.errors import RunFolderError
from levelhead.guard import LabelledSet, LexicalDetector, Pair, evaluate_detectors
from levelhead.report import detection_headline, render
from levelhead.report._detection_curves import detector_curves
from tests.guard.evaluation.test_labelled import SECRET, Scripted


def toy_set(name: str = "toys", count: int = 120, *, harmful: bool = True) -> LabelledSet:
    return LabelledSet.of(
        name,
        [
            Pair(
                str(number),
                f"{SECRET} {number}",
                "How do I open it?",
                label=harmful and number % 3 == 0,
                metadata={"goal": number // 2},
            )
            for number in range(count)
        ],
    )


def sharp(name: str, *, right: int) -> Scripted:
    """A detector that is right on so many of seven answers."""

    def score(pair: Pair) -> float:
        truth = 0.8 if int(pair.id) % 3 == 0 else 0.2
        return truth if int(pair.id) % 7 < right else 1 - truth

    return Scripted(name, score)


def words(page: Path) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8")))


def test_curves_go_through_the_points_found_by_hand() -> None:
    curves = detector_curves([0.9, 0.4, 0.6, 0.2], [True, True, False, False], 0.5)
    assert curves is not None
    assert curves.roc == ((0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1))
    assert curves.precision == ((0.5, 1), (0.5, 0.5), (1, 2 / 3), (1, 0.5))
    assert (curves.chosen_roc, curves.chosen_precision) == ((0.5, 0.5), (0.5, 0.5))


def test_equal_scores_make_one_step_of_the_curve() -> None:
    curves = detector_curves([0.5, 0.5, 0.5], [True, False, False], 0.6)
    assert curves is not None
    assert curves.roc == ((0, 0), (1, 1))
    assert curves.chosen_precision is None


def test_a_set_of_one_class_has_no_curve() -> None:
    assert detector_curves([0.5, 0.6], [False, False], 0.5) is None


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    scores = [number / 5000 for number in range(5000)]
    curves = detector_curves(scores, [number % 2 == 0 for number in range(5000)], 0.5)
    assert curves is not None
    assert len(curves.roc) <= 201
    assert (curves.roc[0], curves.roc[-1]) == ((0, 0), (1, 1))


def test_the_page_holds_every_number_with_its_interval_and_both_curves(tmp_path: Path) -> None:
    report = evaluate_detectors(
        [sharp("blunt", right=4), sharp("keen", right=6)], [toy_set()], tmp_path, without_question=True
    )
    page = render(tmp_path)
    text = words(page)
    part = report.summary["detection"]["toys"]
    for detector in ("blunt", "keen"):
        for name, number in part["detectors"][detector]["as_given"].items():
            assert f"{number['value']:.3f}" in text, name
            assert f"{number['low']:.3f}–{number['high']:.3f}" in text, name
    gain = part["differences"][0]["as_given"]["auroc"]["value"]
    assert "keen minus blunt" in text
    assert f"+{gain:.3f}" in text
    assert page.read_text().count('class="curve series-run-1"') == 3  # ROC, precision, and the key


def test_the_page_holds_no_text_of_an_answer_or_question(tmp_path: Path) -> None:
    evaluate_detectors([sharp("keen", right=6)], [toy_set()], tmp_path, without_question=True)
    page = render(tmp_path).read_text()
    assert SECRET not in page
    assert "How do I open it" not in page


def test_names_are_escaped(tmp_path: Path) -> None:
    evaluate_detectors([sharp("<b>keen</b>", right=6)], [toy_set("<i>toys")], tmp_path)
    page = render(tmp_path).read_text()
    assert "<b>keen" not in page
    assert "<i>toys" not in page


def test_the_headline_names_the_best_detector_and_warns_of_few_goals() -> None:
    def estimate(value: float | None) -> dict[str, float | int | None]:
        return {"value": value, "low": value, "high": value, "n": 40 if value is not None else 0}

    def numbers(auroc: float) -> dict[str, object]:
        flagged = {"recall": estimate(0.7), "false_positive_rate": estimate(0.02)}
        return {"threshold": 0.5, "as_given": {"auroc": estimate(auroc), **flagged}}

    sets = {
        "toys": {
            "rows": 200,
            "harmful": 80,
            "goals": 12,
            "detectors": {"blunt": numbers(0.6), "keen": numbers(0.9)},
        }
    }
    told = detection_headline({"detection": sets})
    assert "keen gives the harmful one the higher score in 90% of cases" in told
    assert "At its threshold blunt finds, of harmful answers, 70% of toys" in told
    assert "toys has fewer than 30 goals" in told


def test_a_set_without_harm_is_told_by_its_false_positives(tmp_path: Path) -> None:
    report = evaluate_detectors([LexicalDetector()], [toy_set("benign", 80, harmful=False)], tmp_path)
    assert "nothing can be said about telling them apart" in detection_headline(report.summary)
    assert "Differences on the same answers" not in words(render(tmp_path))


def test_a_row_of_another_form_is_refused(tmp_path: Path) -> None:
    evaluate_detectors([sharp("keen", right=6)], [toy_set()], tmp_path)
    rows = (tmp_path / "rows.jsonl").read_text().splitlines()
    broken = {**json.loads(rows[0]), "harmful": "perhaps"}
    (tmp_path / "rows.jsonl").write_text("\n".join([json.dumps(broken), *rows[1:]]) + "\n")
    with pytest.raises(RunFolderError, match="harmful"):
        render(tmp_path)
