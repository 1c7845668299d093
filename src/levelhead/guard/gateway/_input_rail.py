"""The rail in front of the model: every text of a request, those in pictures too, and what nobody can read.

A rail that is off is told of as such: what it lets through counts as not inspected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from levelhead.guard.gateway._config import RailSettings
from levelhead.guard.gateway._decide import Decider, Piece
from levelhead.guard.gateway._decision import Decision
from levelhead.guard.gateway._media import MediaGate
from levelhead.guard.gateway._message_parts import Found
from levelhead.guard.gateway._picture import Picture


class InputRail:
    """Decides about requests.

    Args:
        settings: What is looked at.
        decider: Decides about texts.
        media: Reads the text in pictures.
    """

    def __init__(self, settings: RailSettings, decider: Decider, media: MediaGate) -> None:
        self._settings, self._decider, self._media = settings, decider, media

    async def decide(
        self, found: Found, pictures: Sequence[Picture], *, question: str
    ) -> tuple[str | None, list[Decision]]:
        """Decide about a request.

        Args:
            found: What is in it.
            pictures: Those of it that were let in, in order.
            question: The last turn of the user.

        Returns:
            The text that was read in its pictures, None if it has none; and the decisions.

        Raises:
            QueueFullError: If too many texts wait to be judged.
        """
        places = [slot.place for slot in found.pictures]
        read, decisions = await self._read(places, pictures)
        seen = "\n".join(piece.text for piece in read) if read else None
        if not self._settings.input:
            return seen, [*decisions, _passed("request", "", "The rail for requests is off.")]
        decisions += [
            self._decider.uninspected("input", Piece(piece.place, ""), piece.text)
            for piece in found.unreadable
        ]
        pieces = [*read, *_together(question, read)]
        for piece, role in zip(found.pieces, found.roles, strict=True):
            if role is None or role in self._settings.input_roles:
                pieces.append(piece)
            else:
                decisions.append(_passed(piece.place, piece.text, f"Texts of {role} are not judged here."))
        return seen, [*decisions, *await self._decider.decide_input(pieces)]

    async def _read(
        self, places: Sequence[str], pictures: Sequence[Picture]
    ) -> tuple[list[Piece], list[Decision]]:
        """The texts in pictures, and decisions about pictures that were not read."""
        if not self._settings.pictures:
            return [], [_passed(place, "", "The rail for pictures is off.") for place in places]
        found = await asyncio.gather(*(self._media.seen_text(picture) for picture in pictures))
        pieces: list[Piece] = []
        decisions: list[Decision] = []
        for place, one in zip(places, found, strict=True):
            if one.not_inspected is not None:
                decisions.append(self._decider.uninspected("input", Piece(place, ""), one.not_inspected))
            elif one.text:
                pieces.append(Piece(f"{place} (text in the picture)", one.text))
        return pieces, decisions


def _together(question: str, read: Sequence[Piece]) -> list[Piece]:
    """The question and the words of all pictures as one text: what is harmless apart may be harmful so."""
    if not read or (len(read) == 1 and not question.strip()):
        return []
    # A picture that looks different to different viewers has a line for each; lines of one number belong
    # together, and the last one of a picture stands for those that it does not have.
    views = [piece.text.split("\n") for piece in read]
    texts = [
        " ".join([question, *(lines[min(number, len(lines) - 1)] for lines in views)])
        for number in range(max(len(lines) for lines in views))
    ]
    return [Piece("question and pictures together", "\n".join(texts))]


def _passed(place: str, text: str, reason: str) -> Decision:
    return Decision("not_inspected", "input", text, text, reason=reason, place=place)
