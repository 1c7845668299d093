from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.guard import REFUSAL, OnUninspected, Pair, Protected, Protector, Rewriting, TemplateDetoxifier
from levelhead.guard.detoxifier._protector import fault
from tests.guard.detoxifier.scripted import HARMFUL, HARMLESS, ODD, ScriptedDetector, ScriptedDetoxifier

WORDS = st.sampled_from(["", HARMFUL, HARMLESS, ODD])
TEXTS = st.builds(lambda free, said: f"{free}{said}", st.text(max_size=8), WORDS)
REWRITINGS = st.one_of(TEXTS.map(Rewriting), st.just(Rewriting.failed("too long")))
POLICIES = st.sampled_from(["refuse", "pass"])


def outcome(one: Protected) -> Protected:
    """What happened, without how long it took."""
    return replace(one, seconds=0.0)


def protect_one(answer: str, *versions: str | Rewriting, retries: int = 1) -> Protected:
    detoxifier = ScriptedDetoxifier(lambda pair, attempt: versions[attempt])
    (found,) = Protector(ScriptedDetector(), detoxifier, retries=retries).protect(
        [Pair("1", answer, "How do I get cookies?")]
    )
    return found


@given(
    rows=st.lists(st.tuples(TEXTS, st.lists(REWRITINGS, min_size=3, max_size=3)), max_size=6),
    retries=st.integers(0, 2),
    policy=POLICIES,
)
def test_only_what_was_judged_harmless_goes_out_and_the_loop_ends(
    rows: list[tuple[str, list[Rewriting]]], retries: int, policy: OnUninspected
) -> None:
    pairs = [Pair(str(place), answer) for place, (answer, _) in enumerate(rows)]
    detector = ScriptedDetector()
    detoxifier = ScriptedDetoxifier(lambda pair, attempt: rows[int(pair.id)][1][attempt])
    protector = Protector(detector, detoxifier, retries=retries, on_uninspected=policy)
    found = protector.protect(pairs)
    assert [one.id for one in found] == [pair.id for pair in pairs]
    assert len(detoxifier.asked) <= retries + 1
    assert len(detector.asked) <= retries + 2
    for pair, one in zip(pairs, found, strict=True):
        harmless = "steal" not in pair.answer and "odd" not in pair.answer
        assert one.attempts <= retries + 1
        if harmless:
            assert outcome(one) == Protected(
                pair.id, pair.answer, "passed", one.judgements, attempts=0, reason=None, seconds=0.0
            )
        elif one.action == "passed":
            assert policy == "pass"
            assert one.answer == pair.answer
            assert "odd" in pair.answer
        elif one.action == "rewritten":
            assert one.answer.strip()
            assert "steal" not in one.answer
            assert "odd" not in one.answer
            assert one.answer in [version.text for version in rows[int(pair.id)][1]]
        else:
            assert one.answer == REFUSAL
            assert one.reason
        # What becomes of an answer does not depend on what else is in the list.
        assert outcome(protector.protect([pair])[0]) == outcome(one)


@pytest.mark.parametrize("answer", ["", " \n", "naïve \ud800 \x00\r\n🙂 ", "x" * 100_000])
def test_harmless_answers_pass_byte_for_byte(answer: str) -> None:
    found = protect_one(answer)
    assert found.answer == answer
    assert found.action == "passed"


def test_a_harmless_rewriting_takes_the_place_of_a_harmful_answer() -> None:
    found = protect_one(HARMFUL, HARMLESS)
    assert (found.answer, found.action, found.attempts, found.reason) == (HARMLESS, "rewritten", 1, None)
    assert [one.p_harm for one in found.judgements] == [0.9, 0.1]


@pytest.mark.parametrize(
    "first", ["still: steal the nuts", "odd nuts", " ", "How do I get cookies?", Rewriting.failed("too long")]
)
def test_a_second_version_is_asked_for_where_the_first_one_fails(first: str | Rewriting) -> None:
    found = protect_one(HARMFUL, first, HARMLESS)
    assert (found.answer, found.action, found.attempts) == (HARMLESS, "rewritten", 2)


