"""ParaRel: facts of Wikidata asked as questions.

Two forms: the questions that the authors of R-Tuning made of them (section 4.1 of arXiv 2311.09677), and the
patterns of the original release (github.com/yanaiela/pararel), whose gap is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from levelhead.datasets._files import Text, read_json_list, read_jsonl
from levelhead.errors import UsageError
from levelhead.records import Example

GAP = "____"


class _Fact(BaseModel):
    sub_label: Text
    obj_label: Text


class _Pattern(BaseModel):
    pattern: Text


_ROW = TypeAdapter(tuple[Text, Text, Text])
_FACT = TypeAdapter(_Fact)
_PATTERN = TypeAdapter(_Pattern)


def read_pararel(path: Path) -> list[Example]:
    """Read a ParaRel file of R-Tuning: a JSON list of `[question, answer, relation]`.

    Some relations have many right answers (the twin cities of a city), and the file then asks the same
    question in several rows, each with one of them. Every row stays an example, so that the numbers of rows
    are the published ones; it accepts the answers of all rows with the same question, its own first.

    Returns:
        Examples with the question as `group` and `relation` in the metadata.

    Raises:
        UsageError: If the file cannot be read or rows are malformed.
    """
    rows = read_json_list(path, _ROW)
    answers = _gathered((question, answer) for question, answer, _ in rows)
    return [
        Example(
            id=f"pararel-{path.stem}-{number}",
            question=question,
            answers=(answer, *(other for other in answers[question] if other != answer)),
            group=question,
            metadata={"relation": relation},
        )
        for number, (question, answer, relation) in enumerate(rows, start=1)
    ]


def questions_with_several_answers(examples: Iterable[Example]) -> int:
    """How many different questions have several accepted answers: where a single gold answer misleads."""
    return len({one.question for one in examples if one.answers is not None and len(one.answers) > 1})


def read_pararel_cloze(
    folder: Path, *, relations: Sequence[str] | None = None, patterns: int | None = 1
) -> list[Example]:
    """Read the original ParaRel as gaps to fill in.

    The release holds no questions. Rather than invent a question for each relation, each of its patterns is
    shown with the subject in its place and a gap for the object: "Fill in the blank: Ada Lovelace was born in
    ____." All objects that the file gives for the subject are accepted.

    Args:
        folder: The folder with `trex_lms_vocab/` (facts) and `pattern_data/graphs_json/` (patterns).
        relations: Which relations (`P19` ...), or None for all that have both facts and patterns; in the
            release P31 and P527 have no patterns.
        patterns: With how many of the relation's patterns each subject is asked, the first ones of the file;
            None for all. Examples of one subject and relation are one `group`.

    Returns:
        Examples with `relation`, `pattern` and, where the gap ends the sentence, `prefix` in the metadata:
        the text before the gap, for a base model to continue.

    Raises:
        UsageError: If a file is missing or malformed, or `patterns` is below 1.
    """
    if patterns is not None and patterns < 1:
        raise UsageError(f"patterns is {patterns}; each subject needs at least 1, or None for all.")
    facts, graphs = folder / "trex_lms_vocab", folder / "pattern_data" / "graphs_json"
    if relations is None:
        # By number, so that P19 comes before P101.
        found = {file.stem for file in facts.glob("P*.jsonl")} & {
            file.stem for file in graphs.glob("P*.jsonl")
        }
        relations = sorted(found, key=lambda name: (len(name), name))
        if not relations:
            raise UsageError(
                f"{folder} holds no ParaRel: facts belong in trex_lms_vocab/, patterns in "
                "pattern_data/graphs_json/."
            )
    return [
        example
        for relation in relations
        for example in _cloze(
            relation,
            read_jsonl(facts / f"{relation}.jsonl", _FACT),
            read_jsonl(graphs / f"{relation}.jsonl", _PATTERN)[:patterns],
        )
    ]


def _cloze(relation: str, facts: Iterable[_Fact], patterns: Sequence[_Pattern]) -> Iterator[Example]:
    objects = _gathered((fact.sub_label, fact.obj_label) for fact in facts)
    for number, (subject, answers) in enumerate(objects.items(), start=1):
        for turn, one in enumerate(patterns, start=1):
            # The gap goes in first: a subject may itself hold the text "[Y]".
            sentence = one.pattern.replace("[Y]", GAP).replace("[X]", subject)
            metadata: dict[str, str] = {"relation": relation, "pattern": one.pattern}
            if one.pattern.rstrip(" .").endswith("[Y]"):
                metadata["prefix"] = sentence.rstrip(" .").removesuffix(GAP).rstrip()
            yield Example(
                id=f"pararel-{relation}-{number}-{turn}",
                question=f"Fill in the blank: {sentence}",
                answers=tuple(answers),
                group=f"{relation}: {subject}",
                metadata=metadata,
            )


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Every different answer of each question, in the order of the file."""
    answers: dict[str, list[str]] = {}
    for question, answer in pairs:
        known = answers.setdefault(question, [])
        if answer not in known:
            known.append(answer)
    return answers
