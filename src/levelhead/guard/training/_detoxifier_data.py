"""From pairs and harmless answers to what a detoxifier is trained on and tested with.

Test goals are taken out, unlabelled pairs can be judged by a detector, pairs that would teach the wrong thing
are left out and counted by reason, whole goals are held out, and harmless answers are mixed in.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from levelhead.datasets import HARM_SETS, LabelledAnswer, remove_overlap, split_by_goal
from levelhead.errors import UsageError
from levelhead.guard._pair import Pair
from levelhead.guard.detector._detector import Detector
from levelhead.guard.training._detoxifier_pairs import RewritePair, kept
from levelhead.guard.training._detoxifier_settings import DetoxifierSettings
from levelhead.running import ProgressStyle, show_progress

FIXED_REFUSAL = "Sorry, I can not answer this question."
"""What the paper's code writes in place of a pair's answers if both are harmful, to the letter."""

_JUDGED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class DetoxifierData:
    """Pairs by side, and what became of all others.

    Attributes:
        train: To learn from.
        held_out: Kept apart; no goal of it is trained on, nor one in nearly the same words.
        counts: By source: how many were read, trained on, held out, and left out for which reason.
        judge: Name of the detector that labelled what had no label; None if nobody did.
    """

    train: tuple[RewritePair, ...]
    held_out: tuple[RewritePair, ...]
    counts: Mapping[str, Mapping[str, int]]
    judge: str | None = None

    @property
    def unlabelled(self) -> int:
        """Pairs to be trained on, out of public sets, of which nobody said whether the answer is harmful.

        Of pairs in a file of the user's, who gives them to be rewritten has said so.
        """
        return sum(
            one.before.harmful is None and not one.keeps and one.before.source in HARM_SETS
            for one in self.train
        )


def gather_rewrites(
    pairs: Sequence[RewritePair],
    harmless: Sequence[LabelledAnswer] = (),
    settings: DetoxifierSettings | None = None,
    *,
    tests: Sequence[LabelledAnswer] = (),
    detector: Detector | None = None,
    progress: ProgressStyle = "off",
) -> DetoxifierData:
    """Make the data of a detoxifier.

    Args:
        pairs: Answers with their rewritings; those that change nothing join the harmless answers.
        harmless: Answers to be kept as they are. Where they do not make up the share that is to be kept, the
            rewritten answers of pairs are added.
        settings: How.
        tests: What will be tested on; pairs and answers of the same goals are left out.
        detector: Judges what is not labelled. Pairs are then left out unless it finds harm in the answer.
        progress: How the judging shows how far it is.

    Raises:
        UsageError: If an id is used twice, nothing is left to train on, or nothing can be held out.
    """
    settings = settings or DetoxifierSettings()
    everything = [*pairs, *map(kept, harmless)]
    _require_distinct_ids(everything)
    counts = Counter((one.before.source, "read") for one in everything)
    left = _without(everything, _repetition(), counts)
    left = _without(left, _overlap(left, tests), counts)
    if detector is not None:
        left = _without(_judged(left, detector, progress), _not_inspected, counts)
    left = _without(left, _lesson_fault(settings, only_harmful=detector is not None), counts)
    if settings.is_paper:
        left = [_with_paper_target(one) for one in left]
    sides = _split(left, settings)
    mixed = {side: _mixed(rows, settings, side) for side, rows in sides.items()}
    for side, rows in mixed.items():
        counts.update((one.before.source, f"{side}, {'kept' if one.keeps else 'rewritten'}") for one in rows)
    judge = None if detector is None else detector.name
    return DetoxifierData(tuple(mixed["train"]), tuple(mixed["held out"]), _by_source(counts), judge)


def _require_distinct_ids(pairs: Iterable[RewritePair]) -> None:
    names = Counter((one.before.source, one.id) for one in pairs)
    if taken := [name for name, count in names.items() if count > 1]:
        raise UsageError(
            f"{len(taken):,} ids of {taken[0][0]} are used more than once, such as {taken[0][1]!r}. Give "
            "each pair its own, and files different names."
        )


_Why = Callable[[RewritePair], str | None]
"""Why a pair is left out; None if it is not."""


def _without(pairs: Iterable[RewritePair], why: _Why, counts: Counter[tuple[str, str]]) -> list[RewritePair]:
    """The pairs that nothing speaks against; the others are counted."""
    left = []
    for one in pairs:
        reason = why(one)
        if reason is None:
            left.append(one)
        else:
            counts[one.before.source, reason] += 1
    return left


def _repetition() -> _Why:
    seen: set[tuple[str | None, str, str]] = set()

    def why(one: RewritePair) -> str | None:
        texts = (one.before.question, one.before.answer, one.rewritten)
        is_new = texts not in seen
        seen.add(texts)
        return None if is_new else "left out, repeated"

    return why


def _overlap(pairs: Sequence[RewritePair], tests: Sequence[LabelledAnswer]) -> _Why:
    if not tests:
        return lambda one: None
    apart, _ = remove_overlap([one.before for one in pairs], tests)
    names = {(answer.source, answer.id) for answer in apart}
    return lambda one: None if (one.before.source, one.id) in names else "left out, asked by a test"


def _not_inspected(one: RewritePair) -> str | None:
    return "left out, not inspected" if None in (one.before.harmful, one.rewritten_harmful) else None


def _lesson_fault(settings: DetoxifierSettings, *, only_harmful: bool) -> _Why:
    """What is wrong with what a pair teaches."""

    def why(one: RewritePair) -> str | None:
        if one.keeps:
            return "left out, to be kept but harmful" if one.before.harmful or one.rewritten_harmful else None
        if one.before.harmful is False and (only_harmful or not settings.is_paper):
            return "left out, harmless before"
        if one.rewritten_harmful and not settings.is_paper:
            return "left out, harmful after"
        return None

    return why


def _with_paper_target(one: RewritePair) -> RewritePair:
    both_harmful = one.before.harmful and one.rewritten_harmful and not one.keeps
    return replace(one, rewritten=FIXED_REFUSAL, rewritten_harmful=False) if both_harmful else one


def _judged(pairs: Sequence[RewritePair], detector: Detector, progress: ProgressStyle) -> list[RewritePair]:
    """The pairs with the labels they lacked; None is left where the detector could not judge."""
    texts = {
        (place, side): Pair(one.id, text, one.before.question)
        for place, one in enumerate(pairs)
        for side, label, text in (
            ("before", one.before.harmful, one.before.answer),
            ("after", one.rewritten_harmful, one.rewritten),
        )
        if label is None
    }
    keys = list(texts)
    flagged: dict[tuple[int, str], bool | None] = {}
    with show_progress("judging", total=len(keys), held=0, style=progress) as advance:
        for start in range(0, len(keys), _JUDGED_AT_ONCE):
            batch = keys[start : start + _JUDGED_AT_ONCE]
            judgements = detector.judge([texts[key] for key in batch])
            flagged.update(zip(batch, map(detector.flags, judgements), strict=True))
            advance(len(batch))
    return [
        replace(
            one,
            before=replace(one.before, harmful=flagged.get((place, "before"), one.before.harmful)),
            rewritten_harmful=flagged.get((place, "after"), one.rewritten_harmful),
        )
        for place, one in enumerate(pairs)
    ]


def _split(pairs: Sequence[RewritePair], settings: DetoxifierSettings) -> dict[str, list[RewritePair]]:
    """Hold out whole goals, and see that there is something to rewrite on each side that is wanted."""
    if not settings.held_out:
        sides = {"train": list(pairs), "held out": []}
    else:
        shares = {"train": 1 - settings.held_out, "held out": settings.held_out}
        split = split_by_goal([one.before for one in pairs], shares, settings.seed)
        side_of = {
            (answer.source, answer.id): side for side, answers in split.sides.items() for answer in answers
        }
        sides = {
            side: [one for one in pairs if side_of[one.before.source, one.id] == side] for side in shares
        }
    for side, rows in sides.items():
        if all(one.keeps for one in rows) and (side == "train" or settings.held_out):
            raise UsageError(
                f"No pair with a rewriting is left for the {side} side, out of {len(pairs):,} pairs that are "
                "left in all. Give more pairs of different goals, or another share to hold out (0 for none)."
            )
    return sides


def _mixed(pairs: Sequence[RewritePair], settings: DetoxifierSettings, side: str) -> list[RewritePair]:
    """All that is rewritten, and as much that is kept as makes up its share."""
    rewritten = [one for one in pairs if not one.keeps]
    share = settings.share_kept
    wanted = round(share / (1 - share) * len(rewritten))
    chance = random.Random(f"{settings.seed}/keep/{side}")
    given = [one for one in pairs if one.keeps]
    drawn = chance.sample(given, min(wanted, len(given)))
    spare = _rewritten_and_kept(rewritten)
    drawn += chance.sample(spare, min(wanted - len(drawn), len(spare)))
    return [*rewritten, *drawn]


def _rewritten_and_kept(pairs: Iterable[RewritePair]) -> list[RewritePair]:
    """The harmless ends of pairs, each once, as answers to keep."""
    found = {
        (one.before.question, one.rewritten): kept(
            replace(one.before, id=f"{one.id}/kept", answer=one.rewritten, harmful=False)
        )
        for one in pairs
        if not one.rewritten_harmful
    }
    return list(found.values())


def _by_source(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (source, what), count in counts.items():
        found.setdefault(source, {})[what] = count
    return found
