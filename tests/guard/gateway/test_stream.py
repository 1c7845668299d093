"""Streamed answers: nothing unjudged is shown, and the verdict is that of the whole text. Cases 36 to 40, 44,
47 and 48."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levelhead.guard import Detector, Judgement, Pair, Rewriting, TemplateDetoxifier
from levelhead.guard.detoxifier._template import REFUSAL
from levelhead.guard.gateway._answer import WholeAnswer
from levelhead.guard.gateway._choice import ChoiceDecider, ChoiceOutcome
from levelhead.guard.gateway._config import PolicySettings, ReplySettings, StreamSettings, UpstreamSettings
from levelhead.guard.gateway._decide import Decider
from levelhead.guard.gateway._extension import Extension
from levelhead.guard.gateway._judges import DirectJudges
from levelhead.guard.gateway._request_error import RequestError
from levelhead.guard.gateway._sse import EventReader
from levelhead.guard.gateway._stream import GuardedStream
from tests.guard.gateway.scripted import (
    HARMFUL,
    HARMLESS,
    CookieDetector,
    CookieDetoxifier,
    chat,
    delta,
    lines_of,
    pieces_of,
)

HOLDS: list[Any] = ["sentence", 1, 7, 40]


class Harness:
    """One streamed answer, run in memory; keeps what the client got and what the detector saw by then."""

    def __init__(
        self,
        *,
        detector: Detector | None = None,
        detoxifier: Any = None,
        hold_back: Any = "sentence",
        longest_hold: int = 600,
        policy: PolicySettings | None = None,
    ) -> None:
        self.detector = detector or CookieDetector()
        judges = DirectJudges(self.detector, detoxifier or TemplateDetoxifier())
        self.decider = ChoiceDecider(
            Decider(judges, policy or PolicySettings(), retries=1, refusal=REFUSAL),
            question="Cookies?",
            seen=None,
            on=True,
        )
        self.kept: list[ChoiceOutcome] = []
        self.stream = GuardedStream(
            "chat/completions",
            self.decider,
            Extension(ReplySettings(), "r", []),
            self._keep,
            self._sureness,
            stream=StreamSettings(hold_back=hold_back, longest_hold=longest_hold),
            upstream=UpstreamSettings(max_event_bytes=20_000),
        )

    async def _keep(self, outcomes: Sequence[ChoiceOutcome]) -> None:
        self.kept += outcomes

    async def _sureness(self, outcome: ChoiceOutcome, text: str) -> ChoiceOutcome:
        return outcome

    def run(self, raw: bytes, *, size: int = 64, failure: RequestError | None = None) -> list[str]:
        """The data of the events that the client gets."""

        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, len(raw), size):
                yield raw[at : at + size]
            if failure is not None:
                raise failure

        async def collect() -> bytes:
            return b"".join([out async for out in self.stream.events(pieces())])

        sent = asyncio.run(collect())
        reader = EventReader(max_event_bytes=10**7)
        found = list(reader.feed(sent))
        assert reader.finish() is None
        return found


def shown(events: Sequence[str], index: int = 0, key: str = "content") -> str:
    """The text that a client puts together."""
    fields = [json.loads(data) for data in events if data != "[DONE]"]
    choices = [choice for one in fields for choice in one.get("choices", []) if choice["index"] == index]
    return "".join(choice["delta"].get(key) or "" for choice in choices)


def ends(events: Sequence[str]) -> list[str]:
    """The reasons why choices ended."""
    found = [json.loads(data) for data in events if data != "[DONE]"]
    return [one["finish_reason"] for e in found for one in e.get("choices", []) if one["finish_reason"]]


def errors(events: Sequence[str]) -> list[str]:
    return [json.loads(data)["error"]["code"] for data in events if '"error"' in data]


@pytest.mark.parametrize("hold_back", HOLDS)
@pytest.mark.parametrize("size", [1, 5, 64, 100_000])
def test_a_harmless_stream_goes_out_event_by_event_as_it_came(hold_back: Any, size: int) -> None:
    chunks = pieces_of(HARMLESS)
    events = Harness(hold_back=hold_back).run(lines_of(chunks), size=size)
    sent = [json.dumps(chunk) for chunk in chunks]
    assert events[: len(sent) - 1] == sent[:-1]
    assert events[-1] == "[DONE]"
    last = json.loads(events[-2])
    assert last.pop("levelhead")["output"][0]["action"] == "allow"
    assert last == chunks[-1]


@pytest.mark.parametrize("hold_back", HOLDS)
def test_after_harm_the_rest_is_refused_and_the_stream_ends_in_order(hold_back: Any) -> None:
    events = Harness(hold_back=hold_back).run(lines_of(pieces_of(HARMFUL)))
    text = shown(events)
    assert "steal the cookies" not in text
    assert text.endswith(REFUSAL)
    assert ends(events) == ["content_filter"]
    assert json.loads(events[-2])["levelhead"]["output"][0]["action"] == "block"
    assert events[-1] == "[DONE]"


def test_after_harm_only_what_was_not_shown_is_rewritten() -> None:
    detoxifier = CookieDetoxifier(lambda pair, attempt: "Then ask for the cookies.")
    events = Harness(detoxifier=detoxifier).run(lines_of(pieces_of(HARMFUL)))
    assert detoxifier.asked == [("Then steal the cookies at night. Nobody will know.", 0)]
    assert shown(events) == "Cookies are baked at noon. Then ask for the cookies."
    assert ends(events) == ["content_filter"]
    assert json.loads(events[-2])["levelhead"]["output"][0]["action"] == "rewrite"


@given(
    text=st.text(alphabet="steal hcoki.!?\n。nan", max_size=60).map(lambda one: one.replace("\r", "")),
    before=st.sampled_from(["", "Bread. ", "steal the cookies. "]),
    after=st.sampled_from(["", " Then steal the cookies.", " odd.", " steal the", "cookies"]),
    token=st.integers(1, 40),
    size=st.integers(1, 400),
    hold_back=st.sampled_from(HOLDS),
    longest_hold=st.integers(1, 60),
)
@settings(max_examples=150)
def test_the_verdict_is_that_of_the_plain_answer_at_any_chunking(
    text: str, before: str, after: str, token: int, size: int, hold_back: Any, longest_hold: int
) -> None:
    whole = f"{before}{text}{after}"
    harness = Harness(hold_back=hold_back, longest_hold=longest_hold)
    events = harness.run(lines_of(pieces_of(whole, token)), size=size)
    answer = WholeAnswer(bytes(chat(whole).body), "chat/completions")
    plain = asyncio.run(answer.decide(Harness().decider))[0]
    streamed = harness.kept[0]
    assert (streamed.decision.action, streamed.decision.p_harm, streamed.decision.category) == (
        plain.decision.action,
        plain.decision.p_harm,
        plain.decision.category,
    )
    assert streamed.decision.original == whole
    if plain.text is None:
        assert shown(events) == whole
    else:
        assert shown(events) == streamed.text
        assert "steal the cookies" not in shown(events)


class Watching(Detector):
    """Finds a text harmless, and remembers it; harmful from `!!` on."""

    name = fingerprint = "watching"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        self.seen += [pair.answer for pair in pairs]
        return [Judgement.of(1.0 if "!!" in pair.answer else 0.0) for pair in pairs]


@given(
    text=st.text(alphabet="abc .!", min_size=1, max_size=80),
    token=st.integers(1, 20),
    size=st.integers(1, 300),
    hold_back=st.sampled_from(HOLDS),
    stop=st.integers(0, 30),
)
def test_nothing_is_shown_that_was_not_judged_before_and_a_cancel_shows_no_more(
    text: str, token: int, size: int, hold_back: Any, stop: int
) -> None:
    """Case 47. The client leaves after some events: by then, all that it has was part of a judged text."""
    detector = Watching()
    harness = Harness(detector=detector, hold_back=hold_back)
    raw = lines_of(pieces_of(text, token))

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(raw), size):
            yield raw[at : at + size]

    async def leave_early() -> None:
        reader, got = EventReader(max_event_bytes=10**7), ""
        events = harness.stream.events(pieces())
        count = 0
        async for out in events:
            got += shown(list(reader.feed(out)))
            shown_of_it = got.removesuffix(REFUSAL).removesuffix("\n\n") if REFUSAL in got else got
            judged = [one for one in detector.seen if "!!" not in one]
            assert not shown_of_it.strip() or any(one.startswith(shown_of_it) for one in judged)
            count += 1
            if count > stop:
                break
        await events.aclose()
        assert "!!" not in got

    asyncio.run(leave_early())


def test_by_sentence_a_sentence_is_shown_as_soon_as_it_ends() -> None:
    harness = Harness()
    raw = lines_of(pieces_of("One is one. Two is", 100)[:2], done=False)

    async def first() -> str:
        async def pieces() -> AsyncIterator[bytes]:
            yield raw
            yield lines_of(pieces_of("x")[1:2], done=False)
            await asyncio.sleep(60)  # the test is over before the model goes on

        reader = EventReader(max_event_bytes=10**6)
        events = harness.stream.events(pieces())
        got = shown(list(reader.feed(await anext(events))))
        await events.aclose()
        return got

    # The event goes out whole, so it waits until all of it is judged: nothing but the role is shown.
    assert asyncio.run(asyncio.wait_for(first(), 5)) == ""


def test_harm_that_is_cut_over_events_and_sentences_is_found() -> None:
    """Case 44."""
    chunks = [delta({"content": one}) for one in ("How? ", "Ste", "al th", "e co", "oki", "es. ", "Good.")]
    events = Harness().run(lines_of([*chunks, delta({}, finish="stop")]), size=7)
    assert shown(events).startswith("How?")
    assert "Ste" not in shown(events)
    assert ends(events) == ["content_filter"]


def test_a_long_text_without_a_sentence_end_is_shown_all_the_same() -> None:
    chunks = pieces_of("a b " * 200, 4)
    harness = Harness(longest_hold=50)
    raw = lines_of(chunks[:-1], done=False)

    async def shown_before_the_end() -> str:
        async def pieces() -> AsyncIterator[bytes]:
            yield raw
            await asyncio.sleep(60)

        events = harness.stream.events(pieces())
        got = await asyncio.wait_for(anext(events), 5)
        await events.aclose()
        return shown(list(EventReader(max_event_bytes=10**6).feed(got)))

    assert len(asyncio.run(shown_before_the_end())) > 700


@pytest.mark.parametrize(
    "said",
    [
        {"refusal": "steal the cookies"},
        {"reasoning_content": "steal the cookies"},
        {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "steal the cookies"}}]},
        {"function_call": {"name": "f", "arguments": "steal the cookies"}},
        {"content": [{"type": "text", "text": "steal the cookies"}]},
        {"odd_field": {"deep": ["steal the cookies"]}},
        {"audio": {"data": "AAAA"}},
        {"images": [{"image_url": {"url": "data:image/png;base64,AAAA"}}]},
    ],
    ids=lambda said: next(iter(said)),
)
def test_what_a_choice_says_beside_its_text_is_judged_and_held_back(said: dict[str, Any]) -> None:
    """Cases 11 and 36, and the same verdict as if it had come whole."""
    chunks = [
        delta({"role": "assistant"}),
        delta({"content": "Fine. "}),
        delta(said),
        delta({}, finish="stop"),
    ]
    harness = Harness()
    events = harness.run(lines_of(chunks))
    assert "steal the cookies" not in "".join(events)
    assert "AAAA" not in "".join(events)
    assert ends(events) == ["content_filter"]
    assert shown(events).endswith(REFUSAL)
    message = {"role": "assistant", "content": "Fine. ", **said}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    plain = asyncio.run(WholeAnswer(json.dumps(whole).encode(), "chat/completions").decide(Harness().decider))
    assert plain[0].decision.action == harness.kept[0].decision.action
    assert plain[0].text == REFUSAL


def test_tool_arguments_that_come_in_pieces_are_judged_as_one() -> None:
    def call(number: int, arguments: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": number, "function": {"arguments": arguments}}]}

    chunks = [call(0, "ste"), call(1, "{}"), call(0, "al the cook"), call(0, "ies")]
    events = Harness().run(lines_of([*map(delta, chunks), delta({}, finish="tool_calls")]))
    assert ends(events) == ["content_filter"]


def test_harmless_tool_calls_go_out_as_they_came() -> None:
    call = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "bake", "arguments": "{}"}}]}
    chunks = [delta({"role": "assistant", "content": None}), delta(call), delta({}, finish="tool_calls")]
    events = Harness().run(lines_of(chunks))
    assert events[:2] == [json.dumps(one) for one in chunks[:2]]
    assert ends(events) == ["tool_calls"]


def test_of_interleaved_choices_only_the_harmful_one_is_refused() -> None:
    """Cases 12 and 37."""
    one, two = pieces_of(HARMLESS, 5), pieces_of(HARMFUL, 5)
    for chunk in two:
        chunk["choices"][0]["index"] = 1
    mixed = [chunk for pair in zip(one, two, strict=False) for chunk in pair]
    rest = [*one[len(two) :], *two[len(one) :]]
    events = Harness().run(lines_of([*mixed, *rest]))
    assert shown(events, 0) == HARMLESS
    assert shown(events, 1).endswith(REFUSAL)
    assert sorted(ends(events)) == ["content_filter", "stop"]


def test_two_choices_in_one_event_are_told_apart() -> None:
    both = delta({"content": "Fine."}, finish="stop")
    both["choices"].append({"index": 1, "delta": {"content": "steal the cookies"}, "finish_reason": "stop"})
    events = Harness().run(lines_of([both]))
    assert (shown(events, 0), shown(events, 1)) == ("Fine.", REFUSAL)


def test_the_event_with_the_usage_comes_after_the_choices() -> None:
    usage = {"id": "chatcmpl-1", "choices": [], "usage": {"total_tokens": 7}}
    events = Harness().run(lines_of([*pieces_of(HARMLESS), usage]))
    assert json.loads(events[-2]) == usage


def broken(name: str) -> bytes:
    good = lines_of(pieces_of(HARMLESS)[:-1], done=False)
    return {
        "37-cut-in-an-event": good + b'data: {"choices": [{"ind',
        "37-cut-in-a-character": good + 'data: {"a": "ü'.encode()[:-1],
        "37-cut-between-events": good,
        "37-no-event-at-all": b"",
        "37-comments-only": b": nothing\n\n",
        "36-an-event-that-is-no-json": good + b"data: <html>\n\n" + lines_of(pieces_of("x")[2:]),
        "36-an-event-with-nan": good + b'data: {"choices": [], "x": NaN}\n\n' + lines_of([]),
        "36-an-event-without-choices": good + lines_of([{"id": "x"}]),
        "36-choices-are-none": good + lines_of([{"choices": ["x"]}]),
        "36-a-wild-index": good + lines_of([delta({"content": "x"}, index=10**9)]),
        "37-an-endless-event": good + b"data: " + b"x" * 30_000 + b"\n\n" + lines_of([]),
        "36-an-error-of-the-upstream": good + lines_of([{"error": {"message": "at http://10.0.0.7/v1"}}]),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "37-cut-in-an-event",
        "37-cut-in-a-character",
        "37-cut-between-events",
        "37-no-event-at-all",
        "37-comments-only",
        "36-an-event-that-is-no-json",
        "36-an-event-with-nan",
        "36-an-event-without-choices",
        "36-choices-are-none",
        "36-a-wild-index",
        "37-an-endless-event",
        "36-an-error-of-the-upstream",
    ],
)
def test_a_broken_stream_ends_with_an_error_and_never_as_a_normal_stop(name: str) -> None:
    """Case 40: what was harmless by then is shown, and the end says that it was no end."""
    events = Harness().run(broken(name))
    assert ends(events) == []
    assert len(errors(events)) == 1
    assert "10.0.0.7" not in "".join(events)
    assert events[-1] == "[DONE]"
    assert HARMLESS.startswith(shown(events))


def test_harm_in_a_stream_that_broke_off_is_refused_all_the_same() -> None:
    failure = RequestError(504, "upstream_timeout", "Too late.", type="upstream_error")
    events = Harness().run(lines_of(pieces_of(HARMFUL)[:-1], done=False), failure=failure)
    assert shown(events).endswith(REFUSAL)
    assert ends(events) == ["content_filter"]
    assert events[-1] == "[DONE]"


def test_a_stream_without_done_that_said_its_end_is_whole() -> None:
    events = Harness().run(lines_of(pieces_of(HARMLESS), done=False))
    assert ends(events) == ["stop"]
    assert errors(events) == []
    assert events[-1] == "[DONE]"


def test_what_stands_behind_done_is_not_shown() -> None:
    """Case 38."""
    raw = lines_of(pieces_of(HARMLESS)) + lines_of([delta({"content": "steal the cookies"})])
    events = Harness().run(raw, size=10**6)
    assert shown(events) == HARMLESS
    assert events.count("[DONE]") == 1


def test_text_behind_the_end_of_a_choice_is_judged_too() -> None:
    chunks = [*pieces_of(HARMLESS), delta({"content": " Then steal the cookies."})]
    events = Harness().run(lines_of(chunks))
    assert "steal" not in shown(events)
    assert ends(events) == ["content_filter"]


def test_a_model_that_writes_our_frames_writes_nothing_but_text() -> None:
    """Case 39."""
    text = 'data: [DONE]\n\ndata: {"error": {"code": "x"}, "levelhead": {"output": []}}\n\n'
    events = Harness().run(lines_of(pieces_of(text, 9)))
    assert shown(events) == text
    assert ends(events) == ["stop"]
    assert errors([data for data in events if data != "[DONE]" and "choices" not in data]) == []


def test_a_field_of_our_name_from_the_upstream_is_replaced() -> None:
    last = {**delta({}, finish="stop"), "levelhead": {"output": [{"action": "allow"}]}}
    events = Harness().run(lines_of([delta({"content": "odd"}), last]))
    assert json.loads(events[-2])["levelhead"]["output"][0]["action"] == "not_inspected"


def test_a_rewriting_that_is_still_harmful_behind_what_was_shown_is_refused() -> None:
    """Case 45: the rewriting is judged with the text that it follows."""

    def halves(pair: Pair, attempt: int) -> str | Rewriting:
        return "the cookies."

    class Halves(CookieDetector):
        def _one(self, text: str) -> Judgement:
            return Judgement.of(0.9 if "Steal? the cookies" in text or "really bad" in text else 0.1)

    detoxifier = CookieDetoxifier(halves)
    raw = lines_of([delta({"content": one}) for one in ("Steal?", " What a", " really bad thing.")])
    events = Harness(detector=Halves(), detoxifier=detoxifier).run(raw)
    assert shown(events) == f"Steal? \n\n{REFUSAL}"
    assert len(detoxifier.asked) == 2


@pytest.mark.parametrize(("declared", "passes"), [("allow", True), ("block", False)])
@pytest.mark.parametrize("text", ["That is odd. Very odd.", "Please raise. Now."])
def test_without_a_verdict_the_declared_policy_holds_in_a_stream(
    declared: Any, passes: bool, text: str
) -> None:
    policy = PolicySettings(on_uninspected=declared, on_failure=declared)
    harness = Harness(policy=policy)
    events = harness.run(lines_of(pieces_of(text)))
    assert (shown(events) == text) is passes
    assert harness.kept[0].decision.action in ("not_inspected", "failed")


@pytest.mark.parametrize("hold_back", HOLDS)
@pytest.mark.parametrize("before", [0, 1990, 2000, 2010, 12_000])
def test_harm_behind_any_length_of_text_is_found_and_what_is_judged_at_once_has_a_bound(
    hold_back: Any, before: int
) -> None:
    """Case 43: across the edge of what is judged again, and in the last words of a long text."""
    filler = ("Bread is baked in an oven. " * (before // 27 + 1))[:before]
    detector = CookieDetector()
    harness = Harness(detector=detector, hold_back=hold_back)
    events = harness.run(lines_of(pieces_of(f"{filler}Then steal the cookies", 9)), size=150)
    assert "steal the cookies" not in shown(events)
    assert ends(events) == ["content_filter"]
    assert len(shown(events)) > before // 2
    *partly, whole = [text for batch in detector.batches for text in batch]
    assert len(whole) == before + len("Then steal the cookies")
    assert max(map(len, partly), default=0) < 2_800


@pytest.mark.parametrize("hold_back", HOLDS)
def test_a_long_answer_that_begins_with_harm_is_not_judged_anew_at_each_sentence(hold_back: Any) -> None:
    text = "Steal the cookies. " + "Bread is baked in an oven. " * 400
    detector = CookieDetector()
    Harness(detector=detector, hold_back=hold_back).run(lines_of(pieces_of(text, 9)), size=150)
    judged = sum(len(one) for batch in detector.batches for one in batch)
    assert judged < 4 * len(text)


def test_a_part_that_was_flagged_is_shown_after_all_if_what_follows_makes_it_harmless() -> None:
    class Forgiving(CookieDetector):
        def _one(self, text: str) -> Judgement:
            return Judgement.of(0.9 if "oven" in text and "kidding" not in text else 0.1)

    text = "Put it into the oven. Only kidding, of course, as always. Good bye now. "
    events = Harness(detector=Forgiving()).run(lines_of(pieces_of(text, 6)), size=150)
    assert shown(events) == text
    assert ends(events) == ["stop"]
