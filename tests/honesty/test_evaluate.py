"""Evaluation asks two things, whether a model answers and whether it is sure, and nothing twice."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from levelhead.errors import RunFolderError, UsageError
from levelhead.honesty import AnswerRow, Asking, PromptFormat, evaluate, rows_from
from levelhead.models import Model
from levelhead.records import Example, Prompt, Reply, Score
from levelhead.running import read_run
from tests.fakes import FakeModel
from tests.honesty.questions import Knower, Sampler, question_set

ASKING = Asking(PromptFormat())


def rows_of(folder: Path) -> list[AnswerRow]:
    return rows_from(AnswerRow, read_run(folder).rows, str(folder))


def evaluated(model: Model, out: Path, asking: Asking = ASKING, *, with_sure: bool = True) -> list[AnswerRow]:
    evaluate(model, question_set(), out, asking, with_sure=with_sure)
    return rows_of(out)


class Unscored(Knower):
    """Knows the same, but tells no log-probabilities of given texts."""

    can_score = False


class TwoTokens(Knower):
    """Gives fixed log-probabilities to the two tokens of `sure` and of `unsure`."""

    def __init__(self, sure: tuple[float, ...], unsure: tuple[float, ...]) -> None:
        super().__init__()
        self._verdicts = (sure, unsure)

    def _score(self, prompt: Prompt, continuation: str) -> Score:
        return Score(self._verdicts["unsure" in continuation])


class Doubtful(Knower):
    """Fails to score one of the two verdicts on the question about Rome."""

    def _score(self, prompt: Prompt, continuation: str) -> Score:
        if "Rome" in self._text(prompt) and "unsure" in continuation:
            return Score((), error="too long")
        return super()._score(prompt, continuation)


def test_every_question_is_answered_and_asked_how_sure_the_model_is(tmp_path: Path) -> None:
    model = Knower()
    rows = evaluated(model, tmp_path / "run")
    assert [row.id for row in rows] == [example.id for example in question_set()]
    assert [row.correct for row in rows] == [True, True, True, False, False, True, None]
    assert rows[0].confidence == pytest.approx(math.exp(-0.1))
    sure, unsure = math.exp(-0.15), math.exp(-3.05)
    assert [row.p_sure for row in rows] == pytest.approx(
        [sure / (sure + unsure)] * 3 + [unsure / (sure + unsure)] * 4
    )
    asked = [prompt for prompt, _ in model.scored if "Are you sure" in prompt.turns[-1].text]
    assert len(asked) == 2 * len(rows)


def test_the_model_is_asked_about_the_answer_that_it_gave(tmp_path: Path) -> None:
    model = Knower()
    evaluated(model, tmp_path / "run")
    about_accra = {
        prompt.turns[1].text
        for prompt, _ in model.scored
        if "Accra" in prompt.turns[0].text and len(prompt.turns) > 1
    }
    assert about_accra == {" Atlantis\n"}


def test_p_sure_is_told_over_whole_continuations_and_over_first_tokens(tmp_path: Path) -> None:
    # The first tokens favor unsure, all tokens together favor sure.
    row = evaluated(TwoTokens(sure=(-1.0, -0.1), unsure=(-0.5, -2.0)), tmp_path / "run")[0]
    assert row.p_sure == pytest.approx(math.exp(-1.1) / (math.exp(-1.1) + math.exp(-2.5)))  # 0.80
    assert row.p_sure_paper == pytest.approx(math.exp(-1.0) / (math.exp(-1.0) + math.exp(-0.5)))  # 0.38


def test_in_a_chat_both_verdicts_begin_alike_so_there_is_no_first_token_to_tell(tmp_path: Path) -> None:
    rows = evaluated(Knower(), tmp_path / "run", Asking(PromptFormat("chat")))
    assert {row.p_sure_paper for row in rows} == {None}
    assert None not in {row.p_sure for row in rows}


@pytest.mark.parametrize(("sure", "unsure", "wanted"), [(-5000.0, -1.0, 0.0), (-1.0, -5000.0, 1.0)])
def test_verdicts_that_are_worlds_apart_do_not_overflow(
    tmp_path: Path, sure: float, unsure: float, wanted: float
) -> None:
    rows = evaluated(TwoTokens((sure,), (unsure,)), tmp_path / "run")
    assert {round(row.p_sure or 0.0, 12) for row in rows} == {wanted}


def test_a_model_that_was_never_taught_to_say_it_is_not_asked(tmp_path: Path) -> None:
    model = Knower()
    rows = evaluated(model, tmp_path / "run", with_sure=False)
    assert {row.p_sure for row in rows} == {None}
    assert all("Are you sure" not in prompt.turns[-1].text for prompt, _ in model.scored)
    summary = read_run(tmp_path / "run").summary
    assert summary["score"] == "confidence"
    assert summary["honesty"]["auroc"] == summary["honesty"]["auroc_confidence"]
    assert summary["honesty"]["ap_sure"] == {"value": None, "low": None, "high": None, "n": 0}


def test_a_model_that_cannot_score_is_judged_by_its_confidence_alone(tmp_path: Path) -> None:
    model = Unscored()
    rows = evaluated(model, tmp_path / "run")
    assert not model.scored
    assert {row.p_sure for row in rows} == {None}
    assert rows[0].confidence is not None
    assert read_run(tmp_path / "run").summary["honesty"]["answered"]["value"] == 1.0


def test_the_summary_on_the_disk_is_the_one_returned_and_holds_all_fixed_numbers(tmp_path: Path) -> None:
    summary = evaluate(Knower(), question_set(), tmp_path / "run", ASKING)
    assert read_run(tmp_path / "run").summary == summary
    assert (summary["questions"], summary["failed"], summary["score"]) == (7, 0, "mix")
    numbers = summary["honesty"]
    fixed = "accuracy answered accuracy_answered ap ap_confidence ap_sure auroc ece brier aurc"
    assert set(fixed.split()) | {"refusal_unanswerable"} <= numbers.keys()
    assert numbers["accuracy"]["value"] == pytest.approx(4 / 6)
    assert numbers["answered"]["value"] == pytest.approx(3 / 6)
    assert numbers["accuracy_answered"]["value"] == 1.0
    assert (numbers["refusal_unanswerable"]["value"], numbers["refusal_unanswerable"]["n"]) == (1.0, 1)


def test_a_second_start_asks_nothing_again_and_gives_the_same(tmp_path: Path) -> None:
    asking = Asking(PromptFormat(), samples=3)
    first = evaluate(Sampler(), question_set(), tmp_path / "run", asking)
    rows = rows_of(tmp_path / "run")
    again = Sampler()
    assert evaluate(again, question_set(), tmp_path / "run", asking) == first
    assert rows_of(tmp_path / "run") == rows
    assert not again.asked
    assert not again.scored


def test_a_run_that_was_killed_asks_only_what_is_missing(tmp_path: Path) -> None:
    whole = evaluate(Knower(), question_set(), tmp_path / "whole", ASKING)
    evaluate(Knower(), question_set(), tmp_path / "run", ASKING)
    replies = tmp_path / "run" / "replies.jsonl"
    lines = replies.read_text().splitlines(keepends=True)
    replies.write_text("".join(lines[:-3]))
    again = Knower()
    assert evaluate(again, question_set(), tmp_path / "run", ASKING) == whole
    # Of 14 verdicts in batches of four the last two are gone, and the batch before, torn, counts as a whole.
    assert not again.asked
    assert len(again.scored) == 6
    assert rows_of(tmp_path / "run") == rows_of(tmp_path / "whole")


def test_another_threshold_or_score_needs_no_new_question(tmp_path: Path) -> None:
    evaluate(Knower(), question_set(), tmp_path / "run", ASKING)
    again = Knower()
    summary = evaluate(
        again, question_set(), tmp_path / "run", ASKING, threshold=0.0, score_name="confidence"
    )
    assert not again.asked
    assert not again.scored
    assert summary["honesty"]["answered"]["value"] == 1.0
    assert summary["honesty"]["ap"] == summary["honesty"]["ap_confidence"]


def test_a_folder_of_another_evaluation_is_refused(tmp_path: Path) -> None:
    evaluate(Knower(), question_set(), tmp_path / "run", ASKING)
    with pytest.raises(RunFolderError):
        evaluate(Knower(), question_set(), tmp_path / "run", replace(ASKING, max_new_tokens=5))
    with pytest.raises(RunFolderError):
        evaluate(Knower(), question_set()[1:], tmp_path / "run", ASKING)


def test_a_question_that_failed_is_not_asked_how_sure_and_stands_in_no_number(tmp_path: Path) -> None:
    class Failing(Knower):
        def _say(self, prompt: Prompt) -> Reply:
            return Reply.failed("too long") if "Rome" in self._text(prompt) else super()._say(prompt)

    model = Failing()
    rows = evaluated(model, tmp_path / "run")
    assert (rows[1].error, rows[1].answer, rows[1].correct, rows[1].p_sure) == ("too long", None, None, None)
    assert all("Rome" not in prompt.turns[0].text for prompt, _ in model.scored)
    summary = read_run(tmp_path / "run").summary
    assert (summary["failed"], summary["honesty"]["accuracy"]["n"]) == (1, 5)


def test_all_questions_may_fail_and_the_run_still_has_its_summary(tmp_path: Path) -> None:
    model = FakeModel(lambda prompt: Reply.failed("too long"))
    summary = evaluate(model, question_set()[:5], tmp_path / "run", ASKING)
    assert summary["failed"] == 5
    assert summary["honesty"]["accuracy"] == {"value": None, "low": None, "high": None, "n": 0}
    assert not model.scored


def test_a_verdict_that_could_not_be_scored_leaves_the_answer_and_gives_no_p_sure(tmp_path: Path) -> None:
    row = evaluated(Doubtful(), tmp_path / "run")[1]
    assert (row.answer, row.correct, row.p_sure, row.p_sure_paper) == ("Italy", True, None, None)


def test_sampled_answers_give_agreement_and_semantic_entropy_their_numbers(tmp_path: Path) -> None:
    summary = evaluate(Sampler(), question_set(), tmp_path / "run", Asking(PromptFormat(), samples=4))
    # Known answers are half contradicted by the samples, unknown ones are always Atlantis.
    assert summary["honesty"]["auroc_agreement"]["value"] == 0.0
    assert summary["honesty"]["auroc_semantic_entropy"]["value"] == 0.0
    assert summary["honesty"]["auroc_agreement"]["n"] == 5
    assert "ece_semantic_entropy" not in summary["honesty"]


def test_a_multiple_choice_answer_is_asked_for_its_sureness_too(tmp_path: Path) -> None:
    row = evaluated(Knower(), tmp_path / "run")[5]
    assert (row.answer, row.correct, row.refused) == ("B", True, False)
    assert row.p_sure is not None


def test_tasks_have_numbers_of_their_own(tmp_path: Path) -> None:
    examples = [
        replace(example, metadata={"task": "cities" if example.id[0] in "ku" else "others"})
        for example in question_set()
    ]
    summary = evaluate(Knower(), examples, tmp_path / "run", ASKING)
    assert list(summary["by_task"]) == ["cities", "others"]
    assert summary["by_task"]["cities"]["accuracy"]["value"] == pytest.approx(3 / 5)


def test_no_questions_are_a_wrong_call(tmp_path: Path) -> None:
    empty: list[Example] = []
    with pytest.raises(UsageError, match="no question"):
        evaluate(Knower(), empty, tmp_path / "run", ASKING)
    assert not (tmp_path / "run").exists()
