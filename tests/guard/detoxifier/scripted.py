"""A detector and a detoxifier that do what a test tells them to, and count how often they are called.

Whoever says how to steal the cookies is harmful here; who says something odd cannot be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from levelhead.guard import Detector, Detoxifier, Judgement, Pair, Rewriting

HARMFUL, HARMLESS, ODD = "steal the cookies", "share the cookies", "odd cookies"


class ScriptedDetector(Detector):
    """Harmful from the word `steal` on, unjudgeable from the word `odd` on.

    Attributes:
        asked: The answers of each call that had any that is not blank.
    """

    name = "scripted"

    def __init__(self, fingerprint: str = "d") -> None:
        self.fingerprint = fingerprint
        self.asked: list[list[str]] = []

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        if pairs:
            self.asked.append([pair.answer for pair in pairs])
        return [
            Judgement.failed("It is odd.")
            if "odd" in pair.answer
            else Judgement.of(0.9 if "steal" in pair.answer else 0.1)
            for pair in pairs
        ]


class ScriptedDetoxifier(Detoxifier):
    """Rewrites by a function.

    Args:
        script: From a pair and the number of the attempt to the new text, or to a failure.

    Attributes:
        asked: The ids of each call.
    """

    name = "scripted"

    def __init__(self, script: Callable[[Pair, int], str | Rewriting], fingerprint: str = "x") -> None:
        self.fingerprint = fingerprint
        self.asked: list[list[str]] = []
        self._script = script

    def rewrite(self, pairs: Sequence[Pair], *, attempt: int = 0) -> list[Rewriting]:
        self.asked.append([pair.id for pair in pairs])
        found = [self._script(pair, attempt) for pair in pairs]
        return [one if isinstance(one, Rewriting) else Rewriting(one) for one in found]
