"""A suite that is ready to be asked, in the shape that all three have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levelhead.loop.measuring._settings import Suite
from levelhead.running import RunFolder

Number = Mapping[str, float | int | None]
"""`{"value", "low", "high", "n"}`; the value is None where the rows do not tell it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a suite found.

    Attributes:
        rows: Its lines of `rows.jsonl`, each with `suite` and `error`.
        numbers: Its part of the summary: by name, the numbers of `NUMBERS` and whatever else it tells.
        details: What its section of the page needs beside the numbers; see `Run.of_suite`.
    """

    rows: Sequence[Mapping[str, Any]]
    numbers: Mapping[str, Any]
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A suite whose questions were read and whose pictures were drawn.

    Attributes:
        suite: Which.
        asks: What it will ask, for the reader of the terminal.
        settings: All that determines the replies, apart from model and questions, as plain data.
        data_hash: Identity of the questions and their pictures.
        ask: Asks them, through the run folder that keeps the replies.
    """

    suite: Suite
    asks: str
    settings: Mapping[str, object]
    data_hash: str
    ask: Callable[[RunFolder], Measured]
