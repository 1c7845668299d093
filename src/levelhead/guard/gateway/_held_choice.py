"""One choice of a streamed answer: its events wait here until all they say may be shown.

Events go out whole and in order. This module does not judge; it says what must be judged next, and what may
go out after that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from levelhead.guard.gateway._config import StreamSettings
from levelhead.guard.gateway._hold import Cut, GrowingText
from levelhead.guard.gateway._spoken import CONTENT, SHOWN_CHANNELS, Said, Spoken


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """An event that waits.

    Attributes:
        data: Its JSON, as it came.
        ends: What must be shown before it may go out: channels, each with a number of characters. None if it
            waits for the end, as the last event of a choice and everything that cannot be shown bit by bit.
        content: What it adds to the answer itself.
    """

    data: str
    ends: Sequence[tuple[str, int]] | None
    content: str


class HeldChoice:
    """A choice of which events keep coming.

    Args:
        index: Its number.
        settings: How texts are cut.

    Attributes:
        spoken: All that it says.
        finished: Whether the model said that it is at its end.
        released: How much of the answer itself has gone out.
        begun: Whether any event has gone out.
    """

    def __init__(self, index: int, settings: StreamSettings) -> None:
        self.index = index
        self.spoken = Spoken()
        self.finished = False
        self.released = ""
        self.begun = False
        self._settings = settings
        self._texts: dict[str, GrowingText] = {}
        self._waiting: deque[HeldEvent] = deque()

    def add(self, data: str, said: Sequence[Said], *, last: bool) -> None:
        """Take an event in.

        Args:
            data: Its JSON.
            said: What it says.
            last: Whether it tells a finish_reason.
        """
        ends: list[tuple[str, int]] | None = []
        for one in said:
            self.spoken.add(one)
            if one.channel not in SHOWN_CHANNELS:
                ends = None if one.text.strip() else ends
                continue
            text = self._texts.setdefault(one.channel, GrowingText(self._settings))
            text.add(one.text)
            if ends is not None:
                ends.append((one.channel, text.length))
        self.finished = self.finished or last
        content = "".join(one.text for one in said if one.channel == CONTENT)
        self._waiting.append(HeldEvent(data, None if last else ends, content))

    @property
    def answer(self) -> str:
        """The answer itself, if it is a text and all that the choice says."""
        return "" if self.spoken.others else self.spoken.text(CONTENT)

    @property
    def allowed(self) -> str:
        """So much of the answer itself as may be shown; an event over its end still waits whole."""
        shown_to = self._texts[CONTENT].shown_to if CONTENT in self._texts else 0
        return self.spoken.text(CONTENT)[:shown_to]

    def cuts(self) -> Iterator[tuple[str, Cut]]:
        """What must be judged for more to go out, each with its channel."""
        for channel, text in self._texts.items():
            if (cut := text.cut()) is not None:
                yield channel, cut

    def allow(self, channel: str, cut: Cut) -> None:
        """What stands before a cut was judged harmless."""
        self._texts[channel].shown_to = max(self._texts[channel].shown_to, cut.end)

    def ready(self) -> Iterator[str]:
        """The events that may go out now."""
        while self._waiting and self._may_go(self._waiting[0]):
            yield self._let_go()

    def rest(self) -> Iterator[tuple[str, bool]]:
        """All events that are left, each with whether it is the last: the whole choice was let through."""
        while self._waiting:
            last = len(self._waiting) == 1
            yield self._let_go(), last

    def _may_go(self, event: HeldEvent) -> bool:
        return event.ends is not None and all(
            self._texts[channel].shown_to >= end for channel, end in event.ends
        )

    def _let_go(self) -> str:
        event = self._waiting.popleft()
        self.released += event.content
        self.begun = True
        return event.data
