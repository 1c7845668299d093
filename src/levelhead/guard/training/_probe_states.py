"""The mean states of all rows that a probe needs, computed once and kept until the probe is fitted.

Each batch is appended to a file with one write, in an order that follows from the lengths of the rows alone.
A training that was killed goes on after the last whole batch.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from levelhead.errors import RunFolderError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._format import TextFormat, formatted
from levelhead.guard.detector._probe import mean_states, row_batches
from levelhead.guard.detector._windows import MarkedRow, TokenWindows
from levelhead.guard.training._data import Split, both_ways
from levelhead.guard.training._probe_settings import ProbeSettings
from levelhead.running import ProgressStyle, show_progress


class ProbeRows(NamedTuple):
    """All rows of tokens that are read.

    Attributes:
        train: One for each row to learn from.
        held_out: With question and, if there are any, without: for each held-out pair all its windows.
    """

    train: list[MarkedRow]
    held_out: list[list[list[MarkedRow]]]

    @classmethod
    def of(cls, split: Split, windows: TokenWindows, settings: ProbeSettings) -> ProbeRows:
        """The rows of a split. What is drawn follows from the seed and the place of a row."""
        form = TextFormat(picture_text=settings.picture_text)
        train = []
        for place, pair in enumerate(split.train):
            chance = random.Random(f"{settings.seed}/probe/{place}")
            asked = chance.random() >= settings.drop_question
            train.append(chance.choice(windows.marked_rows(formatted(pair, replace(form, question=asked)))))
        held_out = [_windows_of(pairs, windows, form) for pairs in both_ways(split.held_out)]
        return cls(train, held_out)

    def all(self) -> list[MarkedRow]:
        """All of them in one list: first those to learn from."""
        return [*self.train, *(row for way in self.held_out for text in way for row in text)]


def _windows_of(pairs: Sequence[Pair], windows: TokenWindows, form: TextFormat) -> list[list[MarkedRow]]:
    return [windows.marked_rows(formatted(pair, form)) for pair in pairs]


def compute_states(states: Any, rows: Sequence[MarkedRow], path: Path, progress: ProgressStyle) -> Any:
    """The mean states of rows, of which some may have been computed before.

    Args:
        states: A `HiddenStates`.
        rows: What is read.
        path: Where they are kept. Nothing but these rows, read by this base, may have been kept there.
        progress: How to show progress.

    Returns:
        A float32 tensor of shape (rows, layers, width), in the order of the rows.

    Raises:
        RunFolderError: If the file cannot be read or written.
    """
    import numpy as np
    import torch

    batches = list(row_batches(rows))
    row_bytes = 4 * states.width * states.layers
    try:
        whole = _whole_batches(path, batches, row_bytes)
        held = sum(map(len, batches[:whole]))
        with (
            path.open("ab") as file,
            show_progress("reading", total=len(rows), held=held, style=progress) as advance,
        ):
            file.truncate(held * row_bytes)  # a batch that was torn is computed again
            for places in batches[whole:]:
                found = mean_states(states, [rows[place] for place in places])
                file.write(found.numpy().astype("<f4").tobytes())
                file.flush()
                advance(len(places))
        kept = np.fromfile(path, dtype="<f4").reshape(len(rows), states.layers, states.width)
    except OSError as error:
        raise RunFolderError(
            f"The states cannot be kept in {path} ({error.strerror or error}). Free some space and start "
            "again."
        ) from error
    found = torch.empty(kept.shape)
    found[torch.tensor([place for places in batches for place in places])] = torch.from_numpy(kept)
    return found


def _whole_batches(path: Path, batches: Sequence[Sequence[int]], row_bytes: int) -> int:
    """How many batches a file holds wholly."""
    rows = path.stat().st_size // row_bytes if path.is_file() else 0
    count = 0
    for batch in batches:
        rows -= len(batch)
        if rows < 0:
            break
        count += 1
    return count
