"""The guard as a library: the decisions of the gateway around any callable, without a server.

guard = Guard(detector, detoxifier)
decision = guard.check_output("Paris.", question="What is the capital of France?")
ask = guard.wrap(ask)          # from a question to an answer; plain or async
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, cast, overload

from levelhead.guard._pair import Pair
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detoxifier._detoxifier import Detoxifier
from levelhead.guard.detoxifier._template import REFUSAL, TemplateDetoxifier, check_refusal
from levelhead.guard.gateway._config import PolicySettings
from levelhead.guard.gateway._decide import Decider, Piece
from levelhead.guard.gateway._decision import Decision
from levelhead.guard.gateway._disguises import UndisguisingDetector
from levelhead.guard.gateway._judges import DirectJudges, run_now

P = ParamSpec("P")


class Guard:
    """Judges what goes into a model and what comes out of it.

    It may be used from several threads; the detector is asked by one at a time.

    Args:
        detector: Judges. It is not closed here.
        detoxifier: Rewrites; every harmful answer is refused if not given. It is not closed here.
        policy: What becomes of what; closed where there is no verdict, if not given.
        retries: Further rewritings, where the first is not harmless.
        refusal: What is said where no rewriting is harmless.
        threshold: p_harm from which a text counts as harmful; that of the detector if not given.
        undisguise: Whether a text with signs of a disguise (other scripts, invisible letters, digits for
            letters, Base64) is judged without it as well.

    Raises:
        UsageError: If the refusal is blank.
    """

    def __init__(
        self,
        detector: Detector,
        detoxifier: Detoxifier | None = None,
        *,
        policy: PolicySettings | None = None,
        retries: int = 1,
        refusal: str = REFUSAL,
        threshold: float | None = None,
        undisguise: bool = True,
    ) -> None:
        check_refusal(refusal)
        judging = UndisguisingDetector(detector) if undisguise else detector
        judges = DirectJudges(judging, detoxifier or TemplateDetoxifier(refusal), threshold=threshold)
        self._decider = Decider(judges, policy or PolicySettings(), retries=retries, refusal=refusal)
        self._lock = threading.Lock()

    def check_input(self, text: str) -> Decision:
        """Decide about a text that is to be sent to a model. It is let through or blocked, never rewritten.

        What goes wrong inside is a decision too; nothing is raised.
        """
        with self._lock:
            return run_now(self._decider.decide_input([Piece("question", text)]))[0]

    def check_output(self, answer: str, question: str | None = None, *, seen: str | None = None) -> Decision:
        """Decide about what a model said: `released` is what goes out.

        Args:
            answer: What it said.
            question: What it answers, if that is known.
            seen: Text that was found in pictures of the question.
        """
        with self._lock:
            return run_now(self._decider.decide_output(Pair("answer", answer, question, seen=seen)))

    async def acheck_input(self, text: str) -> Decision:
        """As `check_input`, in another thread, so that the event loop goes on."""
        return await asyncio.to_thread(self.check_input, text)

    async def acheck_output(
        self, answer: str, question: str | None = None, *, seen: str | None = None
    ) -> Decision:
        """As `check_output`, in another thread."""
        return await asyncio.to_thread(self.check_output, answer, question, seen=seen)

    @overload
    def wrap(self, ask: Callable[Concatenate[str, P], str]) -> Callable[Concatenate[str, P], str]: ...

    @overload
    def wrap(
        self, ask: Callable[Concatenate[str, P], Awaitable[str]]
    ) -> Callable[Concatenate[str, P], Awaitable[str]]: ...

    def wrap(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        """A callable from a question to an answer, guarded on both sides.

        Args:
            ask: Takes the question first, and returns the answer or a coroutine of it. It is not called for
                a question that is blocked.

        Returns:
            The same, with the refusal or a rewriting in the place of what is kept back.
        """
        if inspect.iscoroutinefunction(ask):

            @functools.wraps(ask)
            async def guarded_async(question: str, *arguments: Any, **settings: Any) -> str:
                if not (await self.acheck_input(question)).passed:
                    return self._decider.refusal
                answer = _text(await ask(question, *arguments, **settings))
                return _released(await self.acheck_output(answer, question))

            return guarded_async

        @functools.wraps(ask)
        def guarded(question: str, *arguments: Any, **settings: Any) -> str:
            if not self.check_input(question).passed:
                return self._decider.refusal
            answer = _text(ask(question, *arguments, **settings))
            return _released(self.check_output(answer, question))

        return guarded


def _text(answer: object) -> str:
    if not isinstance(answer, str):
        raise TypeError(f"The guarded callable gave a {type(answer).__name__}; it must give a text.")
    return answer


def _released(decision: Decision) -> str:
    return cast(str, decision.released)  # of an answer, something always goes out
