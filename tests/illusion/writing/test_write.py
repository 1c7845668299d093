"""What is written passes every check or is turned down with its reason, and a second start asks nothing."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from levelhead.errors import RunFolderError, UsageError
from levelhead.illusion import (
    Question,
    Rejection,
    Subject,
    WritingSettings,
    WrittenRow,
    lint,
    load_questions,
    write_questions,
)
from levelhead.illusion._lint import lint_question
from levelhead.illusion.writing._rows import read_rows
from levelhead.records import Reply
from tests.illusion.writing import recorded
from tests.illusion.writing.writers import ANIMALS, CITIES, SETTINGS, TOOLS, run, stage_of, writer


def passed(rows: list[WrittenRow]) -> list[Question]:
    return [row.question for row in rows if row.rejection is None and row.question is not None]


def turned_down(rows: list[WrittenRow], rejection: Rejection) -> list[WrittenRow]:
    return [row for row in rows if row.rejection is rejection]


def questions_of(*items: recorded.Item) -> str:
    return json.dumps({"questions": list(items)})


def test_recorded_questions_of_several_categories_pass_every_check(tmp_path: Path) -> None:
    report, rows = run(writer(), tmp_path / "out", ANIMALS, CITIES)
    assert report.passed == {"animal": 8, "city": 6}
    assert [problem for one in passed(rows) for problem in lint_question(one)] == []
    assert {one.question for one in passed(rows)} == {
        one["question"] for one in (*recorded.ANIMAL, *recorded.CITY)
    }
    for row in rows:
        if row.rejection is None and row.question is not None:
            assert row.agreement == 1.0
            assert row.answers == (row.question.gold,) * SETTINGS.checks
            assert row.question.id == row.id
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())["writing"]
    assert summary["passed"] == report.passed


def test_all_difficulties_are_asked_for_in_the_proportions_of_the_bank(tmp_path: Path) -> None:
    bank = Counter(one.difficulty for one in load_questions() if one.category == "city")
    assert WritingSettings(count=48).wanted() == bank
    assert sum(WritingSettings(count=7).wanted().values()) == 7
    _, rows = run(writer(), tmp_path / "out")
    assert {one.difficulty for one in passed(rows)} == {"easy", "common", "rare"}


def test_replies_are_asked_for_by_schema_and_answers_are_not(tmp_path: Path) -> None:
    seen: dict[str, set[bool]] = {}

    class Watching(type(writer())):  # type: ignore[misc]
        def iter_generate(self, prompts, sampling):  # type: ignore[no-untyped-def]
            for prompt in prompts:
                stage = stage_of(next(turn.text for turn in prompt.turns if turn.role == "user"))
                seen.setdefault(stage, set()).add(sampling.json_schema is not None)
            return super().iter_generate(prompts, sampling)

    model = writer()
    model.__class__ = Watching
    run(model, tmp_path / "out")
    assert seen == {"questions": {True}, "answer": {False}}


def test_a_question_that_breaks_a_rule_is_mended_once(tmp_path: Path) -> None:
    def script(stage: str, text: str) -> str | None:
        if stage == "questions" and "older children" in text:
            return questions_of(recorded.TOO_LONG)
        return "Tower Bridge" if recorded.MENDED["question"] in text else None

    model = writer(script)
    report, rows = run(model, tmp_path / "out", CITIES)
    assert report.mended == 1
    (mended,) = [row for row in rows if row.mended and row.rejection is None]
    assert mended.question is not None
    assert mended.question.gold == "Tower Bridge"
    shown = next(one.turns[-1].text for one in model.asked if "cannot be used" in one.turns[-1].text)
    assert "answer length" in shown
    assert recorded.TOO_LONG["gold"] in shown


@pytest.mark.parametrize(
    ("item", "rejection", "why"),
    [
        (recorded.GIVEN_AWAY, Rejection.RULE, "answer in question"),
        (recorded.FOUR_WRONG, Rejection.MALFORMED, "spurious"),
        ("Which animal barks?", Rejection.MALFORMED, ""),
        ({**recorded.ANIMAL[0], "gold": 7}, Rejection.MALFORMED, "gold"),
        (recorded.OF_THE_BANK, Rejection.DUPLICATE, "animal-007"),
        (recorded.WRONG_ANSWER, Rejection.UNCONFIRMED, "0 of 3 answers were 'cricket'"),
    ],
)
def test_the_usual_faults_are_turned_down_with_their_reason_and_cost_no_other_question(
    item: recorded.Item | str, rejection: Rejection, why: str, tmp_path: Path
) -> None:
    def script(stage: str, text: str) -> str | None:
        if stage == "questions" and "older children" in text:
            return json.dumps({"questions": [item, recorded.ANIMAL[0]]})
        if stage == "mend":
            return json.dumps(item)
        return "It is a firefly." if recorded.WRONG_ANSWER["question"] in text else None

    _, rows = run(writer(script), tmp_path / "out")
    found = turned_down(rows, rejection)
    assert found
    assert why in (found[0].why or "")
    assert recorded.ANIMAL[0]["question"] in {one.question for one in passed(rows)}
    if rejection is Rejection.UNCONFIRMED:
        assert found[0].agreement == 0.0
        assert found[0].answers == ("It is a firefly.",) * 3


def test_the_agreement_that_is_wanted_decides(tmp_path: Path) -> None:
    """Two of three answers are right."""

    class Wavering(type(writer())):  # type: ignore[misc]
        def iter_generate(self, prompts, sampling):  # type: ignore[no-untyped-def]
            for batch in super().iter_generate(prompts, sampling):
                yield [
                    (place, [*replies[:-1], Reply("dodo", "stop")] if sampling.n > 1 else replies)
                    for place, replies in batch
                ]

    def with_agreement(share: float) -> tuple[int, list[WrittenRow]]:
        model = writer()
        model.__class__ = Wavering
        report, rows = run(
            model, tmp_path / f"{share}", settings=replace(SETTINGS, min_agreement=share, rounds=1)
        )
        return sum(report.passed.values()), rows

    enough, rows = with_agreement(0.6)
    assert enough > 0
    assert {row.agreement for row in rows} == {2 / 3}
    assert with_agreement(0.7)[0] == 0


def test_a_right_answer_is_not_taken_again_and_again(tmp_path: Path) -> None:
    seen = ["in the garden wall", "on the village pond", "near the old mill", "under the stone bridge"]
    items = [
        recorded.item(
            f"Which animal did grandmother meet {place} on {day}?", "yak", "ox, ibex, gnu, saiga, kudu"
        )
        for place, day in zip(seen, ("Monday", "Friday", "Easter", "holiday"), strict=True)
    ]

    def script(stage: str, text: str) -> str | None:
        if stage == "questions":
            return questions_of(*items)
        return "yak" if "grandmother" in text else None

    _, rows = run(writer(script), tmp_path / "out", settings=replace(SETTINGS, rounds=1))
    assert len(passed(rows)) == 3
    assert turned_down(rows, Rejection.TOO_OFTEN)
    assert "gold too often" not in {problem.rule for problem in lint(passed(rows))}


def test_questions_of_a_users_domain_have_the_listed_names_as_right_answers(tmp_path: Path) -> None:
    stranger = recorded.item(
        "Which of our planes was never sold outside of the old town?",
        "Oddfellow",
        "Shorty, Anvil, Bulldog, Feather, Whisper",
    )

    def script(stage: str, text: str) -> str | None:
        if stage == "questions" and "quiz" in text:
            return questions_of(stranger)
        return None

    model = writer(script)
    _, rows = run(model, tmp_path / "out", TOOLS)
    assert {one.gold for one in passed(rows)} <= set(recorded.NAMES)
    assert passed(rows)
    assert turned_down(rows, Rejection.NAME)[0].why == "'Oddfellow' is not in the file of names"
    assert "Longfellow, Whisper, Bulldog" in model.asked[0].turns[-1].text


def test_a_request_that_stays_without_an_object_is_a_row_with_its_reason(tmp_path: Path) -> None:
    def script(stage: str, text: str) -> str | Reply | None:
        if stage != "questions":
            return None
        if "older children" in text:
            return Reply('{"questions": [{"question": "Which', "length")
        return "I'm sorry, but I can't help with that." if "quiz" in text else Reply.failed("too long")

    report, rows = run(writer(script), tmp_path / "out", settings=replace(SETTINGS, rounds=1))
    assert report.rejected == {"animal": {"cut off": 1, "no answer": 1, "refused": 1}}
    assert report.no_answer == "too long"
    assert all(row.question is None for row in rows)


def test_rounds_go_on_until_there_are_enough_and_tell_what_is_there(tmp_path: Path) -> None:
    model = writer(
        lambda stage, text: (
            questions_of(next(one for one in recorded.ANIMAL if one["question"] not in text))
            if stage == "questions"
            else None
        )
    )
    report, rows = run(model, tmp_path / "out", settings=replace(SETTINGS, count=3, rounds=8))
    assert report.passed["animal"] >= 3
    assert turned_down(rows, Rejection.DUPLICATE), "three requests at once do not know of each other"
    last = [one for one in model.asked if one.turns[-1].text.startswith("Topic:")][-1]
    assert recorded.ANIMAL[0]["question"] in last.turns[-1].text


def test_a_second_start_asks_nothing_and_gives_the_same_rows(tmp_path: Path) -> None:
    model = writer()
    run(model, tmp_path / "out")
    asked, rows = len(model.asked), (tmp_path / "out" / "rows.jsonl").read_bytes()
    run(model, tmp_path / "out")
    assert len(model.asked) == asked
    assert (tmp_path / "out" / "rows.jsonl").read_bytes() == rows


def test_other_settings_or_subjects_are_another_run(tmp_path: Path) -> None:
    run(writer(), tmp_path / "out")
    with pytest.raises(RunFolderError, match="made otherwise"):
        run(writer(), tmp_path / "out", settings=replace(SETTINGS, checks=2))
    with pytest.raises(RunFolderError, match="made otherwise"):
        run(writer(), tmp_path / "out", CITIES)


def test_a_question_of_the_users_own_bank_is_not_taken_again(tmp_path: Path) -> None:
    _, rows = run(writer(), tmp_path / "one")
    own = passed(rows)[:3]
    write_questions(writer(), tmp_path / "two", SETTINGS, [ANIMALS], own_bank=own, progress="off")
    _, rows = read_rows(tmp_path / "two")
    assert passed(rows)
    assert not {one.question for one in own} & {one.question for one in passed(rows)}


def test_row_ids_are_unique_even_if_a_question_comes_twice(tmp_path: Path) -> None:
    model = writer(
        lambda stage, text: (
            questions_of(recorded.ANIMAL[0], recorded.ANIMAL[0]) if stage == "questions" else None
        )
    )
    _, rows = run(model, tmp_path / "out", settings=replace(SETTINGS, rounds=2))
    assert len({row.id for row in rows}) == len(rows) > 2
    assert len(passed(rows)) == 1


@pytest.mark.parametrize("subjects", [[], [ANIMALS, Subject("animal", "beasts")]])
def test_no_subject_or_two_of_one_name_are_wrong_usage(subjects: list[Subject], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="several different ones"):
        write_questions(writer(), tmp_path / "out", SETTINGS, subjects)


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"rounds": 0},
        {"checks": 0},
        {"min_agreement": 0},
        {"near_duplicate": 2},
        {"temperature": -1},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        replace(SETTINGS, **wrong)  # type: ignore[arg-type]
