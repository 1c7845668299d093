"""The guard as a library, around plain and async callables."""

from __future__ import annotations

import asyncio
import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from levelhead.errors import UsageError
from levelhead.guard.detoxifier._template import REFUSAL
from levelhead.guard.gateway import Guard
from levelhead.guard.gateway._config import PolicySettings
from tests.guard.gateway.scripted import HARMFUL, HARMLESS, CookieDetector, CookieDetoxifier


def guard(**settings: Any) -> Guard:
    return Guard(CookieDetector(), **settings)


def test_a_harmless_answer_passes_and_a_harmful_one_is_refused() -> None:
    assert guard().check_output(HARMLESS, "Cookies?").released == HARMLESS
    assert guard().check_output(HARMFUL, "Cookies?").released == REFUSAL
    assert guard().check_input("steal the cookies").action == "block"


def test_a_wrapped_callable_keeps_its_arguments_and_its_name() -> None:
    @guard().wrap
    def ask(question: str, suffix: str, *, times: int = 1) -> str:
        """Ask."""
        return f"{question}{suffix * times}"

    assert ask("Bread", "!", times=2) == "Bread!!"
    assert ask("Then steal the ", "cookies") == REFUSAL
    assert (ask.__name__, ask.__doc__) == ("ask", "Ask.")


def test_a_blocked_question_is_not_asked() -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "x"

    assert guard().wrap(ask)("steal the cookies") == REFUSAL
    assert asked == []


def test_an_async_callable_is_guarded_and_does_not_hold_the_loop_up() -> None:
    detector = CookieDetector()

    async def main() -> tuple[str, str, int]:
        @Guard(detector, CookieDetoxifier(lambda pair, attempt: "ask for them")).wrap
        async def ask(question: str) -> str:
            await asyncio.sleep(0)
            return f"{question} cookies"

        detector.hold.clear()
        waiting = asyncio.ensure_future(ask("Then steal the"))
        ticks = 0
        for _ in range(20):
            await asyncio.sleep(0.005)
            ticks += 1
        detector.hold.set()
        return await waiting, await ask("Bake"), ticks

    assert asyncio.run(main()) == ("ask for them", "Bake cookies", 20)


def test_a_partial_of_an_async_callable_is_async() -> None:
    async def ask(question: str, suffix: str) -> str:
        return question + suffix

    wrapped = guard().wrap(functools.partial(ask, suffix="!"))
    assert asyncio.run(wrapped("Bread")) == "Bread!"  # type: ignore[arg-type]


def test_the_plain_checks_work_inside_a_running_event_loop() -> None:
    async def main() -> bool:
        return guard().check_output(HARMLESS).passed

    assert asyncio.run(main())


def test_a_failure_of_the_detector_is_a_decision_and_no_exception() -> None:
    assert guard().check_output("raise").action == "failed"
    opened = guard(policy=PolicySettings(on_failure="allow")).check_output("raise")
    assert (opened.released, opened.inspected) == ("raise", False)


def test_a_callable_that_gives_no_text_is_told_so() -> None:
    with pytest.raises(TypeError, match="gave a int"):
        guard().wrap(lambda question: 7)("Bread")  # type: ignore[arg-type, return-value]


def test_a_blank_refusal_is_refused() -> None:
    with pytest.raises(UsageError, match="blank"):
        guard(refusal=" ")


def test_from_many_threads_the_detector_is_asked_by_one_at_a_time() -> None:
    class Alone(CookieDetector):
        inside = threading.Lock()

        def judge(self, pairs: Any) -> Any:
            assert self.inside.acquire(blocking=False)
            try:
                return super().judge(pairs)
            finally:
                self.inside.release()

    shared = Guard(Alone())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: shared.check_output(f"{n} {HARMLESS}"), range(200)))
    assert all(one.action == "allow" for one in found)
