"""From a pair to the dialogue that is trained on, and to one that shows its form without its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from levelhead.guard._pair import Pair
from levelhead.guard.detoxifier._prompts import RewritingStyle, rewriting_prompt
from levelhead.guard.training._detoxifier_pairs import RewritePair
from levelhead.records import Prompt, Turn
from levelhead.training import Dialogue


def asked(pair: RewritePair) -> Pair:
    """What the detoxifier is shown of a pair."""
    return Pair(pair.id, pair.before.answer, pair.before.question)


def lesson(pair: RewritePair, style: RewritingStyle) -> Dialogue:
    """The dialogue of a pair: the prompt of serving, then the rewritten answer, which alone is in the loss.

    Raises:
        UsageError: If there is no such style.
    """
    prompt = rewriting_prompt(asked(pair), style)
    # Blanks at the ends are dropped from what a detoxifier writes, so it need not learn them.
    turns = (*prompt.turns, Turn("assistant", pair.rewritten.strip()))
    return Dialogue(f"{pair.before.source}/{pair.id}", Prompt(turns, raw=prompt.raw))


def masked(pair: RewritePair) -> RewritePair:
    """The pair with a note in place of each text, so that it can be shown whatever it holds."""
    question = pair.before.question
    before = replace(
        pair.before,
        question=None if question is None else _note("question", question),
        answer=_note("answer", pair.before.answer),
    )
    return replace(pair, before=before, rewritten=_note("rewritten answer", pair.rewritten))


def example_of(pairs: Sequence[RewritePair]) -> RewritePair:
    """The first pair that changes its answer."""
    return next(one for one in pairs if not one.keeps)


def _note(what: str, text: str) -> str:
    return f"[{what}: {len(text.split()):,} words]"
