"""The card of a set, `README.md`: what it holds, under which licenses, with which errors, how to rebuild it.

It follows from the set alone, without dates or names of machines: two builds have the same card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from levelhead.illusion._recheck import Recheck
from levelhead.illusion._set import Row, replace_file

CARD = "README.md"
CARD_TITLE = "# Pictures that mislead: a Levelhead illusion set"
"""The first line under the front matter; it tells our folders from others."""
_CONDITIONS = ("blank", "factual", "spurious")
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))


def write_card(out: Path, rows: Iterable[Row], *, seed: int, questions: int, recheck: Recheck | None) -> None:
    """Write the card of a set.

    Args:
        out: Folder of the set.
        rows: All of its rows.
        seed: Seed of the set.
        questions: How many questions the build was given.
        recheck: What was found wrong in a sample of the questions, if one was read again.

    Raises:
        OSError: If it cannot be written.
    """
    counts = _Counts()
    for row in rows:
        counts.add(row)
    parts = [
        _front_matter(counts),
        CARD_TITLE,
        _summary(counts),
        "## Pictures\n\n" + _pictures(counts),
        "## Questions\n\n" + _questions(counts),
        "## Licenses\n\n" + _licenses(counts),
        *(["## Errors\n\n" + _errors(recheck)] if recheck is not None else []),
        "## Columns\n\n" + _COLUMNS,
        "## How to rebuild it\n\n" + _rebuilding(counts, seed, questions),
        "## Where the idea comes from\n\n" + _ORIGIN,
    ]
    replace_file(out / CARD, ("\n\n".join(parts) + "\n").encode())


class _Counts:
    """How many rows a set has, of which sorts.

    Attributes:
        rows: All of them.
        pictures: By kind and condition.
        licenses: By kind, license and source.
        questions: By kind, the ids of its questions.
        question_sorts: By id of a question, its category and difficulty.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.pictures: Counter[tuple[str, str]] = Counter()
        self.licenses: Counter[tuple[str, str, str]] = Counter()
        self.questions: dict[str, set[str]] = {}
        self.question_sorts: dict[str, tuple[str, str]] = {}

    def add(self, row: Row) -> None:
        """Count a row."""
        self.rows += 1
        self.pictures[row.kind, row.condition] += 1
        self.licenses[row.kind, row.license, row.source] += 1
        self.questions.setdefault(row.kind, set()).add(row.question_id)
        self.question_sorts[row.question_id] = (row.category, row.difficulty)


def _front_matter(counts: _Counts) -> str:
    size = next((name for limit, name in _SIZES if counts.rows < limit), "100K<n<1M")
    licenses = {license_name for _, license_name, _ in counts.licenses}
    # The hub's identifiers are those of SPDX in small letters; for a mixture there is none.
    tag = next(iter(licenses)).lower() if len(licenses) == 1 and "" not in licenses else "other"
    return f"""---
license: {tag}
language:
- en
task_categories:
- visual-question-answering
size_categories:
- {size}
tags:
- hallucination
- multimodal
- correlationqa
---"""


def _summary(counts: _Counts) -> str:
    shown = sum(number for (_, condition), number in counts.pictures.items() if condition != "blank")
    questions = len(counts.question_sorts)
    return f"""{questions} questions that need no picture, beside {counts.rows:,} pictures: blank ones, some
that show the right answer, and others that show a wrong answer of the same kind. A model that knows the
answer should give it whatever it sees. Counted as the paper counts, without the blank ones, these are
{shown:,} pairs.

```python
from datasets import load_dataset

rows = load_dataset("imagefolder", data_dir="THIS FOLDER", split="train")
```"""


def _pictures(counts: _Counts) -> str:
    lines = ["| kind | questions | blank | factual | spurious |", "|---|---|---|---|---|"]
    for kind, questions in counts.questions.items():
        numbers = " | ".join(str(counts.pictures[kind, condition]) for condition in _CONDITIONS)
        lines.append(f"| {kind} | {len(questions)} | {numbers} |")
    return "\n".join(lines)


def _questions(counts: _Counts) -> str:
    sorts = Counter(counts.question_sorts.values())
    lines = ["| category | easy | common | rare |", "|---|---|---|---|"]
    for category in sorted({category for category, _ in sorts}):
        numbers = " | ".join(str(sorts[category, difficulty]) for difficulty in ("easy", "common", "rare"))
        lines.append(f"| {category} | {numbers} |")
    return "\n".join(lines)


def _licenses(counts: _Counts) -> str:
    lines = ["| kind | license | source | pictures |", "|---|---|---|---|"]
    for (kind, license_name, source), number in sorted(counts.licenses.items()):
        lines.append(f"| {kind} | {license_name or 'not stated'} | {source or 'not stated'} | {number} |")
    note = (
        "\n\nPictures whose license is not stated: ask whoever made them before you pass them on."
        if any(not license_name for _, license_name, _ in counts.licenses)
        else ""
    )
    return "\n".join(lines) + note


def _errors(recheck: Recheck) -> str:
    rate = recheck.error_rate()
    share = f"{rate.value:.0%} (95% interval {rate.low:.0%} to {rate.high:.0%}, n = {rate.n})"
    return f"""Of the built-in bank's questions {len(recheck.drawn)} were drawn by chance and read again, row
by row. Something was found in {share}: a right answer that was not the only one, a wrong answer that could be
defended, a missing other name, an answer that is an everyday word, or unclear wording. It was mended, so this
is the share before."""


_COLUMNS = """`metadata.jsonl` has one row per picture. `condition` is `blank`, `factual` or `spurious`;
`pictured` is the answer that the picture shows; `gold` and `aliases` are the accepted answers, `spurious` the
wrong ones; `kind` says how the picture was made and `seed` makes it again; `sha256` is the hash of its file;
`license` and `source` say where it comes from; `check_score` says from 0 to 1 how well it shows what it
should, and is empty where nobody checked. The control without a picture has no row: ask each `question` once
without one.

`failures.jsonl`, if it is there, lists pictures that could not be made; `missing.jsonl` lists answers of
which a kind has no picture."""

_ORIGIN = """Han et al., "The Instinctive Bias: Spurious Images lead to Illusion in MLLMs", EMNLP 2024.
Nothing
of that paper's own set is in this one."""


def _rebuilding(counts: _Counts, seed: int, questions: int) -> str:
    kinds = ",".join(counts.questions)
    return f"""```
levelhead illusion build --out SET --questions {questions} --kinds {kinds} --seed {seed}
```

with the same question bank; kinds that take a model or photographs need the same ones. Drawn kinds give the
same bytes with the same version of Pillow."""
