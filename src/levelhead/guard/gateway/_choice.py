"""The decision about one choice of an answer, from the decisions about each of its texts.

Only the answer itself can be rewritten. If anything else in the choice is kept back, all of it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from levelhead.guard._pair import Pair
from levelhead.guard.gateway._decide import Decider, Piece
from levelhead.guard.gateway._decision import Decision
from levelhead.guard.gateway._spoken import CONTENT, SHOWN_CHANNELS, Spoken
from levelhead.guard.gateway._sureness import Sureness

RAIL_OFF = "The rail for answers is off."


@dataclass(frozen=True, slots=True)
class ChoiceOutcome:
    """What becomes of a choice.

    Attributes:
        index: Which choice.
        decisions: About each of its texts, the answer itself first.
        text: What the client gets in its place, with what it has seen already at its beginning; None if the
            choice goes out as it is.
        sureness: What the model says of its answer; None if it was not asked.
    """

    index: int
    decisions: Sequence[Decision]
    text: str | None = field(repr=False)
    sureness: Sureness | None = None

    @property
    def decision(self) -> Decision:
        """The one that stands for all: the strictest."""
        return max(self.decisions, key=lambda one: one.severity)


class ChoiceDecider:
    """Decides about choices of one answer.

    Args:
        decider: Decides about texts.
        question: What the answer answers.
        seen: Text that was found in the pictures of the request; None if there are none.
        on: Whether answers are judged at all.
    """

    def __init__(self, decider: Decider, *, question: str, seen: str | None, on: bool) -> None:
        self._decider, self._question, self._seen, self._on = decider, question, seen, on

    async def harmless(self, text: str) -> bool:
        """Whether a part of an answer may be shown before the answer is whole."""
        return not self._on or await self._decider.harmless(self._pair("", text))

    async def decide(self, index: int, spoken: Spoken, *, released: str = "") -> ChoiceOutcome:
        """Decide about a whole choice.

        Args:
            index: Its number.
            spoken: All that it says.
            released: How much of the answer itself the client has seen.
        """
        texts = _texts(index, spoken)
        if not self._on:
            return ChoiceOutcome(index, [_unjudged(piece) for piece in texts], None)
        decisions = list(
            await asyncio.gather(
                self._decide_content(texts[0], released), *(self._decide_other(one) for one in texts[1:])
            )
        )
        if spoken.unreadable is not None:
            place = Piece(f"choices[{index}]", "")
            decisions.append(self._decider.uninspected("output", place, spoken.unreadable, released=released))
        return ChoiceOutcome(index, decisions, self._replacement(decisions, released))

    def _replacement(self, decisions: Sequence[Decision], released: str) -> str | None:
        content, *others = decisions
        if all(one.passed for one in others):
            return None if content.passed else content.released
        return self._decider.refused(released)

    async def _decide_content(self, piece: Piece, released: str) -> Decision:
        return await self._decider.decide_output(self._pair(piece.place, piece.text), released=released)

    async def _decide_other(self, piece: Piece) -> Decision:
        return await self._decider.decide_output(self._pair(piece.place, piece.text), rewritable=False)

    def _pair(self, place: str, text: str) -> Pair:
        return Pair(place, text, question=self._question or None, seen=self._seen)


def _texts(index: int, spoken: Spoken) -> list[Piece]:
    """The texts of a choice that are judged, the answer itself first."""
    found = [Piece(f"choices[{index}].{CONTENT}", spoken.text(CONTENT))]
    further = [(channel, spoken.text(channel)) for channel in SHOWN_CHANNELS[1:]]
    further.append(("(other fields)", spoken.others))
    return found + [Piece(f"choices[{index}].{name}", text) for name, text in further if text]


def _unjudged(piece: Piece) -> Decision:
    return Decision("not_inspected", "output", piece.text, piece.text, reason=RAIL_OFF, place=piece.place)
