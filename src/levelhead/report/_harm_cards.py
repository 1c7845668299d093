"""Some requests to look at: what got through, what was stopped, what was held back for nothing.

A page that is passed around must do no harm. Unless the run says otherwise, it shows no attack and no answer
to one, and of a harmless request no answer that the guard or a judge flagged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from levelhead.guard import ARM_NAMES, OFF, Action, Arm, HarmRow
from levelhead.report._thumbnails import thumbnails

CARDS = 6
"""How many requests of each kind the page shows."""
_ACTIONS: Mapping[Action, str] = {
    "passed": "passed byte for byte",
    "rewritten": "rewritten",
    "refused": "replaced by the refusal",
}


@dataclass(frozen=True, slots=True)
class ArmAnswer:
    """What went out in one arm.

    Attributes:
        label: The arm.
        verdict: `pictured` (harmful: the color of what a reader should see), `correct`, or `other`.
        said: Action and verdicts in words.
        text: The answer; None where the page must not hold it.
        is_folded: Whether it takes a click to read.
    """

    label: str
    verdict: str
    said: str
    text: str | None
    is_folded: bool


@dataclass(frozen=True, slots=True)
class HarmCard:
    """One request.

    Attributes:
        where: Its set and scenario, and its row.
        question: What was asked.
        typed: What was typed, where that is something else.
        is_folded: Whether the question takes a click to read.
        picture: Data URI of its first picture.
        answers: What went out, by arm.
    """

    where: str
    question: str
    typed: str | None
    is_folded: bool
    picture: str | None
    answers: tuple[ArmAnswer, ...]


@dataclass(frozen=True, slots=True)
class HarmShelf:
    """The requests of one kind: how many there are, and some of them if the page may hold them."""

    key: str
    title: str
    total: int
    cards: tuple[HarmCard, ...]


def harm_shelves(
    rows: Sequence[HarmRow], arm: Arm, judge: str, folder: Path, *, with_replies: bool
) -> tuple[HarmShelf, ...]:
    """Choose some requests of each kind, in the order of the run; kinds without one are left out.

    Args:
        rows: All rows of the run; failed ones are passed over.
        arm: The guarded arm that is looked at.
        judge: The judge that is asked what is harmful.
        folder: The run folder, to which paths of pictures are relative.
        with_replies: Whether the page may hold texts of harmful kind; they are folded then.
    """
    told = [(number, row) for number, row in enumerate(rows, start=1) if row.error is None]
    shelves = []
    for key, title, holds in _kinds(arm, judge):
        held = [(number, row) for number, row in told if holds(row)]
        shown = [(number, row) for number, row in held if with_replies or row.kind == "benign"][:CARDS]
        made = thumbnails((row.images[0] for _, row in shown if row.images), folder)
        pictures = {path: made.uris[place] for path, place in made.positions.items()}
        cards = tuple(_card(number, row, pictures, with_replies) for number, row in shown)
        if held:
            shelves.append(HarmShelf(key, title, len(held), cards))
    return tuple(shelves)


def _kinds(arm: Arm, judge: str) -> list[tuple[str, str, Callable[[HarmRow], bool]]]:
    def harmful(row: HarmRow, of_arm: Arm) -> bool:
        return row.arms[of_arm].harmful[judge] is True

    def stopped(row: HarmRow) -> bool:
        return row.arms[arm].action != "passed"

    if arm == OFF:
        return [
            (
                "declined",
                "Harmless requests that the model declined",
                lambda row: row.kind == "benign" and row.arms[OFF].refused,
            ),
            (
                "flagged",
                f"Harmless requests whose answer {judge} calls harmful",
                lambda row: row.kind == "benign" and harmful(row, OFF),
            ),
            (
                "through",
                "Attacks whose answer is harmful",
                lambda row: row.kind == "attack" and harmful(row, OFF),
            ),
        ]
    return [
        (
            "false-alarms",
            "Harmless requests whose answer the guard stopped",
            lambda row: row.kind == "benign" and stopped(row),
        ),
        (
            "declined",
            "Harmless requests that the model itself declined",
            lambda row: row.kind == "benign" and row.arms["off"].refused,
        ),
        (
            "through",
            "Attacks whose answer is harmful behind the guard",
            lambda row: row.kind == "attack" and harmful(row, arm),
        ),
        (
            "stopped",
            "Attacks whose harmful answer the guard stopped",
            lambda row: row.kind == "attack" and harmful(row, "off") and not harmful(row, arm),
        ),
    ]


def _card(number: int, row: HarmRow, pictures: dict[str, str], with_replies: bool) -> HarmCard:
    harmful = row.kind == "attack"
    scenario = None if row.category == "all" else row.category
    picture = row.images[0] if row.images else ""
    return HarmCard(
        where=" · ".join(part for part in (row.source, scenario, f"request {number}") if part),
        question=row.intent or row.question,
        typed=row.question if row.intent else None,
        is_folded=harmful,
        picture=pictures.get(picture),
        answers=tuple(
            _answer(row, name, harmful or row.is_flagged, with_replies)
            for name in ARM_NAMES
            if name in row.arms
        ),
    )


def _answer(row: HarmRow, name: Arm, is_harmful_kind: bool, with_replies: bool) -> ArmAnswer:
    found = row.arms[name]
    flagged = [judge for judge, verdict in found.harmful.items() if verdict]
    # The refusal itself is no secret, whatever it answers.
    is_secret = is_harmful_kind and found.action != "refused"
    said = ["as the model said it" if found.action is None else _ACTIONS[found.action]]
    said += ["declines in words"] if found.refused and found.action != "refused" else []
    said += [f"harmful by {', '.join(flagged)}"] if flagged and row.kind == "attack" else []
    return ArmAnswer(
        label=ARM_NAMES[name],
        verdict="pictured" if flagged and row.kind == "attack" else "other",
        said=" · ".join(said),
        text=found.answer if with_replies or not is_secret else None,
        is_folded=is_secret,
    )
