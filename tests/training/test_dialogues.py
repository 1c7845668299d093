"""Dialogues, and the file that holds them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import RunFolderError, UsageError
from levelhead.records import Image, Prompt, Turn
from levelhead.training import Dialogue, read_dialogues, write_dialogues
from tests.training.lessons import chat, picture, raw


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    dialogues = [
        Dialogue(
            "a",
            Prompt(
                (Turn("system", "Be brief."), Turn("user", "Wörds?\n"), Turn("assistant", " yes")), raw=True
            ),
            {"task": "sums", "sure": True, "score": 0.5, "group": None},
        ),
        Dialogue(
            "b",
            Prompt(
                (Turn("user", "1"), Turn("assistant", "2"), Turn("user", "3"), Turn("assistant", "4")),
            ),
            quoted=(1,),
        ),
    ]
    write_dialogues(tmp_path / "train.jsonl", dialogues)
    assert read_dialogues(tmp_path / "train.jsonl") == dialogues


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_any_text_survives_the_file(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("texts") / "train.jsonl"
    dialogues = [raw(str(place), text, text) for place, text in enumerate(texts)]
    write_dialogues(path, dialogues)
    assert read_dialogues(path) == dialogues


def test_a_line_has_the_form_that_other_trainers_read(tmp_path: Path) -> None:
    write_dialogues(tmp_path / "train.jsonl", [chat("a", "Where?", "Here.")])
    assert json.loads((tmp_path / "train.jsonl").read_text()) == {
        "id": "a",
        "messages": [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "Here."}],
    }


def test_pictures_stand_in_the_file_by_their_path_from_it(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "data").mkdir()
    image = picture(tmp_path / "pictures", "red")
    path = tmp_path / "data" / "train.jsonl"
    write_dialogues(path, [chat("a", "What?", "Red.", images=(image,))])
    assert json.loads(path.read_text())["images"] == ["../pictures/red.png"]
    (found,) = read_dialogues(path)
    assert found.prompt.images[0].sha256() == image.sha256()


def test_a_picture_in_memory_cannot_be_written_and_leaves_no_file(tmp_path: Path) -> None:
    dialogues = [chat("a", "1", "2"), chat("b", "What?", "Red.", images=(Image(data=b"x"),))]
    with pytest.raises(UsageError, match="dialogue b is held in memory"):
        write_dialogues(tmp_path / "train.jsonl", dialogues)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="nowhere"):
        write_dialogues(tmp_path / "nowhere" / "train.jsonl", [chat("a", "1", "2")])
    with pytest.raises(UsageError, match="nowhere"):
        read_dialogues(tmp_path / "nowhere" / "train.jsonl")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "Invalid JSON"),
        ('{"id": "b", "messages": [{"role": "robot", "content": ""}]}', "role"),
        ('{"id": "b", "messages": [], "label": 1}', "label"),
        ('{"id": "b", "messages": []}', "at least one turn"),
        (
            '{"id": "b", "messages": [{"role": "user", "content": "1"}]}',
            "does not end with a turn to be learned",
        ),
    ],
)
def test_a_line_of_another_form_is_named_with_its_number(tmp_path: Path, line: str, complaint: str) -> None:
    path = tmp_path / "train.jsonl"
    write_dialogues(path, [chat("a", "1", "2")])
    path.write_text(path.read_text() + "\n" + line + "\n")
    with pytest.raises(UsageError, match=rf"Line 3 of .*train\.jsonl.*{complaint}"):
        read_dialogues(path)


def test_only_an_assistants_turn_can_be_quoted_and_not_the_last() -> None:
    turns = (Turn("user", "1"), Turn("assistant", "2"), Turn("user", "3"), Turn("assistant", "4"))
    assert Dialogue("a", Prompt(turns), quoted=(1,)).learned(3)
    for quoted in ((0,), (3,), (7,)):
        with pytest.raises(UsageError, match="dialogue a"):
            Dialogue("a", Prompt(turns), quoted=quoted)
