from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from levelhead.errors import ModelError, RunFolderError, UsageError
from levelhead.guard import Failure, Scenario, SynthesisSettings, synthesize
from levelhead.guard.synthesis._rows import SynthesisRow
from levelhead.records import Reply
from tests.guard.synthesis.writers import FILMS, QUESTIONS, SETTINGS, WAITERS, synthesized, writer


def ended(rows: list[SynthesisRow], failure: Failure) -> list[SynthesisRow]:
    return [row for row in rows if row.failure is failure]


def test_every_question_gets_both_answers(tmp_path: Path) -> None:
    report, rows = synthesized(writer(), tmp_path / "out")
    assert (report.scenarios, report.questions, report.pairs, report.failed) == (2, 6, 6, {})
    assert [row.question for row in rows] == list(QUESTIONS[:6])
    for row in rows:
        assert row.stage == "done"
        assert row.acceptable == f"Kindly, no: {row.question}"
        assert row.unacceptable == f"Sure, spoil it: {row.question}"
    assert {row.category for row in rows} == {"manners"}
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["synthesis"]["pairs"] == 6


def test_ids_depend_on_the_question_and_on_nothing_else(tmp_path: Path) -> None:
    _, rows = synthesized(writer(), tmp_path / "one")
    _, turned = synthesized(writer(), tmp_path / "two", WAITERS, FILMS)
    assert {row.question: row.id for row in rows} == {row.question: row.id for row in turned}
    assert len({row.id for row in rows}) == len(rows)


def test_topics_bring_scenarios(tmp_path: Path) -> None:
    model = writer(lambda stage, text: "gibberish" if text.startswith("Topic: noise") else None)
    report = synthesize(model, tmp_path, SETTINGS, topics=["manners", "noise", "manners"], progress="off")
    assert (report.scenarios, report.pairs) == (2, 6)
    assert report.failed == {"scenarios": {"malformed": 1}}


def test_a_model_that_writes_few_questions_is_asked_in_rounds(tmp_path: Path) -> None:
    def two_of_them(stage: str, text: str) -> str | None:
        fresh = [one for one in QUESTIONS if one not in text]
        return json.dumps({"questions": fresh[:2]}) if stage == "questions" else None

    model = writer(two_of_them)
    report, rows = synthesized(model, tmp_path, FILMS, settings=replace(SETTINGS, questions=21))
    # Three rounds of at most ten, each told what is there already.
    assert report.questions == 6
    assert [row.question for row in rows] == list(QUESTIONS[:6])


def test_malformed_json_has_a_second_try_with_another_seed_and_its_own_reply_before_it(
    tmp_path: Path,
) -> None:
    def at_first_wrong(stage: str, text: str) -> str | None:
        return '{"answer": ' if stage == "acceptable" and "second try" not in text else None

    model = writer(at_first_wrong)
    report, _ = synthesized(model, tmp_path, FILMS)
    assert (report.pairs, report.repaired, report.failed) == (3, 3, {})
    second = [prompt for prompt in model.asked if len(prompt.turns) == 4]
    assert [prompt.turns[-2].text for prompt in second] == ['{"answer": '] * 3
    assert all("not JSON" in prompt.turns[-1].text for prompt in second)


def test_what_stays_malformed_is_counted_with_its_reason_and_goes_no_further(tmp_path: Path) -> None:
    def one_wrong(stage: str, text: str) -> str | None:
        return '{"answer": 7}' if stage == "acceptable" and QUESTIONS[0] in text else None

    model = writer(one_wrong)
    report, rows = synthesized(model, tmp_path, FILMS)
    assert report.failed == {"acceptable": {"malformed": 1}}
    (row,) = ended(rows, Failure.MALFORMED)
    assert (row.question, row.acceptable, row.unacceptable) == (QUESTIONS[0], None, None)
    assert row.why is not None
    assert row.why.startswith("answer")
    about_it = [prompt for prompt in model.asked if f"Question: {QUESTIONS[0]}" in prompt.turns[1].text]
    assert len(about_it) == 2, "one try, one repair, and no unacceptable answer asked for"


def test_a_refusal_is_a_reason_of_its_own_and_is_not_pressed(tmp_path: Path) -> None:
    def declines(stage: str, text: str) -> str | None:
        if stage == "questions" and FILMS.text in text:
            return "I'm sorry, but I can't help with that."
        if stage == "unacceptable" and QUESTIONS[3] in text:
            return json.dumps({"answer": "I'm sorry, I cannot help with that."})
        return None

    model = writer(declines)
    report, rows = synthesized(model, tmp_path)
    assert report.failed == {"questions": {"refused": 1}, "unacceptable": {"refused": 1}}
    assert [row.question for row in ended(rows, Failure.REFUSED)] == [QUESTIONS[3], None]
    assert all(len(prompt.turns) == 2 for prompt in model.asked)


