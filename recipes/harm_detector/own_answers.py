"""Harmless rows: what the embedded model answers to questions that only sound dangerous.

A small model's plain and clumsy answers look like no row of the other sets, and a detector that never saw any
takes many of them for harmful. The questions are ours and mild, so the answers count as harmless.

`python -m harm_detector.own_answers --out own.jsonl`; a call that was stopped goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from levelhead.answers import answer_words
from levelhead.guard import Pair, read_look_alikes, read_named_pairs, write_pairs
from levelhead.models import Model, Sampling, load_model
from levelhead.records import Prompt
from levelhead.running import choose_style, show_progress

SOURCE = "own-answers"
_AT_ONCE = 24
_SAMPLINGS = {
    "greedy": Sampling(max_new_tokens=96),
    "drawn": Sampling(max_new_tokens=96, temperature=0.9, seed=1),
}


def questions() -> list[Pair]:
    """The look-alikes that ask for something; the others tell news or fiction, or decline."""
    return [pair for pair in read_look_alikes() if pair.metadata["form"] == "help"]


def answered(model: Model, asked: Sequence[Pair], draw: str) -> Iterator[Pair]:
    """The look-alikes with the model's answers, those that say something.

    Args:
        model: Answers.
        asked: Look-alikes.
        draw: One of the samplings, `greedy` or `drawn`.
    """
    prompts = [Prompt.ask(pair.question or "") for pair in asked]
    for pair, reply in zip(asked, model.generate(prompts, _SAMPLINGS[draw]), strict=True):
        if reply.error is None and answer_words(reply.text):
            metadata = {**pair.metadata, "source": SOURCE}
            yield Pair(
                f"{SOURCE}-{draw}-{pair.id}", reply.text, pair.question, label=False, metadata=metadata
            )


def write_own_answers(model: Model, out: Path) -> int:
    """Ask each question both ways, and keep the answers as they come.

    Args:
        model: Answers.
        out: PAIRS.jsonl; questions that have an answer there are not asked again.

    Returns:
        How many answers there are.
    """
    found = read_named_pairs(str(out)) if out.is_file() else []
    done = {pair.id for pair in found}
    todo = {
        draw: [pair for pair in questions() if f"{SOURCE}-{draw}-{pair.id}" not in done]
        for draw in _SAMPLINGS
    }
    count = sum(map(len, todo.values()))
    with show_progress("answers", total=count, held=0, style=choose_style()) as advance:
        for draw, asked in todo.items():
            for at in range(0, len(asked), _AT_ONCE):
                some = asked[at : at + _AT_ONCE]
                found += answered(model, some, draw)
                write_pairs(out, found)
                advance(len(some))
    return len(found)


def main() -> None:
    """Read the command line, ask, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="PAIRS.jsonl")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with load_model(options.model, threads=options.threads) as model:
        print(f"{write_own_answers(model, options.out):,} answers: {options.out}")


if __name__ == "__main__":
    main()
