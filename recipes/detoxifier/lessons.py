"""Lessons for the detoxifier: a harmful answer, cut short, and an answer to the same goal that declines.

The sets hold long answers, and a small model learns little from a few of them. So the answers are cut at a
drawn length, which an answer that is judged while it streams is too, and every goal has as many lessons as it
has harmful answers, each with another of its refusals. Where a goal has none, a refusal of another goal that
names no subject stands in. The file holds offensive texts.
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
_WORD = re.compile(r"\S+")


def lessons(pairs: Iterable[Pair], *, seed: int) -> Iterator[dict[str, object]]:
    """Lines of a `REWRITES.jsonl`.

    Args:
        pairs: Labelled answers with their goals.
        seed: Of all that is drawn.
    """
    chance = random.Random(seed)
    harmful: dict[str, list[Pair]] = {}
    declining: dict[str, list[str]] = {}
    for pair in pairs:
        goal = str(pair.metadata.get("goal") or pair.question)
        if pair.label:
            if not refuses(pair.answer) and len(pair.answer.split()) >= WORDS[0]:
                harmful.setdefault(goal, []).append(pair)
        elif refuses(pair.answer) and len(pair.answer.split()) <= LONGEST_REFUSAL:
            declining.setdefault(goal, []).append(" ".join(pair.answer.split()))
    for goal, answers in sorted(harmful.items()):
        for pair in chance.sample(answers, min(MOST_OF_A_GOAL, len(answers))):
            yield {
                "id": pair.id,
                "question": pair.question,
                "goal": goal,
                "answer": piece(pair.answer, chance),
                "answer_harmful": True,
                "rewritten": chance.choice(declining.get(goal) or PLAIN),
                "rewritten_harmful": False,
            }


def piece(answer: str, chance: random.Random) -> str:
    """The first words of an answer, as many as are drawn.

    >>> len(piece("word " * 500, random.Random(0)).split()) in range(WORDS[0], WORDS[1] + 1)
    True
    """
    ends = [word.end() for word in _WORD.finditer(answer)]
    return answer[: ends[min(chance.randint(*WORDS), len(ends)) - 1]].strip()


def goal_questions(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs that have a question: without one, nothing says what was asked."""
    return [pair for pair in pairs if pair.question]


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets' folders")
    parser.add_argument("--out", type=Path, required=True, help="REWRITES.jsonl")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    pairs = [pair for name in SETS for pair in read_named_pairs(f"{name}:{options.data / name}")]
    found = list(lessons(goal_questions(pairs), seed=options.seed))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("".join(json.dumps(one) + "\n" for one in found), encoding="utf-8")
    print(f"{len(found):,} lessons of {len({one['goal'] for one in found}):,} goals: {options.out}")


if __name__ == "__main__":
    main()
