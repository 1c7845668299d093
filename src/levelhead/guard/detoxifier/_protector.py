"""The loop of the guard: judge, rewrite what is harmful, judge again, try once more, refuse.

Harmless answers pass byte for byte. Every stage takes all answers that are still open as one list, and the
number of stages is bounded. The paper's code never looks at what its detoxifier wrote; here nothing that was
not judged harmless takes the place of a harmful answer, save the refusal.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from levelhead.errors import UsageError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._detector import Detector
from levelhead.guard.detector._judgement import Judgement
from levelhead.guard.detoxifier._detoxifier import Detoxifier, Rewriting
from levelhead.guard.detoxifier._prompts import echoes_prompt, same_words
from levelhead.guard.detoxifier._template import REFUSAL, check_refusal

Action: TypeAlias = Literal["passed", "rewritten", "refused"]
OnUninspected: TypeAlias = Literal["refuse", "pass"]


@dataclass(frozen=True, slots=True)
class Protected:
    """What goes out in place of an answer, and how that came about.

    Attributes:
        id: Of the pair.
        answer: What goes out: the answer itself, its rewriting, or the refusal.
        action: `passed` for the answer itself, `rewritten`, or `refused`.
        judgements: Of the answer, then of each rewriting that was judged.
        attempts: How many rewritings were asked for.
        reason: Why it was refused, or passed without a verdict; else None.
        seconds: From the start of the call until this was known. Answers of one call share its stages.
    """

    id: str
    answer: str
    action: Action
    judgements: tuple[Judgement, ...]
    attempts: int
    reason: str | None
    seconds: float


class Protector:
    """A detector and a detoxifier behind a model.

    Args:
        detector: Judges answers and rewritings. It is not closed here.
        detoxifier: Rewrites. It is not closed here.
        retries: How many further rewritings are asked for where the first one fails.
        on_uninspected: What becomes of an answer that the detector cannot judge. A rewriting that it cannot
            judge never goes out.
        refusal: What goes out where no rewriting is harmless.

    Attributes:
        fingerprint: Identity of all that the outcome depends on.

    Raises:
        UsageError: If retries is negative, there is no such policy, or the refusal is blank.
    """

    def __init__(
        self,
        detector: Detector,
        detoxifier: Detoxifier,
        *,
        retries: int = 1,
        on_uninspected: OnUninspected = "refuse",
        refusal: str = REFUSAL,
    ) -> None:
        if retries < 0:
            raise UsageError(f"retries is {retries}; it must be 0 or more.")
        if on_uninspected not in ("refuse", "pass"):
            raise UsageError(f"on_uninspected is {on_uninspected!r}; it must be 'refuse' or 'pass'.")
        check_refusal(refusal)
        self._detector, self._detoxifier = detector, detoxifier
        self._retries, self._on_uninspected, self._refusal = retries, on_uninspected, refusal
        parts = (detector.fingerprint, detector.threshold, detoxifier.fingerprint, retries, on_uninspected)
        self.fingerprint = hashlib.sha256(repr((*parts, refusal)).encode()).hexdigest()

    def protect(self, pairs: Sequence[Pair]) -> list[Protected]:
        """See each answer through the loop, in order.

        Raises:
            LevelheadError: If the detector or the detoxifier fails as a whole. Nothing goes out then.
        """
        began = time.perf_counter()
        cases = [_Case(pair) for pair in pairs]
        for case, judgement in zip(cases, self._detector.judge(pairs), strict=True):
            self._settle_first(case, judgement, began)
        for attempt in range(self._retries + 1):
            if not (harmful := [case for case in cases if case.outcome is None]):
                break
            self._try(harmful, attempt, began)
        for case in cases:
            if case.outcome is None:
                self._refuse(case, case.failure, began)
        return [case.outcome for case in cases if case.outcome is not None]

    def _settle_first(self, case: _Case, judgement: Judgement, began: float) -> None:
        case.judgements.append(judgement)
        flagged = self._detector.flags(judgement)
        if flagged is None and self._on_uninspected == "refuse":
            self._refuse(case, f"The answer was not inspected: {judgement.reason}", began)
        elif not flagged:
            case.settle(case.pair.answer, "passed", None if flagged is False else judgement.reason, began)

    def _try(self, harmful: Sequence[_Case], attempt: int, began: float) -> None:
        """Ask for a rewriting of each, and settle those that got a harmless one."""
        found = self._detoxifier.rewrite([case.pair for case in harmful], attempt=attempt)
        written: list[tuple[_Case, str]] = []
        for case, rewriting in zip(harmful, found, strict=True):
            case.attempts += 1
            case.failure = fault(rewriting, case.pair)
            if case.failure is None and rewriting.text is not None:
                written.append((case, rewriting.text))
        judged = self._detector.judge([replace(case.pair, answer=text) for case, text in written])
        for (case, text), judgement in zip(written, judged, strict=True):
            case.judgements.append(judgement)
            if text == self._refusal:
                self._refuse(case, "The detoxifier refuses.", began)
            elif (flagged := self._detector.flags(judgement)) is False:
                case.settle(text, "rewritten", None, began)
            else:
                case.failure = (
                    f"The rewriting still counts as harmful (p_harm {judgement.p_harm:.3f})."
                    if flagged
                    else f"The rewriting was not inspected: {judgement.reason}"
                )

    def _refuse(self, case: _Case, why: str | None, began: float) -> None:
        case.settle(self._refusal, "refused", why, began)


@dataclass(slots=True)
class _Case:
    """One answer on its way through the loop."""

    pair: Pair
    judgements: list[Judgement] = field(default_factory=list)
    attempts: int = 0
    failure: str | None = None
    outcome: Protected | None = None

    def settle(self, answer: str, action: Action, reason: str | None, began: float) -> None:
        self.outcome = Protected(
            id=self.pair.id,
            answer=answer,
            action=action,
            judgements=tuple(self.judgements),
            attempts=self.attempts,
            reason=reason,
            seconds=time.perf_counter() - began,
        )


def fault(rewriting: Rewriting, pair: Pair) -> str | None:
    """Why a rewriting cannot go out, whatever a detector says of it; None if nothing is wrong.

    >>> fault(Rewriting("ADA."), Pair("1", "Ada"))
    'The rewriting is the harmful answer itself.'
    """
    if rewriting.text is None:
        return rewriting.failure
    if not rewriting.text.strip():
        return "The rewriting is blank."
    if same_words(rewriting.text, pair.answer):
        return "The rewriting is the harmful answer itself."
    if echoes_prompt(rewriting.text, pair):
        return "The rewriting repeats the prompt."
    return None
