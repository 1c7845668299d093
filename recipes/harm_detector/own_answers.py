"""Rows that the embedded model answered itself.

A small model's plain and clumsy answers look like no row of the other sets, and a detector that never saw any
takes many of them for harmful. Its answers to the look-alikes, whose questions are ours and mild, are
harmless rows. With `--asked` it answers the questions that open the dialogues of a set, and a teacher has to
judge what it says.

    python -m harm_detector.own_answers --out own.jsonl
    python -m harm_detector.own_answers --asked hh_rlhf_harmless:FOLDER --out asked.jsonl

A call that was stopped goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from harm_detector.teach import every_turn
from levelhead.answers import answer_words
from levelhead.guard import LOOK_ALIKES, Pair, read_look_alikes, read_named_pairs, write_pairs
from levelhead.models import Model, Sampling, load_model
from levelhead.records import Prompt
from levelhead.running import choose_style, show_progress

SOURCE = "own-answers"
_AT_ONCE = 24
_SAMPLINGS = {
    "greedy": Sampling(max_new_tokens=96),
    "drawn": Sampling(max_new_tokens=96, temperature=0.9, seed=1),
    "short": Sampling(max_new_tokens=64, temperature=0.9, seed=2),
}
_OF_LOOK_ALIKES: tuple[str, ...] = ("greedy", "drawn")
_OF_OTHERS: tuple[str, ...] = ("short",)


def questions() -> list[Pair]:
    """The look-alikes that ask for something; the others tell news or fiction, or decline."""
    return [pair for pair in read_look_alikes() if pair.metadata["form"] == "help"]


def opening_questions(pairs: Iterable[Pair]) -> list[Pair]:
    """One pair for each question that opens a dialogue; what answers later ones would need what came before.

    Args:
        pairs: Those of HH-RLHF: `context` in the metadata is the dialogue before the question, as text.
    """
    opening = (pair for pair in every_turn(pairs) if not pair.metadata.get("context"))
    return list({pair.question: pair for pair in opening if pair.metadata.get("turn", 1) == 1}.values())


def answered(model: Model, asked: Sequence[Pair], draw: str) -> Iterator[Pair]:
    """The pairs with the model's answers in place of theirs, those that say something.

    Args:
        model: Answers.
        asked: Pairs with questions. Answers to look-alikes are harmless and have a source of their own, of
            others nobody said.
        draw: Name of a sampling.
    """
    prompts = [Prompt.ask(pair.question or "") for pair in asked]
    for pair, reply in zip(asked, model.generate(prompts, _SAMPLINGS[draw]), strict=True):
        if reply.error is None and answer_words(reply.text):
            is_ours = pair.metadata["source"] == LOOK_ALIKES
            yield Pair(
                f"{SOURCE}-{draw}-{pair.id}",
                reply.text,
                pair.question,
                label=False if is_ours else None,
                metadata={**pair.metadata, "source": SOURCE} if is_ours else pair.metadata,
            )


def write_own_answers(
    model: Model, out: Path, asked: Sequence[Pair], draws: Sequence[str] = _OF_LOOK_ALIKES
) -> int:
    """Ask each question in each way, and keep the answers as they come.

    Args:
        model: Answers.
        out: PAIRS.jsonl; questions that have an answer there are not asked again.
        asked: Pairs with questions.
        draws: Names of samplings.

    Returns:
        How many answers there are.
    """
    found = read_named_pairs(str(out)) if out.is_file() else []
    done = {pair.id for pair in found}
    todo = {draw: [pair for pair in asked if f"{SOURCE}-{draw}-{pair.id}" not in done] for draw in draws}
    count = sum(map(len, todo.values()))
    with show_progress("answers", total=count, held=0, style=choose_style()) as advance:
        for draw, left in todo.items():
            for at in range(0, len(left), _AT_ONCE):
                some = left[at : at + _AT_ONCE]
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
    parser.add_argument(
        "--asked", help="SET:FOLDER, whose opening questions are asked once each; the look-alikes without it"
    )
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    asked, draws = questions(), _OF_LOOK_ALIKES
    if options.asked:
        asked, draws = opening_questions(read_named_pairs(options.asked)), _OF_OTHERS
    with load_model(options.model, threads=options.threads) as model:
        print(f"{write_own_answers(model, options.out, asked, draws):,} answers: {options.out}")


if __name__ == "__main__":
    main()