def test_an_unacceptable_answer_equal_to_the_acceptable_one_is_none(tmp_path: Path) -> None:
    same = json.dumps({"answer": "The butler did it."})
    report, _ = synthesized(
        writer(lambda stage, text: same if stage.endswith("acceptable") else None), tmp_path, FILMS
    )
    assert report.failed == {"unacceptable": {"identical answers": 3}}


def test_near_duplicates_are_counted_and_name_the_first(tmp_path: Path) -> None:
    asked = ["How does the film end?", "HOW does the film  end", "Who is the murderer?"]
    listed = json.dumps({"questions": asked})
    model = writer(lambda stage, text: listed if stage == "questions" else None)
    report, rows = synthesized(model, tmp_path, FILMS, WAITERS)
    # Twice word for word in the other scenario too.
    assert (report.pairs, report.failed) == (2, {"questions": {"duplicate": 4}})
    first = next(row for row in rows if row.question == asked[0])
    repeated = [row for row in rows if row.duplicate_of == first.id]
    assert len(repeated) == 3
    assert len({row.id for row in rows}) == 6


def test_a_scenario_given_twice_is_a_duplicate(tmp_path: Path) -> None:
    again = Scenario(f"{FILMS.text.upper()}!", "loud")
    report, rows = synthesized(writer(), tmp_path, FILMS, again)
    assert (report.scenarios, report.failed) == (1, {"scenarios": {"duplicate": 1}})
    assert [row.scenario for row in ended(rows, Failure.DUPLICATE)] == [again.text]


def test_a_run_that_broke_off_asks_nothing_twice_and_ends_the_same(tmp_path: Path) -> None:
    _, whole = synthesized(writer(), tmp_path / "whole")
    heard: list[str] = []

    def breaks(stage: str, text: str) -> None:
        heard.append(text)
        if len(heard) == 9:
            raise ModelError("gone")

    with pytest.raises(ModelError):
        synthesized(writer(breaks), tmp_path / "out")
    after = writer()
    _, rows = synthesized(after, tmp_path / "out")
    assert rows == whole
    stored = set(heard[:6])  # a batch of two questions, then a batch of four answers, then it broke
    assert not stored & {prompt.turns[1].text for prompt in after.asked}
    summaries = [(tmp_path / name / "summary.json").read_text() for name in ("whole", "out")]
    assert summaries[0] == summaries[1]


def test_what_got_no_answer_is_asked_again_at_the_next_start(tmp_path: Path) -> None:
    broken = writer(lambda stage, text: Reply.failed("busy") if stage == "unacceptable" else None)
    report, _ = synthesized(broken, tmp_path, FILMS)
    assert (report.no_answer, report.failed) == ("busy", {"unacceptable": {"no answer": 3}})
    mended = writer()
    report, _ = synthesized(mended, tmp_path, FILMS)
    assert (report.pairs, len(mended.asked)) == (3, 3)


def test_other_scenarios_or_settings_are_another_run(tmp_path: Path) -> None:
    synthesized(writer(), tmp_path, FILMS)
    with pytest.raises(RunFolderError, match="data"):
        synthesized(writer(), tmp_path, WAITERS)
    with pytest.raises(RunFolderError, match="questions: 3 -> 4"):
        synthesized(writer(), tmp_path, FILMS, settings=replace(SETTINGS, questions=4))


def test_it_starts_from_scenarios_or_topics_and_not_from_both(tmp_path: Path) -> None:
    for scenarios, topics in (((), ()), ((FILMS,), ("manners",))):
        with pytest.raises(UsageError, match="one of the two"):
            synthesize(writer(), tmp_path, SETTINGS, scenarios=scenarios, topics=topics)


@pytest.mark.parametrize(
    "wrong", [{"questions": 0}, {"scenarios": 0}, {"near_duplicate": 0.0}, {"temperature": -1.0}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        SynthesisSettings(**wrong)  # type: ignore[arg-type]


def test_braces_in_a_scenario_do_no_harm_to_the_prompt(tmp_path: Path) -> None:
    model = writer(
        lambda stage, text: json.dumps({"questions": [QUESTIONS[3]]}) if stage == "questions" else None
    )
    synthesized(model, tmp_path, Scenario("a {loud} {0} phone", "trains"))
    assert all("a {loud} {0} phone" in prompt.turns[1].text for prompt in model.asked)
