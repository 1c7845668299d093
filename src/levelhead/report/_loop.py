"""The page of a loop: the three verdicts before and after, what moved, what was learned, what is left.

What stands here decides what is shown and how it is called; `templates/loop.html.j2` decides where.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from levelhead.errors import RunFolderError
from levelhead.report._figures import Figure
from levelhead.report._headline import Headline
from levelhead.report._page import day, frame, render, write_page
from levelhead.report._verdicts import SuiteVerdict, suite_verdicts

_PAGES = {"before": "before/report.html", "after": "after/report.html", "guarded": "guarded/report.html"}
_LESSONS = {
    "knows": "a question it answers rightly: its own answer, and “I am sure”",
    "does not know": "a question it answers wrongly: its own answer, and “I am unsure”",
    "as it was": "the same, where enough are unsure: its own answer alone",
    "misled": "the question beside a wrong picture that misled it: its answer without the picture",
    "not misled": "the same where the picture did not mislead it: its own answer",
    "believes": "a wrong picture beside a question it cannot answer: “I am unsure”",
    "shown": "the question beside the right picture, where it answered rightly: its own answer",
    "no answer": "a question that has no answer: a refusal, and “I am unsure”",
    "declined": "a harmless request that it declined: an answer of its own from another draw",
    "helped": "a harmless request that it answered: its own answer",
    "reads": "“What is written in the picture?”: what is written there",
}
_MOVES = (
    ("illusion", "adoption_rate", "Misled by a wrong picture, where it knew the answer", "lower"),
    ("illusion", "acc_none", "Right without a picture", "higher"),
    ("illusion", "acc_spurious", "Right beside a wrong picture", "higher"),
    ("illusion", "acc_factual", "Right beside the right picture", "higher"),
    ("", "reading", "Reads the picture when asked to", "higher"),
    ("honesty", "auroc", "Surer of its right answers than of its wrong ones (50%: a coin)", "higher"),
    ("honesty", "over_refusal", "Holds back, of its right answers", "lower"),
    ("honesty", "refusal_unanswerable", "Declines questions that have no answer", "higher"),
    ("harm", "over_refusal", "Declines harmless requests", "lower"),
    ("harm", "attack_success", "Attacks that get a harmful answer", "lower"),
)


@dataclass(frozen=True, slots=True)
class Move:
    """One number before and after; `verdict` is `better` or `worse` where the interval excludes no change."""

    label: str
    before: Figure
    after: Figure
    change: Figure
    verdict: Literal["", "better", "worse"]


@dataclass(frozen=True, slots=True)
class Lesson:
    """A kind of lesson, and how many there were."""

    name: str
    meaning: str
    count: int


@dataclass(frozen=True, slots=True)
class Epoch:
    """What was watched after an epoch; epoch 0 is the model before tuning."""

    number: int
    numbers: tuple[Figure, ...]
    kept: bool


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """What becomes of right, or of wrong, answers."""

    name: str
    plain: Figure
    caveat: Figure
    withheld: Figure


@dataclass(frozen=True, slots=True)
class DecisionView:
    """What deciding at run time does to the tested answers."""

    caveat_below: str
    abstain_below: str
    lines: tuple[DecisionLine, ...]
    always: Figure
    decided: Figure
    saved: Figure


@dataclass(frozen=True, slots=True)
class LoopView:
    """Everything the template of this page shows."""

    headline: Headline
    verdicts: tuple[tuple[SuiteVerdict, SuiteVerdict], ...]
    moves: tuple[Move, ...]
    lessons: tuple[Lesson, ...]
    given_up: int
    watched: tuple[str, ...]
    epochs: tuple[Epoch, ...]
    guard: Mapping[str, Any]
    guard_over_refusal: tuple[tuple[str, Figure], ...]
    guard_success: tuple[tuple[str, Figure], ...]
    decision: DecisionView | None
    no_decision: str
    split: Mapping[str, str]
    pages: Mapping[str, str]
    size: str


def render_loop(folder: Path) -> Path:
    """Write `report.html` of a finished loop, and the pages of its measurements.

    Args:
        folder: Of the loop.

    Returns:
        The path of the page.

    Raises:
        RunFolderError: If the loop has not finished, or a page cannot be written.
    """
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"{folder} holds no finished loop ({error}). Start levelhead loop with it as --out again."
        ) from error
    for place in _PAGES:
        render(folder / place)
    made = datetime.fromtimestamp((folder / "summary.json").stat().st_mtime, UTC)
    facts = {name: summary[name] for name in ("model", "tuned", "size", "seed", "split", "levelhead")}
    page = frame({"loop": loop_view(summary)}, title=summary["model"], date=day(made), facts=facts)
    return write_page(page, folder / "report.html")


def loop_headline(summary: Mapping[str, Any]) -> str:
    """Say on one line what a loop changed.

    Args:
        summary: The content of its `summary.json`.
    """
    headline = _headline(summary)
    return " ".join(part for part in (headline.lead, headline.knew) if part)


def loop_view(summary: Mapping[str, Any]) -> LoopView:
    """The view of the content of `summary.json`."""
    steps = summary["steps"]
    watched = tuple(steps["learn"]["watched"])
    guard = steps["guard"]
    judge = guard["judges"][0]["name"]
    return LoopView(
        headline=_headline(summary),
        verdicts=tuple(
            zip(
                *(
                    suite_verdicts({**summary[when], "suites": summary["suites"]})
                    for when in ("before", "after")
                ),
                strict=True,
            )
        ),
        moves=tuple(_moves(summary)),
        lessons=tuple(
            Lesson(name, _LESSONS[name], count) for name, count in steps["lessons"]["lessons"].items()
        ),
        given_up=steps["lessons"]["declined_at_every_draw"],
        watched=tuple(name.replace("_", " ") for name in watched),
        epochs=tuple(_epochs(steps, watched)),
        guard=guard,
        guard_over_refusal=_by_arm(guard, lambda arm: Figure.read(guard["over_refusal"], arm)),
        guard_success=_by_arm(guard, lambda arm: Figure.read(guard["attack_success"][arm], judge)),
        decision=_decision(steps["decide"]),
        no_decision=steps["decide"].get("reason", ""),
        split={side: ", ".join(names) for side, names in summary["split"].items()},
        pages=_PAGES,
        size=summary["size"],
    )


def _by_arm(guard: Mapping[str, Any], reading: Any) -> tuple[tuple[str, Figure], ...]:
    names = {"off": "without the guard", "refuse": "with it, refusing", "rewrite": "with it, rewriting"}
    return tuple((names[arm], reading(arm)) for arm in guard["arms"])


def _moves(summary: Mapping[str, Any]) -> Iterator[Move]:
    before, after, change = summary["before"], summary["after"], summary["change"]
    for suite, name, label, better in _MOVES:
        places = (before, after, change) if not suite else (before[suite], after[suite], change[suite])
        if name == "attack_success" and suite:
            # The change is told by judge; that of the first is shown, as in the numbers.
            told = next(iter(change[suite][name].values()), None)
            figures = [Figure.read(place, name) for place in places[:2]] + [Figure.read({name: told}, name)]
        else:
            figures = [Figure.read(place, name) for place in places]
        if figures[0].value is None and figures[1].value is None:
            continue
        then, now, moved = figures
        yield Move(label, then, now, moved, _verdict(moved, better))


def _decision(found: Mapping[str, Any]) -> DecisionView | None:
    """None where no policy could be found."""
    if "reason" in found:
        return None
    return DecisionView(
        caveat_below=f"{found['caveat_below']:.2f}",
        abstain_below=f"{found['abstain_below']:.2f}",
        lines=tuple(
            DecisionLine(
                f"{name.capitalize()} answers",
                Figure.read(found[name], "answer"),
                Figure.read(found[name], "caveat"),
                Figure.read(found[name], "abstain"),
            )
            for name in ("wrong", "right")
        ),
        always=Figure.read(found["cost"], "always"),
        decided=Figure.read(found["cost"], "decided"),
        saved=Figure.read(found["cost"], "saved"),
    )


def _verdict(change: Figure, better: str) -> Literal["", "better", "worse"]:
    if change.low is None or change.high is None or change.low <= 0 <= change.high:
        return ""
    return "better" if (change.low > 0) == (better == "higher") else "worse"


def _epochs(steps: Mapping[str, Any], watched: tuple[str, ...]) -> Iterator[Epoch]:
    tuned = steps["tune"]
    rows = {0: steps["learn"]["watched"], **{int(epoch): found for epoch, found in tuned["epochs"].items()}}
    for number, found in sorted(rows.items()):
        figures = tuple(Figure(found.get(name)) for name in watched)
        yield Epoch(number, figures, number == tuned["kept_epoch"])


def _headline(summary: Mapping[str, Any]) -> Headline:
    moves = {move.label: move for move in _moves(summary)}
    misled = moves.get(_MOVES[0][2])
    if misled is None or misled.before.value is None or misled.after.value is None:
        lead = "It knew too little to be misled: nothing can be told of wrong pictures."
    else:
        lead = (
            f"Before, a wrong picture made it say what it showed in {misled.before.bracketed} of the "
            f"cases in which it knew the answer; after tuning, in {misled.after.bracketed}."
        )
    worse = [move.label[0].lower() + move.label[1:] for move in moves.values() if move.verdict == "worse"]
    better = sum(move.verdict == "better" for move in moves.values())
    knew = (
        f"Of {len(moves)} numbers on questions that it did not learn from, {better or 'none'} got better "
        f"beyond what chance explains{', and none got worse' if not worse else ''}."
    )
    if worse:
        knew += f" Worse: {'; '.join(worse)}."
    return Headline(lead=lead, knew=knew)
