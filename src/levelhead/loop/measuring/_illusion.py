"""The illusion suite as a part of a measurement: the built-in bank with typographic pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from levelhead.illusion import (
    Question,
    ask_set,
    asking_settings,
    bank_recheck,
    build,
    hash_of_set,
    illusion_numbers,
    load_questions,
    read_set,
    select,
)
from levelhead.loop.measuring._part import Measured, Part
from levelhead.loop.measuring._settings import MeasureSettings
from levelhead.models import Model, require_sight
from levelhead.running import DATA_FOLDER, RunFolder, choose_style, show_progress

VARIANT = "paper"
"""The bare question; other prompt variants are asked by `levelhead illusion run`."""


def illusion_part(model: Model, out: Path, settings: MeasureSettings) -> Part:
    """Draw the pictures of the questions.

    Raises:
        UsageError: If the model does not see.
        RunFolderError: If the pictures cannot be written.
    """
    asked = asking_settings(settings.mode, VARIANT)
    require_sight(model)  # before anything is drawn
    data = out / DATA_FOLDER / "illusion"
    questions, kinds = _questions(settings)
    with _drawing() as progress:
        build(questions, data, kinds=kinds, seed=settings.seed, recheck=bank_recheck(), progress=progress)
    rows = read_set(data)
    count = len({row.question_id for row in rows})

    def ask(folder: RunFolder) -> Measured:
        scored = ask_set(
            model,
            rows,
            folder,
            mode=settings.mode,
            variant=VARIANT,
            with_shift=settings.size.with_shift,
        )
        return Measured(scored, illusion_numbers(scored), {"questions": count})

    return Part(
        "illusion", f"{count:,} questions, {count + len(rows):,} answers", asked, hash_of_set(rows), ask
    )


def _questions(settings: MeasureSettings) -> tuple[list[Question], tuple[str, ...]]:
    """What is asked, and the kinds of its pictures."""
    only = settings.selection
    bank = [one for one in load_questions() if only is None or one.category in only.categories]
    return select(bank, settings.size.illusion), ("typographic",) if only is None else only.kinds


@contextmanager
def _drawing() -> Iterator[Callable[[int, int], None]]:
    """A progress bar that appears with the first picture, when their number is known."""
    with ExitStack() as stack:
        bars: list[Callable[[int], None]] = []

        def tell(done: int, total: int) -> None:
            if not bars:
                shown = show_progress("drawing pictures", total=total, held=0, style=choose_style())
                bars.append(stack.enter_context(shown))
            bars[0](1)

        yield tell
