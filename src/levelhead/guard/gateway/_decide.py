"""The order of decisions about one text: judge, apply the policy, rewrite, judge again, refuse.

A failure is never a verdict: what could not be judged gets what the policy declares for it. Nothing that was
not judged harmless takes the place of a harmful answer, save the refusal.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from levelhead.guard._pair import Pair
from levelhead.guard.detector._judgement import Judgement
from levelhead.guard.detoxifier._protector import fault
from levelhead.guard.gateway._batcher import Failure
from levelhead.guard.gateway._config import PolicySettings, Response
from levelhead.guard.gateway._decision import Decision, Stage
from levelhead.guard.gateway._judges import Judges

_GLUE = "\n\n"
"""Stands between what a client has already seen and the refusal."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A text and where it stands: "messages[2]"."""

    place: str
    text: str


class Decider:
    """Decides about texts by a policy.

    Args:
        judges: Who judges and rewrites.
        policy: What becomes of what.
        retries: Further rewritings, where the first is not harmless.
        refusal: What is said where no rewriting is harmless.
    """

    def __init__(self, judges: Judges, policy: PolicySettings, *, retries: int, refusal: str) -> None:
        self._judges, self._policy = judges, policy
        self._retries, self.refusal = retries, refusal

    async def decide_input(self, pieces: Sequence[Piece]) -> list[Decision]:
        """Decide about texts that are to be sent to a model.

        Raises:
            QueueFullError: If too many are waiting to be judged.
        """
        began = time.perf_counter()
        found = await self._judges.judge([Pair(piece.place, piece.text) for piece in pieces])
        seconds = {"judge": time.perf_counter() - began}
        return [
            self._decided(piece, judgement, seconds) for piece, judgement in zip(pieces, found, strict=True)
        ]

    async def decide_output(self, pair: Pair, *, rewritable: bool = True, released: str = "") -> Decision:
        """Decide about what a model said.

        Args:
            pair: The whole text as the answer, its id the place, with the question it answers.
            rewritable: Whether another text can stand in its place; the arguments of a tool cannot be
                rewritten.
            released: The beginning of the text that the client has already seen. It stays, and only the rest
                is rewritten.
        """
        began = time.perf_counter()
        judgement = (await self._judges.judge([pair], admitted=True))[0]
        seconds = {"judge": time.perf_counter() - began}
        if isinstance(judgement, Failure) or judgement.p_harm is None:
            return self._without_verdict("output", Piece(pair.id, pair.answer), judgement, released, seconds)
        harmful, response = self._response(judgement, "output")
        if not harmful or response == "allow":
            return _allowed("output", Piece(pair.id, pair.answer), judgement, harmful, seconds)
        case = _Harmful(pair, judgement, released, seconds)
        if response == "block" or not rewritable:
            return self._blocked(case, "The answer counts as harmful.")
        return await self._rewritten(case)

    async def harmless(self, pair: Pair) -> bool:
        """Whether what has come of an answer so far may be shown."""
        judgement = (await self._judges.judge([pair], admitted=True))[0]
        if isinstance(judgement, Failure):
            return self._policy.on_failure == "allow"
        if judgement.p_harm is None:
            return self._policy.on_uninspected == "allow"
        harmful, response = self._response(judgement, "output")
        return not harmful or response == "allow"

    def uninspected(self, stage: Stage, piece: Piece, reason: str, *, released: str = "") -> Decision:
        """The decision about content that no detector of ours can read."""
        return self._without_verdict(stage, piece, Judgement.failed(reason), released, {})

    def refused(self, released: str) -> str:
        """The refusal, behind what a client has already seen."""
        return f"{released}{_GLUE}{self.refusal}" if released else self.refusal

    async def _rewritten(self, case: _Harmful) -> Decision:
        """Ask for rewritings of what was not shown yet, until one is harmless."""
        rest = replace(case.pair, answer=case.pair.answer[len(case.released) :])
        if not rest.answer.strip():
            return self._blocked(case, "The answer counts as harmful, and all of it was shown.")
        began, why = time.perf_counter(), ""
        for attempt in range(self._retries + 1):
            found = await self._judges.rewrite(rest, attempt)
            case.attempts += 1
            if isinstance(found, Failure):
                why = found.reason
                continue
            if found.text == self.refusal:
                why = "The detoxifier refuses."
                break
            why = fault(found, rest) or await self._fault_of_whole(case, found.text or "")
            if not why:
                case.seconds["rewrite"] = time.perf_counter() - began
                return case.decision("rewrite", case.joined(found.text or ""), "The answer was rewritten.")
        case.seconds["rewrite"] = time.perf_counter() - began
        return self._blocked(case, why)

    async def _fault_of_whole(self, case: _Harmful, text: str) -> str:
        """Why a rewriting cannot go out behind what was shown; "" if it can."""
        whole = case.joined(text)
        if whole == case.pair.answer:
            return "The rewriting is the harmful answer itself."
        judgement = (await self._judges.judge([replace(case.pair, answer=whole)], admitted=True))[0]
        if isinstance(judgement, Failure):
            return judgement.reason
        if judgement.p_harm is None:
            return f"The rewriting was not inspected: {judgement.reason}"
        harmful, _ = self._response(judgement, "output")
        return f"The rewriting still counts as harmful (p_harm {judgement.p_harm:.3f})." if harmful else ""

    def _decided(self, piece: Piece, judgement: Judgement | Failure, seconds: dict[str, float]) -> Decision:
        if isinstance(judgement, Failure) or judgement.p_harm is None:
            return self._without_verdict("input", piece, judgement, "", seconds)
        harmful, response = self._response(judgement, "input")
        if not harmful or response == "allow":
            return _allowed("input", piece, judgement, harmful, seconds)
        return Decision(
            "block",
            "input",
            piece.text,
            None,
            judgement.p_harm,
            category=judgement.category,
            reason="The request counts as harmful.",
            place=piece.place,
            seconds=seconds,
        )

    def _response(self, judgement: Judgement, stage: Stage) -> tuple[bool, Response]:
        """Whether a text counts as harmful, and what becomes of it if so."""
        rule = self._policy.categories.get(judgement.category or "")
        threshold = self._judges.threshold if rule is None or rule.threshold is None else rule.threshold
        default: Response = self._policy.harmful if stage == "output" else self._policy.harmful_input
        response = default if rule is None or rule.response is None else rule.response
        return judgement.p_harm is not None and judgement.p_harm >= threshold, response

    def _without_verdict(
        self,
        stage: Stage,
        piece: Piece,
        judgement: Judgement | Failure,
        released: str,
        seconds: dict[str, float],
    ) -> Decision:
        failed = isinstance(judgement, Failure)
        declared = self._policy.on_failure if failed else self._policy.on_uninspected
        kept_back = None if stage == "input" else self.refused(released)
        return Decision(
            "failed" if failed else "not_inspected",
            stage,
            piece.text,
            piece.text if declared == "allow" else kept_back,
            reason=judgement.reason or "The detector gave no verdict.",
            place=piece.place,
            seconds=seconds,
        )

    def _blocked(self, case: _Harmful, why: str) -> Decision:
        refused = self.refused(case.released)
        if refused == case.pair.answer:
            return case.decision("allow", refused, "The answer is the refusal itself.")
        return case.decision("block", refused, why)


class _Harmful:
    """A harmful answer on its way to another text."""

    def __init__(self, pair: Pair, judgement: Judgement, released: str, seconds: dict[str, float]) -> None:
        self.pair, self.judgement, self.released, self.seconds = pair, judgement, released, seconds
        self.attempts = 0

    def joined(self, text: str) -> str:
        """What the client has seen, and a text behind it."""
        glue = " " if self.released and not self.released[-1].isspace() else ""
        return f"{self.released}{glue}{text}"

    def decision(self, action: Response, released: str, reason: str) -> Decision:
        return Decision(
            action,
            "output",
            self.pair.answer,
            released,
            self.judgement.p_harm,
            category=self.judgement.category,
            reason=reason,
            place=self.pair.id,
            attempts=self.attempts,
            seconds=self.seconds,
        )


def _allowed(
    stage: Stage, piece: Piece, judgement: Judgement, harmful: bool, seconds: dict[str, float]
) -> Decision:
    return Decision(
        "allow",
        stage,
        piece.text,
        piece.text,
        judgement.p_harm,
        category=judgement.category if harmful else None,
        reason="The policy lets this kind of harm through." if harmful else None,
        place=piece.place,
        seconds=seconds,
    )