@pytest.mark.parametrize(
    ("last", "why"),
    [
        ("steal the nuts", "still counts as harmful (p_harm 0.900)"),
        ("odd nuts", "was not inspected: It is odd."),
        ("", "is blank"),
        ("Steal the cookies!", "is the harmful answer itself"),
        ("how do i get cookies", "repeats the prompt"),
        (Rewriting.failed("It does not fit."), "It does not fit."),
    ],
)
def test_after_the_last_attempt_the_refusal_goes_out_and_the_reason_is_told(
    last: str | Rewriting, why: str
) -> None:
    found = protect_one(HARMFUL, "steal the buns", last)
    assert (found.answer, found.action, found.attempts) == (REFUSAL, "refused", 2)
    assert why in (found.reason or "")


def test_without_retries_one_failure_is_the_end() -> None:
    found = protect_one(HARMFUL, "steal the buns", HARMLESS, retries=0)
    assert (found.action, found.attempts) == ("refused", 1)


def test_only_answers_that_are_still_open_are_asked_again() -> None:
    detector = ScriptedDetector()
    detoxifier = ScriptedDetoxifier(
        lambda pair, attempt: HARMLESS if attempt or pair.id == "easy" else HARMFUL + " now"
    )
    pairs = [Pair("easy", HARMFUL), Pair("good", HARMLESS), Pair("hard", HARMFUL), Pair("odd", ODD)]
    found = Protector(detector, detoxifier).protect(pairs)
    assert [one.action for one in found] == ["rewritten", "passed", "rewritten", "refused"]
    assert detoxifier.asked == [["easy", "hard"], ["hard"]]
    assert [len(asked) for asked in detector.asked] == [4, 2, 1]


def test_what_cannot_be_judged_follows_the_policy() -> None:
    detoxifier = ScriptedDetoxifier(lambda pair, attempt: HARMLESS)
    for policy, action, answer in (("refuse", "refused", REFUSAL), ("pass", "passed", ODD)):
        protector = Protector(ScriptedDetector(), detoxifier, on_uninspected=policy)  # type: ignore[arg-type]
        (found,) = protector.protect([Pair("1", ODD)])
        assert (found.action, found.answer, found.attempts) == (action, answer, 0)
        assert "It is odd." in (found.reason or "")
    assert detoxifier.asked == []


def test_a_detoxifier_that_refuses_counts_as_refused_and_is_not_asked_again() -> None:
    protector = Protector(ScriptedDetector(), TemplateDetoxifier("No cookies."), refusal="No cookies.")
    (found,) = protector.protect([Pair("1", HARMFUL)])
    assert (found.answer, found.action, found.attempts) == ("No cookies.", "refused", 1)


def test_an_empty_list_asks_nobody() -> None:
    detector, detoxifier = ScriptedDetector(), ScriptedDetoxifier(lambda pair, attempt: "")
    assert Protector(detector, detoxifier).protect([]) == []
    assert detector.asked == detoxifier.asked == []


def test_seconds_grow_with_the_stages() -> None:
    detoxifier = ScriptedDetoxifier(lambda pair, attempt: HARMLESS)
    passed, rewritten = Protector(ScriptedDetector(), detoxifier).protect(
        [Pair("1", HARMLESS), Pair("2", HARMFUL)]
    )
    assert 0 < passed.seconds < rewritten.seconds


def test_another_setting_is_another_fingerprint() -> None:
    detector, detoxifier = ScriptedDetector(), ScriptedDetoxifier(lambda pair, attempt: "")
    strict = ScriptedDetector()
    strict.threshold = 0.2
    protectors = [
        Protector(detector, detoxifier),
        Protector(detector, detoxifier, retries=0),
        Protector(detector, detoxifier, on_uninspected="pass"),
        Protector(detector, detoxifier, refusal="No."),
        Protector(strict, detoxifier),
        Protector(ScriptedDetector("other"), detoxifier),
        Protector(detector, ScriptedDetoxifier(lambda pair, attempt: "", "other")),
    ]
    assert len({one.fingerprint for one in protectors}) == len(protectors)


def test_settings_that_make_no_guard_are_refused() -> None:
    detector, detoxifier = ScriptedDetector(), TemplateDetoxifier()
    with pytest.raises(UsageError, match="retries"):
        Protector(detector, detoxifier, retries=-1)
    with pytest.raises(UsageError, match="on_uninspected"):
        Protector(detector, detoxifier, on_uninspected="hope")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="blank"):
        Protector(detector, detoxifier, refusal=" ")


def test_a_text_that_is_new_has_no_fault() -> None:
    assert fault(Rewriting("Ask for the cookies."), Pair("1", HARMFUL, "How?")) is None
