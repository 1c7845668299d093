"""Cut a text that is longer than a model can read into windows that overlap.

Every token of the answer stands in a window, and each window begins with the question, cut to a share of the
window if it is long. This module knows nothing of models; a detector takes the highest score of the windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from levelhead.errors import UsageError
from levelhead.guard.detector._format import FormattedText

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Items = TypeVar("Items", str, list[int])

OVERLAP = 4
"""Neighboring windows share one part in so many of their room."""


def spans(length: int, room: int) -> Iterator[tuple[int, int]]:
    """Beginnings and ends of windows of at most `room` that cover 0..length and overlap.

    The last one ends at the end and is as long as the others.

    >>> list(spans(10, 12)), list(spans(10, 4))
    ([(0, 10)], [(0, 4), (3, 7), (6, 10)])
    """
    start = 0
    while start + room < length:
        yield start, start + room
        start += max(1, room - max(1, room // OVERLAP))
    yield max(0, length - room), length


def windows(head: Items, body: Items, *, room: int, head_share: float) -> list[Items]:
    """The head with each piece of the body.

    Args:
        head: Tokens or characters that every window begins with. One that does not fit is cut in its middle,
            since questions put what matters at either end.
        body: Tokens or characters that are cut into pieces; may be empty.
        room: Longest window.
        head_share: Largest share of the window that the head takes from a body that needs it, 0..1.

    Returns:
        At least one window, each of at most `room`.
    """
    head = fitted_head(head, len(body), room=room, head_share=head_share)
    return [head + body[start:end] for start, end in spans(len(body), max(1, room - len(head)))]


def fitted_head(head: Items, body_length: int, *, room: int, head_share: float) -> Items:
    """The head as it stands in each window, see `windows`. One that fits stays as it is."""
    return without_middle(head, max(int(room * head_share), room - body_length))


def without_middle(items: Items, most: int) -> Items:
    """The items if they are no more than so many, else as many of both ends.

    >>> without_middle("abcdefg", 3)
    'abg'
    """
    if len(items) <= most:
        return items
    tail = most // 2
    return items[: most - tail] + items[len(items) - tail :]


class MarkedRow(NamedTuple):
    """A row of token ids, and where the answer stands in it."""

    ids: list[int]
    answer_begin: int
    answer_end: int


class TokenWindows:
    """From text to rows of token ids, special tokens included.

    Args:
        tokenizer: A `tokenizers.Tokenizer`. Truncation and padding are switched off.
        window: Longest row, in tokens.
        head_share: See `windows`.

    Raises:
        UsageError: If the window has no room beside the special tokens.
    """

    def __init__(self, tokenizer: Tokenizer, *, window: int, head_share: float) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer: Any = tokenizer
        self._before, self._after = _special_tokens(tokenizer)
        self._room = window - len(self._before) - len(self._after)
        self._head_share = head_share
        if self._room < 4 or not 0 < head_share < 1:
            raise UsageError(
                f"A window of {window} tokens with a head of at most {head_share} of it is too small. Give "
                "16 tokens or more, and a share between 0 and 1."
            )

    def fits(self, text: FormattedText) -> bool:
        """Whether the whole text is one row and nothing of it is cut."""
        return len(self._tokenizer.encode(text.whole, add_special_tokens=False).ids) <= self._room

    def rows(self, text: FormattedText) -> list[list[int]]:
        """The windows of one text as token ids; the whole text in one row if it fits."""
        return [row.ids for row in self.marked_rows(text)]

    def marked_rows(self, text: FormattedText) -> list[MarkedRow]:
        """The same rows, each with the place of its piece of the answer."""
        # Tokenized once and whole, so that the seam of head and answer is that of training on short texts.
        encoding = self._tokenizer.encode(text.whole, add_special_tokens=False)
        ids: list[int] = encoding.ids
        # A token over the seam counts as answer: all of the answer is judged, while a head may be cut.
        in_head = sum(1 for _, end in encoding.offsets if end <= len(text.head)) if text.head else 0
        head, body = ids[:in_head], ids[in_head:]
        head = fitted_head(head, len(body), room=self._room, head_share=self._head_share)
        begin = len(self._before) + len(head)
        pieces = windows(head, body, room=self._room, head_share=self._head_share)
        rows = [[*self._before, *piece, *self._after] for piece in pieces]
        return [MarkedRow(row, begin, len(row) - len(self._after)) for row in rows]


def _special_tokens(tokenizer: Any) -> tuple[Sequence[int], Sequence[int]]:
    """The ids that the tokenizer writes before and after a text."""
    encoding = tokenizer.encode("a", add_special_tokens=True)
    own = [place for place, special in enumerate(encoding.special_tokens_mask) if not special]
    if not own:  # a vocabulary without the letter a
        return encoding.ids[:1], encoding.ids[1:]
    return encoding.ids[: own[0]], encoding.ids[own[-1] + 1 :]
