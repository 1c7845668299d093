"""The guard itself: batches, failures of the detector, rewriting, policy. Cases 41, 43, 45, 48, 49 and 55."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.guard import Judgement, Pair, Rewriting, TemplateDetoxifier
from levelhead.guard.detoxifier._template import REFUSAL
from levelhead.guard.gateway._batcher import Batcher, Failure, QueueFullError
from levelhead.guard.gateway._config import DetectorSection, DetoxifierSection, PolicySettings
from levelhead.guard.gateway._decide import Decider, Piece
from levelhead.guard.gateway._decision import Decision
from levelhead.guard.gateway._judges import BatchedJudges, DirectJudges, run_now
from tests.guard.gateway.scripted import (
    HARMLESS,
    CookieDetector,
    CookieDetoxifier,
    World,
    by_mode,
    guarded,
    until,
)

T = TypeVar("T")
HARM = "steal the cookies"


def decided(
    text: str,
    *,
    policy: PolicySettings | None = None,
    rewrite: Callable[[Pair, int], str | Rewriting] | None = None,
    retries: int = 1,
    rewritable: bool = True,
) -> Decision:
    """The decision about an answer, made without an event loop."""
    detoxifier = TemplateDetoxifier() if rewrite is None else CookieDetoxifier(rewrite)
    judges = DirectJudges(CookieDetector(), detoxifier)
    decider = Decider(judges, policy or PolicySettings(), retries=retries, refusal=REFUSAL)
    return run_now(decider.decide_output(Pair("a", text, "How?"), rewritable=rewritable))


def batcher(work: Callable[[Sequence[int]], Any], **settings: Any) -> Batcher[int, int]:
    usual = {"name": "The adder", "batch": 4, "max_waiting": 8, "seconds": 5.0}
    return Batcher(work, int, **{**usual, **settings})


def with_batcher(one: Batcher[int, int], main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    try:
        return asyncio.run(main())
    finally:
        one.close()


def test_many_callers_share_batches_and_each_gets_its_own_results() -> None:
    batches: list[int] = []

    def work(items: Sequence[int]) -> list[int]:
        batches.append(len(items))
        time.sleep(0.002)
        return [item + 1 for item in items]

    adder = batcher(work, max_waiting=200)

    async def main() -> list[list[int | Failure]]:
        callers = [adder.submit(list(range(n, n + n % 7))) for n in range(100)]
        return await asyncio.gather(*callers)

    found = with_batcher(adder, main)
    assert found == [list(range(n + 1, n + 1 + n % 7)) for n in range(100)]
    assert max(batches) == 4
    assert len(batches) < 120


def test_past_the_queue_a_caller_hears_so_at_once_unless_it_was_admitted() -> None:
    """Case 49."""
    release = threading.Event()

    def work(items: Sequence[int]) -> list[int]:
        release.wait(10)
        return list(items)

    adder = batcher(work, max_waiting=2)

    async def main() -> None:
        waiting = [asyncio.create_task(adder.submit([n])) for n in range(2)]
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        with pytest.raises(QueueFullError):
            await adder.submit([3])
        assert time.perf_counter() - began < 0.05
        admitted = asyncio.create_task(adder.submit([4], admitted=True))
        await asyncio.sleep(0)
        release.set()
        assert await asyncio.gather(*waiting, admitted) == [[0], [1], [4]]

    with_batcher(adder, main)


def test_items_that_nobody_waits_for_any_more_are_left_out() -> None:
    """Case 50."""
    release = threading.Event()
    worked: list[int] = []

    def work(items: Sequence[int]) -> list[int]:
        release.wait(10)
        worked.extend(items)
        return list(items)

    adder = batcher(work, batch=1)

    async def main() -> None:
        tasks = [asyncio.create_task(adder.submit([n])) for n in range(3)]
        await asyncio.sleep(0.05)
        tasks[1].cancel()
        await asyncio.sleep(0)
        assert adder.waiting == 2
        release.set()
        await asyncio.gather(tasks[0], tasks[2])

    with_batcher(adder, main)
    assert worked == [0, 2]


def test_one_item_at_fault_fails_alone() -> None:
    """Case 55."""

    def work(items: Sequence[int]) -> list[int]:
        if 13 in items:
            raise ValueError("thirteen")
        return list(items)

    adder = batcher(work)
    found = with_batcher(adder, lambda: adder.submit([11, 12, 13, 14]))
    assert found == [11, 12, Failure("The adder failed (ValueError)."), 14]


@pytest.mark.parametrize("nonsense", [[], [1], [1, 2, 3], [1, "2"], [1, None], "ab", None])
def test_results_that_are_none_are_failures(nonsense: Any) -> None:
    """Case 41."""
    adder = batcher(lambda items: nonsense if len(items) == 2 else [None])
    found = with_batcher(adder, lambda: adder.submit([1, 2]))
    assert all(isinstance(one, Failure) for one in found)


def test_work_that_hangs_fails_in_time_and_until_it_is_back_all_else_fails_at_once() -> None:
    """Case 41."""
    release = threading.Event()

    def work(items: Sequence[int]) -> list[int]:
        release.wait(10)
        return list(items)

    adder = batcher(work, seconds=0.2)

    async def main() -> None:
        began = time.perf_counter()
        assert isinstance((await adder.submit([1]))[0], Failure)
        # The thread's clock starts after the caller's, on a busy machine by more than a moment.
        while not adder.stuck:
            assert time.perf_counter() - began < 1
            await asyncio.sleep(0.01)
        began = time.perf_counter()
        assert isinstance((await adder.submit([2]))[0], Failure)
        assert time.perf_counter() - began < 0.05
        release.set()
        while adder.stuck:
            await asyncio.sleep(0.01)
        assert await adder.submit([3]) == [3]

    with_batcher(adder, main)


def test_closing_lets_nobody_wait() -> None:
    def work(items: Sequence[int]) -> list[int]:
        time.sleep(0.3)
        return list(items)

    adder = batcher(work, batch=1)

    async def main() -> list[list[int | Failure]]:
        tasks = [asyncio.create_task(adder.submit([n])) for n in range(3)]
        await asyncio.sleep(0.05)
        await asyncio.to_thread(adder.close)
        return await asyncio.gather(*tasks)

    began = time.perf_counter()
    found = asyncio.run(main())
    assert isinstance(found[2][0], Failure)
    assert time.perf_counter() - began < 2


@given(st.lists(st.sampled_from(["a", HARM, f"So {HARM}", "odd", "b", "nan", ""]), max_size=12))
def test_a_verdict_is_the_same_alone_and_in_a_batch(texts: list[str]) -> None:
    """Case 48."""
    detector = CookieDetector()
    judges = BatchedJudges(detector, TemplateDetoxifier(), DetectorSection(batch=5), DetoxifierSection())
    pairs = [Pair(str(n), text, "How?") for n, text in enumerate(texts)]
    try:
        together = asyncio.run(judges.judge(pairs))
        again = asyncio.run(judges.judge(pairs))
    finally:
        judges.close()
    alone = [run_now(DirectJudges(detector, TemplateDetoxifier()).judge([pair]))[0] for pair in pairs]
    assert together == alone == again


def test_verdicts_that_are_remembered_have_a_bound() -> None:
    detector = CookieDetector()
    sizes = DetectorSection(remembered=10)
    judges = BatchedJudges(detector, TemplateDetoxifier(), sizes, DetoxifierSection())

    async def main() -> None:
        for n in range(30):
            await judges.judge([Pair("", str(n))])
        await judges.judge([Pair("", "29"), Pair("", "0"), Pair("", "29", "other question")])

    try:
        asyncio.run(main())
    finally:
        judges.close()
    assert detector.batches[-1] == ["0", "29"]


def test_a_harmless_answer_is_let_through_as_it_is() -> None:
    found = decided(HARMLESS)
    assert (found.action, found.released, found.p_harm, found.reason) == ("allow", HARMLESS, 0.1, None)


def test_a_harmful_answer_is_rewritten_and_the_rewriting_is_judged() -> None:
    found = decided(HARM, rewrite=lambda pair, attempt: HARM if attempt == 0 else "share them")
    assert (found.action, found.released, found.attempts) == ("rewrite", "share them", 2)
    assert (found.p_harm, found.category) == (0.9, "theft")


BAD_REWRITINGS: dict[str, Callable[[Pair, int], str | Rewriting]] = {
    "still-harmful": lambda pair, attempt: f"Well, {HARM}",
    "empty": lambda pair, attempt: " \n",
    "the-answer-itself": lambda pair, attempt: pair.answer.upper(),
    "the-question": lambda pair, attempt: "How?",
    "unjudgeable": lambda pair, attempt: "odd",
    "a-failure": lambda pair, attempt: Rewriting.failed("no room"),
    "raises": lambda pair, attempt: 1 / 0,  # type: ignore[return-value, dict-item]
    "breaks-the-detector": lambda pair, attempt: "raise",
}


@pytest.mark.parametrize("name", BAD_REWRITINGS)
def test_a_rewriting_that_is_none_ends_in_the_refusal_after_a_bounded_number_of_tries(name: str) -> None:
    """Case 45."""
    found = decided(HARM, rewrite=BAD_REWRITINGS[name], retries=3)
    assert (found.action, found.released, found.attempts) == ("block", REFUSAL, 4)
    assert found.reason


def test_what_cannot_be_rewritten_is_refused() -> None:
    assert decided(HARM, rewritable=False, rewrite=lambda pair, attempt: "fine").action == "block"


def test_without_a_verdict_a_text_is_kept_back_or_let_through_as_declared() -> None:
    """Case 41: a failure is told as one, never as a verdict."""
    for text, action in (("odd", "not_inspected"), ("nan", "not_inspected"), ("raise", "failed")):
        closed = decided(text)
        assert (closed.action, closed.released, closed.p_harm) == (action, REFUSAL, None)
        declared = PolicySettings(on_uninspected="allow", on_failure="allow")
        opened = decided(text, policy=declared)
        assert (opened.action, opened.released, opened.inspected) == (action, text, False)
    assert decided("nonsense").action == "failed"


def test_each_kind_of_harm_may_have_a_rule_of_its_own() -> None:
    def policy(**rule: Any) -> PolicySettings:
        return PolicySettings.model_validate({"categories": {"theft": rule}})

    let_through = decided(HARM, policy=policy(response="allow"))
    assert (let_through.action, let_through.released, let_through.category) == ("allow", HARM, "theft")
    assert decided(HARM, policy=policy(response="block"), rewrite=lambda p, a: "fine").attempts == 0
    assert decided(HARM, policy=policy(threshold=0.95)).action == "allow"


def test_requests_are_never_rewritten() -> None:
    judges = DirectJudges(CookieDetector(), CookieDetoxifier(lambda pair, attempt: "fine"))
    decider = Decider(judges, PolicySettings(), retries=1, refusal=REFUSAL)
    found = run_now(decider.decide_input([Piece("a", HARM), Piece("b", "Hello"), Piece("c", "odd")]))
    assert [(one.action, one.released) for one in found] == [
        ("block", None),
        ("allow", "Hello"),
        ("not_inspected", None),
    ]


def test_an_answer_that_is_the_refusal_itself_is_no_contradiction() -> None:
    class Strict(CookieDetector):
        def _one(self, text: str) -> Judgement:
            return Judgement.of(1.0)

    decider = Decider(
        DirectJudges(Strict(), TemplateDetoxifier()), PolicySettings(), retries=0, refusal=REFUSAL
    )
    assert run_now(decider.decide_output(Pair("a", REFUSAL))).passed


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "allow", "released": "b"},
        {"action": "allow", "p_harm": None},
        {"action": "allow", "p_harm": 1.5},
        {"action": "allow", "p_harm": float("nan")},
        {"action": "block", "released": "a", "reason": "x"},
        {"action": "block", "released": None},
        {"action": "rewrite", "released": None, "reason": "x", "attempts": 1},
        {"action": "rewrite", "released": "b", "reason": "x", "attempts": 0},
        {"action": "failed", "reason": "x"},
        {"action": "not_inspected", "p_harm": None, "reason": None},
        {"action": "not_inspected", "p_harm": None, "reason": "x", "category": "y"},
        {"action": "perhaps"},
    ],
    ids=str,
)
def test_a_decision_that_contradicts_itself_cannot_be_made(fields: dict[str, Any]) -> None:
    usual = {"stage": "output", "original": "a", "released": "a", "p_harm": 0.5}
    with pytest.raises(ValueError, match=r"\w"):
        Decision(**{**usual, **fields})


@pytest.fixture
def world() -> Iterator[World]:
    with guarded(by_mode(HARMLESS), detector={"seconds": 0.4}) as made:
        yield made


def ask(world: World, content: str) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": content}]}
    return httpx.post(f"{world.url}/v1/chat/completions", json=body, timeout=10)


def test_a_detector_that_hangs_fails_requests_in_time_and_the_gateway_says_it_is_not_ready(
    world: World,
) -> None:
    """Case 41, over HTTP."""
    world.detector.hold.clear()
    began = time.monotonic()
    answer = ask(world, "Hello").json()
    assert answer["levelhead"]["input"]["action"] == "failed"
    assert answer["choices"][0]["finish_reason"] == "content_filter"
    assert time.monotonic() - began < 3
    assert until(lambda: httpx.get(f"{world.url}/readyz").status_code == 503)
    assert httpx.get(f"{world.url}/healthz").status_code == 200
    world.detector.hold.set()
    assert until(lambda: httpx.get(f"{world.url}/readyz").status_code == 200)
    assert ask(world, "Hello").json()["levelhead"]["input"]["action"] == "allow"


def test_a_text_that_breaks_the_detector_leaves_the_next_request_alone(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Case 55; and what broke it stands in no log."""
    answer = ask(world, "Please raise")
    assert answer.json()["levelhead"]["input"]["action"] == "failed"
    assert "secret words" not in answer.text + caplog.text
    assert ask(world, "Hello").json()["levelhead"]["input"]["action"] == "allow"


def test_moderations_speak_the_protocol_and_say_no_when_there_is_no_verdict(world: World) -> None:
    found = httpx.post(f"{world.url}/v1/moderations", json={"input": [HARM, "Hello"]}).json()
    assert [one["flagged"] for one in found["results"]] == [True, False]
    assert found["results"][0]["category_scores"] == {"harm": 0.9, "theft": 0.9}
    failed = httpx.post(f"{world.url}/v1/moderations", json={"input": ["Hello", "odd"]})
    assert failed.status_code == 503
    assert failed.json()["error"]["code"] == "not_inspected"
    for wrong in (None, [], [1], [{"type": "image_url"}], {"a": 1}):
        assert httpx.post(f"{world.url}/v1/moderations", json={"input": wrong}).status_code == 400
