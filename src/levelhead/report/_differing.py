"""The items on which runs differ, as cards: the question, its picture, and what each run said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levelhead.comparing import Comparison
from levelhead.records import Verdict
from levelhead.report._rows import CONDITION_NAMES, VERDICT_NAMES
from levelhead.report._thumbnails import Thumbnails, thumbnails

SHOWN = 180
"""Replies on the page, over all cards and runs; all are in the file beside it."""
FEWEST = 12
"""Cards that are shown however many runs there are."""
_LONGEST = 400
"""Of a reply, in characters."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one run said."""

    name: str
    key: str
    verdict: str
    reply: str


@dataclass(frozen=True, slots=True)
class Card:
    """One item; `picture` is a data URI, empty where none is shown or it cannot be read."""

    question: str
    where: str
    gold: str
    pictured: str
    picture: str
    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class DifferingView:
    """Some of the items on which verdicts differ, and how many there are."""

    cards: tuple[Card, ...]
    total: int
    right_in_some: int


def differing_view(comparison: Comparison) -> DifferingView:
    """Choose the cards, the most telling first."""
    chosen = _mixed(comparison.differing)[: max(FEWEST, SHOWN // len(comparison.runs))]
    base = comparison.runs[0].run
    paths = {row["id"]: row["image"] for row in base.rows if row.get("image")}
    wanted = [paths[item["id"]] for item in chosen if item["id"] in paths]
    pictures = thumbnails(wanted, base.path)
    counts = comparison.content["differing"]
    return DifferingView(
        tuple(_card(item, _uri(pictures, paths.get(item["id"], ""))) for item in chosen),
        counts["items"],
        counts["right_in_some"],
    )


def _mixed(items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Wrong pictures first, then one item of each question in turn and categories mixed.

    Those that some runs have right and others not stay before the rest. In their own order the first dozen
    cards would show one question.
    """
    turns: Counter[tuple[bool, bool, str]] = Counter()
    places: Counter[tuple[bool, bool, int, str]] = Counter()
    keys = []
    for item in items:
        is_same = len({reply["verdict"] == Verdict.CORRECT for reply in item["replies"]}) < 2
        part = (is_same, item["condition"] != "spurious")
        turn = turns[*part, item["question_id"]]
        place = places[*part, turn, item["category"]]
        turns[*part, item["question_id"]] += 1
        places[*part, turn, item["category"]] += 1
        keys.append((*part, turn, place))
    return [items[place] for place in sorted(range(len(items)), key=keys.__getitem__)]


def _uri(pictures: Thumbnails, path: str) -> str:
    return pictures.uris[pictures.positions[path]] if path in pictures.positions else ""


def _card(item: Mapping[str, Any], picture: str) -> Card:
    condition = CONDITION_NAMES[item["condition"]]
    kind = [item["kind"]] if item["kind"] not in (None, "none") else []
    return Card(
        question=item["question"],
        where=" · ".join([item["category"], condition, *kind]),
        gold=item["gold"],
        pictured=item["pictured"] or "",
        picture=picture,
        said=tuple(_said(reply) for reply in item["replies"]),
    )


def _said(reply: Mapping[str, Any]) -> Said:
    text = reply["error"] or reply["reply"]
    verdict = Verdict(reply["verdict"])
    return Said(
        reply["run"],
        verdict.value,
        VERDICT_NAMES[verdict],
        text if len(text) <= _LONGEST else text[:_LONGEST] + "…",
    )
