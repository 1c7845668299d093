"""Where a text that is still growing may be cut, so that what stands before the cut can be judged and shown.

By sentence, whole sentences are judged and go out. By characters, all that has come is judged and goes out
but for its last N characters: those go out when what follows them has been judged as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from levelhead.guard.gateway._config import StreamSettings

# Marks are only looked at where their row begins, so that a long row of them is no work.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]*_`]*+\s+|[。！？]+[”’」』]*\s*|\n\s*")
_BLANK = re.compile(r"\s(?=\S*$)")
CONTEXT_CHARACTERS = 2_000
"""So much of what was shown is judged again with what comes next. The whole text is judged at its end."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A place up to which a text may be shown, if what is to be judged is harmless.

    Attributes:
        text: What is to be judged.
        end: Characters of the whole text that may be shown then.
    """

    text: str
    end: int


class GrowingText:
    """A text of which pieces keep coming.

    Args:
        settings: Where it may be cut.

    Attributes:
        shown_to: Characters from the beginning that may be shown.
    """

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._judged = ""
        self._dropped = 0
        self._new: list[str] = []
        self._new_length = 0
        self.shown_to = 0

    @property
    def length(self) -> int:
        """Characters that have come."""
        return self._dropped + len(self._judged) + self._new_length

    @property
    def _unshown(self) -> int:
        """Characters that were judged, or are about to be, and may not be shown yet."""
        return self._dropped + len(self._judged) - self.shown_to

    def add(self, text: str) -> None:
        """Put a piece behind what has come."""
        self._new.append(text)
        self._new_length += len(text)

    def cut(self) -> Cut | None:
        """The next place to judge up to; None if more must come first. Each place is given once.

        After a part that was flagged, as much again must come: else a long answer that begins with harm
        would be judged anew, whole, at each of its sentences.
        """
        if not self._new_length:
            return None
        if self._settings.hold_back != "sentence":
            return self._cut_behind(self._settings.hold_back)
        if self._new_length < self._unshown:
            return None
        new = "".join(self._new)
        self._new = [new]
        end = _sentence_end(new)
        if not end and self.length - self.shown_to > self._settings.longest_hold:
            end = _blank(new) or len(new)
        if not end:
            return None
        self._take(end)
        return Cut(self._judged, self._dropped + len(self._judged))

    def _cut_behind(self, characters: int) -> Cut | None:
        """All that has come, once so much of it is new that something before the last N goes out."""
        enough = max(characters, self._unshown - characters) if self._judged else 1
        if self._new_length < enough or self.length <= characters:
            return None
        self._take(self._new_length)
        return Cut(self._judged, self.length - characters)

    def _take(self, end: int) -> None:
        """Count so many new characters among those that are judged; forget what is no context any more."""
        new = "".join(self._new)
        self._judged += new[:end]
        self._new, self._new_length = [new[end:]], len(new) - end
        # What was not shown is judged however long it is: none of it goes out unjudged.
        excess = len(self._judged) - self._unshown - CONTEXT_CHARACTERS
        if excess > 0:
            self._judged = self._judged[excess:]
            self._dropped += excess


def _sentence_end(text: str) -> int:
    """Where the last whole sentence ends, with the blanks behind it; 0 if there is none.

    >>> _sentence_end("One. Two. Thr"), _sentence_end("3.14")
    (10, 0)
    """
    end = 0
    for found in _SENTENCE_END.finditer(text):
        end = found.end()
    return end


def _blank(text: str) -> int:
    """Where the last word begins; 0 if there is but one."""
    found = _BLANK.search(text)
    return found.end() if found else 0
