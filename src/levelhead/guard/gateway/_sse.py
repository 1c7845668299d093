"""Server-sent events: from bytes, cut anywhere, to the data of events, and back.

Source: the event stream format of the HTML standard (section «Server-sent events»). Lines end with LF, CRLF
or CR; the data of one event may stand on several lines; comments and fields other than `data` carry nothing
here. What stands at the end without a blank line behind it is given out apart: it may be an event that its
server did not finish.
"""

from __future__ import annotations

from collections.abc import Iterator

DONE = "[DONE]"
"""Data of the event that ends a stream of the OpenAI protocol."""

_MARK = b"\xef\xbb\xbf"


class BrokenEventsError(ValueError):
    """The stream is none, or one of its events is too large. The message quotes nothing of it."""


class EventReader:
    """Reads events from the pieces of a stream.

    Args:
        max_event_bytes: Largest event.
    """

    def __init__(self, *, max_event_bytes: int) -> None:
        self._max = max_event_bytes
        self._rest = bytearray()
        self._searched = 0
        self._data: list[bytes] = []
        self._bytes = 0
        self._at_start = True

    def feed(self, piece: bytes) -> Iterator[str]:
        """The data of the events that are whole with this piece.

        Raises:
            BrokenEventsError: If an event is too large or no UTF-8 text. What was given out before stands.
        """
        self._rest += piece
        for line in self._lines():
            if line:
                self._take(line)
            elif self._data:
                yield self._event()
            else:
                self._bytes = 0
        if self._bytes + len(self._rest) > self._max:
            raise BrokenEventsError(f"an event is larger than {self._max:,} bytes")

    def finish(self) -> str | None:
        """The data of an event that was not ended by a blank line; None if there is none.

        Raises:
            BrokenEventsError: If it is no UTF-8 text.
        """
        self._take(bytes(self._rest).rstrip(b"\r\n"))
        self._rest.clear()
        return self._event() if self._data else None

    def _lines(self) -> Iterator[bytes]:
        """Whole lines, without their ends, taken off the rest."""
        start = 0
        while (end := self._line_end(start)) is not None:
            line = bytes(self._rest[start : end[0]])
            start = end[1]
            if self._at_start:
                self._at_start, line = False, line.removeprefix(_MARK)
            yield line
        del self._rest[:start]
        self._searched = len(self._rest)

    def _line_end(self, start: int) -> tuple[int, int] | None:
        """Where the line ends, and where the next one begins; None if its end has not come yet."""
        # What was searched before holds no end but a CR as its last byte.
        since = max(start, self._searched - 1)
        feed, back = self._rest.find(b"\n", since), self._rest.find(b"\r", since)
        if back < 0 or 0 <= feed < back:
            return None if feed < 0 else (feed, feed + 1)
        if back + 1 == len(self._rest):
            return None  # a LF may follow
        return back, back + (2 if self._rest[back + 1 : back + 2] == b"\n" else 1)

    def _take(self, line: bytes) -> None:
        self._bytes += len(line)
        if self._bytes > self._max:
            raise BrokenEventsError(f"an event is larger than {self._max:,} bytes")
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))

    def _event(self) -> str:
        data = b"\n".join(self._data)
        self._data.clear()
        self._bytes = 0
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BrokenEventsError("an event is no UTF-8 text") from error


def event(data: str) -> bytes:
    r"""An event with this data.

    >>> event("a\nb")
    b'data: a\ndata: b\n\n'
    """
    # CR would end a line as well; in JSON neither stands but between tokens.
    lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "".join(f"data: {line}\n" for line in lines).encode("utf-8") + b"\n"
