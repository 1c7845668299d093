"""Rows with a teacher's targets: a detector judges answers, and a smaller one learns how sure it was.

For sets without labels of single answers, such as HH-RLHF, and to soften labels that are often wrong. It
writes texts, so its folder is not for publishing.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from levelhead.guard import Pair, read_named_pairs, write_pairs

_ROLE = re.compile(r"(?:^|\n\n)(Human|Assistant):")


def taught(
    pairs: Iterable[Pair], scores: Mapping[str, float | None], *, label_share: float = 0.0
) -> list[Pair]:
    """The pairs that the teacher judged, each with what it said as `target`.

    Args:
        pairs: Their ids differ.
        scores: Probability of harm by id; None where the teacher could not say.
        label_share: Share of the label in the target, 0..1; a pair without label has what the teacher said.
    """
    found = []
    for pair in pairs:
        score = scores.get(pair.id)
        if score is not None:
            if pair.label is not None:
                score = label_share * pair.label + (1 - label_share) * score
            found.append(replace(pair, metadata={**pair.metadata, "target": score}))
    return found


def every_turn(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs, and as further ones the earlier turns of their dialogues, each once.

    Args:
        pairs: Those of HH-RLHF: `context` in the metadata is the dialogue before the question, as text.

    Returns:
        The pairs; those of earlier turns have their number, from 1, as `turn` in the metadata.
    """
    pairs = list(pairs)
    earlier = [turn for pair in pairs for turn in _earlier_turns(pair)]
    return list({(pair.question, pair.answer): pair for pair in [*earlier, *pairs]}.values())


def _earlier_turns(pair: Pair) -> Iterator[Pair]:
    roles_and_texts = _ROLE.split(str(pair.metadata.get("context") or ""))[1:]
    turns = list(zip(roles_and_texts[::2], roles_and_texts[1::2], strict=True))
    for number, ((asks, question), (replies, answer)) in enumerate(pairwise(turns), start=1):
        if (asks, replies) == ("Human", "Assistant") and question.strip() and answer.strip():
            metadata = {key: value for key, value in pair.metadata.items() if key in ("goal", "source")}
            metadata["turn"] = number
            yield Pair(f"{pair.id}-{number}", answer.strip(), question.strip(), metadata=metadata)


def read_scores(path: Path) -> dict[str, float | None]:
    """Probability of harm by id, of a file that `levelhead guard judge` wrote."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {row["id"]: row["p_harm"] for row in rows}


def main() -> None:
    """Read the command line, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="SET:FOLDER, PAIRS.jsonl or look-alikes")
    parser.add_argument("--teacher", required=True, help="a detector, as `levelhead guard judge` takes it")
    parser.add_argument("--work", type=Path, required=True, help="folder for the rows and the scores")
    parser.add_argument("--out", type=Path, required=True, help="PAIRS.jsonl with targets")
    parser.add_argument("--label-share", type=float, default=0.5, help="share of a label in its target")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    rows, scores = options.work / "rows.jsonl", options.work / "scores.jsonl"
    pairs = read_named_pairs(options.data)
    write_pairs(rows, pairs)
    judge = [
        *("levelhead", "guard", "judge", "--file", rows, "--out", scores),
        *("--detector", options.teacher, "--threads", str(options.threads)),
    ]
    subprocess.run(judge, check=True)  # noqa: S603  # one of ours
    found = taught(pairs, read_scores(scores), label_share=options.label_share)
    write_pairs(options.out, found)
    print(f"{len(found):,} of {len(pairs):,} rows have a target: {options.out}")


if __name__ == "__main__":
    main()
