"""The benchmarks by name: how each is read, judged and counted, and what its numbers cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levelhead.answers import judge, paper_correct, paper_yes_or_no, refuses, yes_or_no
from levelhead.datasets import read_correlationqa, read_hallusionbench, read_pope
from levelhead.errors import UsageError
from levelhead.illusion.bench._numbers import (
    Row,
    correlationqa_numbers,
    hallusionbench_numbers,
    pope_numbers,
)
from levelhead.records import Example, Verdict


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A published set with its own metrics.

    Attributes:
        name: What stands before the colon on the command line.
        title: What it is.
        read: From (path, folder of pictures or None, folder for files made on the way) to examples.
        judge: From an example and the text of a reply to the columns that the numbers need: `verdict` and
            what else the benchmark counts.
        numbers: From the rows to the part of the summary.
        max_new_tokens: Longest reply.
        notes: What a reader of the numbers has to know.
    """

    name: str
    title: str
    read: Callable[[str, Path | None, Path], list[Example]]
    judge: Callable[[Example, str], Mapping[str, object]]
    numbers: Callable[[Sequence[Row]], dict[str, Any]]
    max_new_tokens: int
    notes: tuple[str, ...]


def benchmark_named(name: str) -> Benchmark:
    """The benchmark of a name.

    Raises:
        UsageError: If there is none.
    """
    if name not in BENCHMARKS:
        raise UsageError(f"There is no benchmark {name!r}. Give one of: {', '.join(BENCHMARKS)}, then :PATH.")
    return BENCHMARKS[name]


def _read_pope(path: str, pictures: Path | None, made: Path) -> list[Example]:
    if pictures is None:
        raise UsageError(
            "POPE asks about pictures, which its release does not hold. Give --pictures FOLDER with the "
            "COCO val2014 files."
        )
    return read_pope(Path(path), pictures)


def _read_hallusionbench(path: str, pictures: Path | None, made: Path) -> list[Example]:
    return read_hallusionbench(Path(path), pictures)


def _read_correlationqa(path: str, pictures: Path | None, made: Path) -> list[Example]:
    if pictures is not None:
        raise UsageError("The released CorrelationQA set holds its pictures; leave out --pictures.")
    return read_correlationqa(path, made / "correlationqa")


def _judge_yes_no(example: Example, reply: str) -> dict[str, object]:
    """What was said, and whether it is the label. A reply that says neither is OTHER."""
    said = yes_or_no(reply, example.question)
    columns = {"said": said, "paper_said": paper_yes_or_no(reply)}
    if said is not None:
        right = said == example.metadata["label"]
        return {"verdict": Verdict.CORRECT if right else Verdict.OTHER, **columns}
    if not reply.strip():
        return {"verdict": Verdict.EMPTY, **columns}
    return {"verdict": Verdict.REFUSED if refuses(reply) else Verdict.OTHER, **columns}


def _judge_named(example: Example, reply: str) -> dict[str, object]:
    [gold] = example.answers or ()
    return {
        "verdict": judge(reply, question=example.question, gold=gold),
        "paper_correct": paper_correct(reply, gold),
    }


BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            "correlationqa",
            "CorrelationQA as released (paper mode)",
            _read_correlationqa,
            _judge_named,
            correlationqa_numbers,
            max_new_tokens=30,
            notes=(
                "The release does not say which pictures show a wrong answer, nor which one: a wrong reply "
                "that names the picture and any other wrong reply count alike.",
                "It asks nothing without a picture: a wrong reply may be ignorance. So there is no illusion "
                "rate here; levelhead illusion run measures it.",
                "The card of its mirror counts 5,540 rows; the paper speaks of 7,308 pairs.",
            ),
        ),
        Benchmark(
            "pope",
            "POPE",
            _read_pope,
            _judge_yes_no,
            pope_numbers,
            max_new_tokens=64,
            notes=(
                "A reply that says neither yes nor no is right in no number and stands in no precision; the "
                "official rule, beside ours, takes it for yes.",
            ),
        ),
        Benchmark(
            "hallusionbench",
            "HallusionBench",
            _read_hallusionbench,
            _judge_yes_no,
            hallusionbench_numbers,
            max_new_tokens=64,
            notes=(
                "aAcc: replies that are right. qAcc: questions that are right beside every picture they are "
                "asked with. fAcc: figures beside which every question is right.",
                "Replies are judged by the rule for yes and no; the official code asks GPT-4.",
                "As there, saying that one does not know is right where a supplementary picture (VS) was "
                "left out; an empty reply is not.",
            ),
        ),
    )
}
"""The benchmarks by name."""
