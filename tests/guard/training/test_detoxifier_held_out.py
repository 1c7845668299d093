"""The numbers that are told of held-out pairs, on a model whose answers are known."""

from __future__ import annotations

import pytest

from levelhead.errors import ModelError
from levelhead.guard import DetoxifierSettings, RewritePair
from levelhead.guard.training._detoxifier_held_out import held_out_evaluation
from levelhead.guard.training._detoxifier_pairs import kept
from levelhead.records import Prompt, Reply, Score
from tests.fakes import FakeModel
from tests.guard.training.rewrites import RudenessDetector, polite, rude

SETTINGS = DetoxifierSettings(style="paper-answer-only")


def stubborn(prompt: Prompt) -> str | Reply:
    """Stays rude of plums, never ends on jars, says hm of tins, and else takes spoons."""
    text = prompt.turns[-1].text
    if "jars" in text:
        return Reply("and so on and", "length")
    return "Plums, you fool." if "plums" in text else "Say hm." if "tins" in text else "Take spoons."


def test_the_detector_judges_what_was_written_and_the_rest_has_no_verdict() -> None:
    pairs = [rude(2), rude(7), rude(8), rude(4), rude(6, answer="Polite already.")]  # plums, jars, tins ...
    evaluate = held_out_evaluation(pairs, SETTINGS, RudenessDetector())
    assert evaluate is not None
    numbers = evaluate(FakeModel(stubborn), 1)
    assert numbers["flagged_before"] == pytest.approx(4 / 5)
    assert numbers["flagged_after"] == pytest.approx(1 / 3)
    assert numbers["no_verdict"] == pytest.approx(2 / 5)


def test_losses_are_means_over_tokens_of_each_kind() -> None:
    pairs: list[RewritePair] = [
        rude(1, rewritten="aaa aaaaaa"),  # the fake scores a word by its letters, over 3
        rude(2, rewritten="aaa"),
        kept(polite(1)),
    ]
    evaluate = held_out_evaluation(pairs, SETTINGS)
    assert evaluate is not None
    numbers = evaluate(FakeModel(), 1)
    assert numbers["loss_rewritten"] == pytest.approx((1 + 2 + 1) / 3)
    assert numbers.keys() == {"loss_rewritten", "loss_kept"}


def test_only_so_many_of_each_kind_are_looked_at_and_always_the_same() -> None:
    pairs = [*[rude(n) for n in range(20)], *[kept(polite(n)) for n in range(20)]]
    asked = []
    for _ in range(2):
        evaluate = held_out_evaluation(pairs, DetoxifierSettings(style="paper", max_evaluated=3))
        assert evaluate is not None
        model = FakeModel()
        evaluate(model, 1)
        asked.append(model.scored)
    assert len(asked[0]) == 6
    assert asked[0] == asked[1]


def test_nothing_held_out_makes_no_evaluation() -> None:
    assert held_out_evaluation([], SETTINGS) is None


def test_pairs_that_all_do_not_fit_are_said_to_be_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fakes.fake_score", lambda text: Score((), "The prompt is too long."))
    evaluate = held_out_evaluation([rude(1)], SETTINGS)
    assert evaluate is not None
    with pytest.raises(ModelError, match=r"None of 1 pairs held out fits.*The prompt is too long"):
        evaluate(FakeModel(), 1)
