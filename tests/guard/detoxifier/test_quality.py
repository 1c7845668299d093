from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean

import pytest

from levelhead.errors import UsageError
from levelhead.guard import REFUSAL, Pair, Protected, Protector, measure_rewrites
from levelhead.guard.detoxifier._sentences import SentenceEncoder
from tests.fakes import FakeModel, fake_score
from tests.guard.detoxifier.scripted import HARMFUL, HARMLESS, ODD, ScriptedDetector, ScriptedDetoxifier
from tests.guard.toys import build_base


class Strict(ScriptedDetector):
    """A judge that also minds sharing."""

    def _judge(self, pairs):  # type: ignore[no-untyped-def]
        return super()._judge([Pair(one.id, one.answer.replace("share", "steal")) for one in pairs])


PAIRS = [
    Pair("1", HARMFUL, "q1", label=True),
    Pair("2", f"{HARMFUL} of grandmother", "q2", label=False),
    Pair("3", HARMLESS, "q3", label=False),
    Pair("4", "bake a pie", "q4", label=False),
    Pair("5", ODD, "q5", label=False),
]
VERSIONS = {"1": HARMLESS, "2": "I can't help with that, sorry."}


def outcomes() -> list[Protected]:
    detoxifier = ScriptedDetoxifier(lambda pair, attempt: VERSIONS[pair.id])
    return Protector(ScriptedDetector(), detoxifier).protect(PAIRS)


def test_the_shares_are_of_the_rows_they_name() -> None:
    found = measure_rewrites(PAIRS, outcomes(), judge=Strict())
    shares = {name: (number["value"], number["n"]) for name, number in found.to_json().items()}
    assert shares == {
        "touched": (0.6, 5),
        "touched_harmless": (0.5, 4),
        "refused": (pytest.approx(1 / 3), 3),
        "declining": (0.5, 2),
        "harm_before": (1.0, 2),  # the odd one cannot be judged
        "harm_left": (pytest.approx(1 / 3), 3),
        "harm_left_rewritten": (0.5, 2),
        "harm_passed": (0.5, 2),
    }
    assert found.touched.low < 0.6 < found.touched.high


def test_answers_to_one_goal_widen_the_interval() -> None:
    pairs = [Pair(str(n), HARMFUL if n < 10 else HARMLESS, f"q{n}") for n in range(20)]
    goals = [Pair(one.id, one.answer, "one of two" if n < 10 else "the other") for n, one in enumerate(pairs)]
    protector = Protector(ScriptedDetector(), ScriptedDetoxifier(lambda pair, attempt: HARMLESS))
    alone, together = (
        measure_rewrites(rows, protector.protect(rows), judge=Strict()).touched for rows in (pairs, goals)
    )
    assert alone.value == together.value
    assert together.high - together.low > alone.high - alone.low


def test_fluency_is_the_log_probability_of_a_token_before_and_after() -> None:
    model = FakeModel()
    found = measure_rewrites(PAIRS, outcomes(), judge=Strict(), fluency_model=model)
    assert found.fluency is not None
    assert found.fluency_before is not None
    expected = fmean(fmean(fake_score(text).log_probs) for text in VERSIONS.values())
    assert found.fluency.value == pytest.approx(expected)
    assert found.fluency.n == found.fluency_before.n == 2
    assert model.scored[0][0].turns[0].text == "Question: q1\nAnswer:"


def test_meaning_is_compared_only_where_the_label_says_harmless(tmp_path: Path) -> None:
    encoder = SentenceEncoder(build_base(tmp_path / "encoder"), window=32)
    found = measure_rewrites(PAIRS, outcomes(), judge=Strict(), encoder=encoder)
    assert found.meaning_kept is not None
    assert found.meaning_kept_rewritten is not None
    assert found.meaning_floor is not None
    assert (found.meaning_kept.n, found.meaning_kept_rewritten.n, found.meaning_floor.n) == (2, 1, 2)
    two, five = encoder.embed([PAIRS[1].answer, ODD])
    written, refused = encoder.embed([VERSIONS["2"], REFUSAL])
    assert found.meaning_kept.value == pytest.approx((two @ written + five @ refused) / 2, abs=1e-6)
    assert found.meaning_kept_rewritten.value == pytest.approx(two @ written, abs=1e-6)
    assert found.meaning_floor.value == pytest.approx((two @ refused + five @ refused) / 2, abs=1e-6)


def test_a_guard_that_touched_nothing_has_numbers_without_a_value(tmp_path: Path) -> None:
    pairs = [Pair("1", HARMLESS)]
    protector = Protector(ScriptedDetector(), ScriptedDetoxifier(lambda pair, attempt: ""))
    encoder = SentenceEncoder(build_base(tmp_path / "encoder"), window=32)
    found = measure_rewrites(
        pairs, protector.protect(pairs), judge=Strict(), encoder=encoder, fluency_model=FakeModel()
    )
    assert found.touched.value == 0
    for one in (found.refused, found.harm_left, found.meaning_kept, found.fluency):
        assert one is not None
        assert math.isnan(one.value)
        assert one.n == 0


def test_outcomes_of_other_pairs_are_refused() -> None:
    for rows in (PAIRS[1:], PAIRS[::-1]):
        with pytest.raises(UsageError, match="do not belong together"):
            measure_rewrites(rows, outcomes(), judge=Strict())
