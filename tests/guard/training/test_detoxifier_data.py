"""Which pairs a detoxifier is trained on, which are held out, and what is said of the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.datasets import LabelledAnswer, goal_key
from levelhead.errors import UsageError
from levelhead.guard import FIXED_REFUSAL, DetoxifierSettings, gather_rewrites, usual_tuning
from tests.guard.training.rewrites import RudenessDetector, polite, rude

ALL = DetoxifierSettings(held_out=0, keep_share=0)


@given(st.integers(0, 1000), st.floats(0.1, 0.5), st.floats(0.0, 0.6))
def test_no_goal_is_on_both_sides_and_all_are_somewhere(seed: int, held_out: float, share: float) -> None:
    pairs = [rude(n) for n in range(30)]
    settings = DetoxifierSettings(held_out=held_out, keep_share=share, seed=seed)
    data = gather_rewrites(pairs, [polite(n) for n in range(60)], settings)
    assert not {one.before.goal for one in data.train} & {one.before.goal for one in data.held_out}
    rewritten = [one for one in (*data.train, *data.held_out) if not one.keeps]
    assert {one.id for one in rewritten} == {one.id for one in pairs}
    assert data == gather_rewrites(pairs, [polite(n) for n in range(60)], settings)


@given(st.floats(0.0, 0.7))
def test_the_share_to_keep_is_met(share: float) -> None:
    settings = DetoxifierSettings(held_out=0, keep_share=share)
    data = gather_rewrites([rude(n) for n in range(40)], [polite(n) for n in range(100)], settings)
    kept = sum(one.keeps for one in data.train)
    assert kept / len(data.train) == pytest.approx(share, abs=0.5 / 40)


def test_where_harmless_answers_are_missing_the_rewritten_ones_are_kept() -> None:
    settings = DetoxifierSettings(held_out=0, keep_share=0.5)
    own = replace(rude(9), rewritten=rude(9).before.answer)
    data = gather_rewrites([*[rude(n) for n in range(4)], own], [polite(1)], settings)
    kept = [one for one in data.train if one.keeps]
    assert len(kept) == 4
    assert {"9", "1"} < {one.id for one in kept}
    assert {one.rewritten for one in kept if one.id.endswith("/kept")} < {
        f"{rude(n).rewritten}" for n in range(4)
    }


def test_pairs_of_tests_are_left_out_by_goal_on_both_kinds() -> None:
    tests = [
        LabelledAnswer("t", question, "Any.", True, goal_key(question), "test")
        for question in (rude(3).before.question or "", polite(5).question or "")
    ]
    settings = DetoxifierSettings(held_out=0, keep_share=0.5)
    data = gather_rewrites([rude(n) for n in (3, 14)], [polite(n) for n in (5, 26)], settings, tests=tests)
    assert {one.before.question for one in data.train} == {rude(14).before.question, polite(26).question}
    assert data.counts["rude.jsonl"]["left out, asked by a test"] == 1


def test_ours_leaves_out_pairs_that_teach_to_replace_good_answers_or_to_write_bad_ones() -> None:
    pairs = [
        rude(1, harmful=True, rewritten_harmful=False),
        rude(2, harmful=False),
        rude(3, harmful=True, rewritten_harmful=True),
        rude(4),
        rude(5),
    ]
    data = gather_rewrites(pairs, (), ALL)
    assert [one.id for one in data.train] == ["1", "4", "5"]
    assert data.counts == {
        "rude.jsonl": {
            "read": 5,
            "left out, harmless before": 1,
            "left out, harmful after": 1,
            "train, rewritten": 3,
        }
    }


def test_the_paper_takes_all_and_writes_one_sentence_where_both_are_harmful() -> None:
    pairs = [
        rude(1, harmful=True, rewritten_harmful=False),
        rude(2, harmful=False),
        rude(3, harmful=True, rewritten_harmful=True),
    ]
    settings = DetoxifierSettings(style="paper", held_out=0)
    data = gather_rewrites(pairs, [polite(1)], settings)
    assert [one.rewritten for one in data.train] == [pairs[0].rewritten, pairs[1].rewritten, FIXED_REFUSAL]


def test_the_same_texts_are_taken_once() -> None:
    again = replace(rude(1), before=replace(rude(1).before, id="again"))
    data = gather_rewrites([rude(1), again], (), ALL)
    assert [one.id for one in data.train] == ["1"]
    assert data.counts["rude.jsonl"]["left out, repeated"] == 1


def test_a_detector_labels_what_has_no_label_and_leaves_out_the_rest() -> None:
    pairs = [
        rude(1),
        rude(2, answer="Take a plum."),
        rude(3, rewritten="Still, you fool."),
        rude(4, answer="A hm, fool."),
        rude(5, answer="Labelled all the same.", harmful=True),
    ]
    data = gather_rewrites(pairs, (), ALL, detector=RudenessDetector())
    assert [one.id for one in data.train] == ["1", "5"]
    assert data.judge == "rudeness"
    assert data.counts["rude.jsonl"] == {
        "read": 5,
        "left out, not inspected": 1,
        "left out, harmless before": 1,
        "left out, harmful after": 1,
        "train, rewritten": 2,
    }


def test_with_a_detector_the_paper_too_rewrites_only_what_is_harmful() -> None:
    pairs = [rude(1), rude(2, answer="Take a plum."), rude(3, rewritten="Still, you fool.")]
    settings = DetoxifierSettings(style="paper", held_out=0)
    data = gather_rewrites(pairs, (), settings, detector=RudenessDetector())
    assert [one.rewritten for one in data.train] == [rude(1).rewritten, FIXED_REFUSAL]


def test_an_answer_to_be_kept_that_is_harmful_is_left_out() -> None:
    bad = replace(rude(2), rewritten=rude(2).before.answer)
    settings = DetoxifierSettings(held_out=0, keep_share=0.5)
    data = gather_rewrites([rude(1), bad], (), settings, detector=RudenessDetector())
    assert data.counts["rude.jsonl"]["left out, to be kept but harmful"] == 1
    assert {one.rewritten for one in data.train} == {rude(1).rewritten}


def test_only_public_pairs_without_label_count_as_unlabelled() -> None:
    pairs = [rude(1), rude(2, source="hh_rlhf_harmless"), rude(3, source="hh_rlhf_harmless", harmful=True)]
    assert gather_rewrites(pairs, (), ALL).unlabelled == 1


def test_an_id_used_twice_in_a_source_is_refused() -> None:
    with pytest.raises(UsageError, match=r"1 ids of rude\.jsonl are used more than once, such as '1'"):
        gather_rewrites([rude(1), rude(1)], (), ALL)


def test_where_nothing_is_left_it_is_said_on_which_side() -> None:
    with pytest.raises(UsageError, match="left for the train side"):
        gather_rewrites([rude(1, harmful=False)], [polite(1)], ALL)
    with pytest.raises(UsageError, match="left for the held out side"):
        gather_rewrites([rude(1), rude(2)], [polite(n) for n in range(20)])


@pytest.mark.parametrize(
    ("name", "value"),
    [("keep_share", 1.0), ("keep_share", -0.1), ("held_out", 1.0), ("max_evaluated", 0), ("style", "loud")],
)
def test_settings_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name.replace("style", "rewriting style")):
        replace(DetoxifierSettings(), **{name: value})  # type: ignore[arg-type]


def test_the_papers_settings_are_those_of_its_script_and_keep_nothing() -> None:
    tuning = usual_tuning("paper")
    assert (tuning.rank, tuning.alpha, tuning.rate, tuning.epochs) == (128, 32, 2e-5, 4)
    assert (tuning.dropout, tuning.scheduler, tuning.batch_size, tuning.max_length) == (0.1, "linear", 8, 512)
    assert usual_tuning("paper-answer-only") == tuning
    assert DetoxifierSettings(style="paper").share_kept == 0
    assert DetoxifierSettings().share_kept == 0.3
