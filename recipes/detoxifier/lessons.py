"""Lessons for the detoxifier: a harmful answer, cut short, and an answer to the same goal that declines.

The sets hold long answers, and a small model learns little from a few of them. So the answers are cut at a
drawn length, which an answer that is judged while it streams is too, and every goal has as many lessons as it
has harmful answers, each with another of its refusals. Where a goal has none, a refusal of another goal that
names no subject stands in.

With harmless answers at hand, further lessons hide a piece of a harmful answer in one of them: what was
harmless is to stay word for word. The file holds offensive texts.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from levelhead.answers import refuses
from levelhead.guard import Pair, read_named_pairs

SETS = ("jailbreakbench_artifacts", "refusal_direction", "gptfuzz")
"""All of them allow weights that are passed on."""
MOST_OF_A_GOAL = 3
WORDS = (25, 130)
"""Shortest and longest piece of an answer."""
LONGEST_REFUSAL = 60
"""Words. Longer ones say more than that they decline."""
PLAIN = (
    "I'm sorry, but I can't help with that. If there is something safe I can do instead, please tell me.",
    "I can't help with this, because it could hurt people. I'm glad to help with something else.",
    "I can't go into that, since it could do harm. I can't help with it, but maybe with something else.",
    "Sorry, I can't help with this. If you tell me what you need in the end, I may know a safe way.",
    "I cannot answer this, as it could lead to somebody being harmed.",
    "I'm not able to help with this. I can talk about how to stay safe, or about something else.",
)
MIXED_WORDS = (15, 60)
"""Shortest and longest harmful piece that is hidden in a harmless answer."""
LONGEST_KEPT = 70
"""Words of the harmless answer around it."""
DECLINED = (
    "I can't help with the other part of your question.",
    "I'm sorry, but I can't help with the rest.",
    "The rest I can't help with, because it could do harm.",
    "I left out the other part: I can't help with that.",
)
_BOTH_ASKED = 0.5
"""Share of mixed answers that answer both questions; the others answer the harmless one alone."""
_WORD = re.compile(r"\S+")
_SENTENCE_END = re.compile(r"[.!?:](?=\s|$)|\n")


def lessons(pairs: Iterable[Pair], *, seed: int) -> Iterator[dict[str, object]]:
    """Lines of a `REWRITES.jsonl` in which all of an answer is harmful.

    Args:
        pairs: Labelled answers with their goals.
        seed: Of all that is drawn.
    """
    chance = random.Random(seed)
    pairs = list(pairs)
    declining: dict[str, list[str]] = {}
    for pair in pairs:
        if not pair.label and refuses(pair.answer) and len(pair.answer.split()) <= LONGEST_REFUSAL:
            declining.setdefault(_goal(pair), []).append(" ".join(pair.answer.split()))
    for pair in _some_of_each_goal(pairs, chance):
        refusal = chance.choice(declining.get(_goal(pair)) or PLAIN)
        yield _lesson(pair.id, pair, str(pair.question), piece(pair.answer, chance, WORDS), refusal)


def mixed_lessons(
    pairs: Iterable[Pair], harmless: Sequence[Pair], *, seed: int
) -> Iterator[dict[str, object]]:
    """Lines in which a part of an answer is harmful, and the rest is to stay.

    Args:
        pairs: Labelled answers with their goals.
        harmless: Harmless answers with questions; each is used once, so they bound the number of lessons.
        seed: Of all that is drawn.
    """
    chance = random.Random(f"{seed}/mixed")
    around = [pair for pair in harmless if pair.question and beginning(pair.answer)]
    chance.shuffle(around)
    for pair, host in zip(_some_of_each_goal(pairs, chance), around, strict=False):
        kept = beginning(host.answer)
        place = chance.choice([0, *(end.end() for end in _SENTENCE_END.finditer(kept))])
        parts = (kept[:place].strip(), piece(pair.answer, chance, MIXED_WORDS), kept[place:].strip())
        answer = chance.choice((" ", "\n\n")).join(part for part in parts if part)
        question, rewritten = str(host.question), kept
        if chance.random() < _BOTH_ASKED:
            question, rewritten = f"{question} {pair.question}", f"{kept} {chance.choice(DECLINED)}"
        yield _lesson(f"{pair.id}-in-{host.id}", pair, question, answer, rewritten)


def _some_of_each_goal(pairs: Iterable[Pair], chance: random.Random) -> list[Pair]:
    """Harmful answers that are long enough, at most `MOST_OF_A_GOAL` of each goal, in random order."""
    harmful: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair.label and not refuses(pair.answer) and len(pair.answer.split()) >= WORDS[0]:
            harmful.setdefault(_goal(pair), []).append(pair)
    drawn = [
        pair
        for _, answers in sorted(harmful.items())
        for pair in chance.sample(answers, min(MOST_OF_A_GOAL, len(answers)))
    ]
    chance.shuffle(drawn)
    return drawn


def _goal(pair: Pair) -> str:
    return str(pair.metadata.get("goal") or pair.question)


def _lesson(name: str, pair: Pair, question: str, answer: str, rewritten: str) -> dict[str, object]:
    return {
        "id": name,
        "question": question,
        "goal": _goal(pair),
        "answer": answer,
        "answer_harmful": True,
        "rewritten": rewritten,
        "rewritten_harmful": False,
    }


def beginning(answer: str) -> str:
    """The first whole sentences of an answer that `LONGEST_KEPT` words hold; empty if the first is longer.

    >>> beginning("Wash the rice. Boil it for twelve minutes. " + "Stir it. " * 99).count("Stir")
    31
    """
    ends = [end.end() for end in _SENTENCE_END.finditer(answer)]
    return next(
        (answer[:end].strip() for end in reversed(ends) if len(answer[:end].split()) <= LONGEST_KEPT), ""
    )


def piece(answer: str, chance: random.Random, words: tuple[int, int]) -> str:
    """The first words of an answer, as many as are drawn.

    >>> len(piece("word " * 500, random.Random(0), (25, 130)).split()) in range(25, 131)
    True
    """
    ends = [word.end() for word in _WORD.finditer(answer)]
    return answer[: ends[min(chance.randint(*words), len(ends)) - 1]].strip()


def goal_questions(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs that have a question: without one, nothing says what was asked."""
    return [pair for pair in pairs if pair.question]


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets' folders")
    parser.add_argument(
        "--harmless",
        action="append",
        default=[],
        help="PAIRS.jsonl or SET:FOLDER whose harmless answers hide a harmful piece; may be repeated",
    )
    parser.add_argument("--out", type=Path, required=True, help="REWRITES.jsonl")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    pairs = [pair for name in SETS for pair in read_named_pairs(f"{name}:{options.data / name}")]
    harmless = [
        pair for source in options.harmless for pair in read_named_pairs(source) if pair.label is False
    ]
    asked = goal_questions(pairs)
    found = [
        *lessons(asked, seed=options.seed),
        *mixed_lessons(asked, harmless, seed=options.seed),
    ]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("".join(json.dumps(one) + "\n" for one in found), encoding="utf-8")
    print(f"{len(found):,} lessons of {len({one['goal'] for one in found}):,} goals: {options.out}")


if __name__ == "__main__":
    main()
