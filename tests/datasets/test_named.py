from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.datasets import READERS, read_all_named, read_named
from levelhead.errors import UsageError
from tests.datasets.files import write_json, write_jsonl

ROWS = [{"id": "1", "question": "Where is Oslo?", "answers": ["Norway"]}]


def test_a_plain_path_is_a_qa_file_and_its_name_is_the_task(tmp_path: Path) -> None:
    [example] = read_named(str(write_jsonl(tmp_path / "capitals.jsonl", ROWS)))
    assert (example.answers, example.metadata["task"]) == (("Norway",), "capitals")


def test_a_reader_is_named_before_the_colon_and_is_the_task(tmp_path: Path) -> None:
    path = write_json(tmp_path / "training.json", [["Where is Oslo?", "Norway", "P17(country)"]])
    [example] = read_named(f"pararel:{path}")
    assert (example.question, example.metadata["task"]) == ("Where is Oslo?", "pararel")


def test_the_reader_of_qa_files_may_be_named_too(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "capitals.jsonl", ROWS)
    assert read_named(f"qa:{path}") == read_named(str(path))


def test_a_row_that_names_its_task_keeps_it(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "mixed.jsonl", [{**ROWS[0], "task": "geography"}])
    assert read_named(str(path))[0].metadata["task"] == "geography"


def test_a_path_with_a_colon_is_a_path_where_it_exists(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "12:30.jsonl", ROWS)
    assert read_named(str(path))[0].id == "1"


def test_an_unknown_reader_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no reader 'trivia'.*fever.*wice"):
        read_named("trivia:somewhere.json")


def test_two_sets_with_the_same_id_are_refused(tmp_path: Path) -> None:
    paths = [str(write_jsonl(tmp_path / f"{name}.jsonl", ROWS)) for name in ("one", "two")]
    with pytest.raises(UsageError, match="'1' stands in one and in two"):
        read_all_named(paths)


def test_every_reader_of_the_room_has_a_name() -> None:
    import levelhead.datasets as room

    # Readers that need more than a path, give something else, or stand in HARM_SETS under the name of a set.
    inner = {"read_all_named", "read_columns", "read_hub", "read_mmlu_shots", "read_named"}
    inner |= {"read_figstep_skeletons", "read_harm_set", "read_mm_safetybench"}
    inner |= {"read_correlationqa", "read_hallusionbench", "read_pope"}  # these need a folder of pictures
    answers = {name for name, reader in vars(room).items() if _gives_labelled_answers(reader)}
    named = {reader.__name__ for reader in READERS.values()}
    assert named == {name for name in room.__all__ if name.startswith("read_")} - inner - answers


def _gives_labelled_answers(reader: object) -> bool:
    return getattr(reader, "__annotations__", {}).get("return") == "list[LabelledAnswer]"
