from __future__ import annotations

import json
import string
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.datasets import read_qa, write_qa
from levelhead.errors import LevelheadError, UsageError
from levelhead.records import Example, Image
from tests.datasets.files import write_jsonl

PLAIN = {"id": "a", "question": "Who painted it?", "answers": ["Klee"]}
KEYS = {"id", "question", "answers", "choices", "image", "group"}
TEXT = st.text(min_size=1).filter(lambda text: bool(text.strip()))
FILE_NAME = st.text(string.ascii_letters + string.digits + "_ é", min_size=1).filter(
    lambda name: bool(name.strip())
)
SCALAR = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)


@st.composite
def examples(draw: st.DrawFn, folder: Path) -> Example:
    answers = draw(st.none() | st.lists(TEXT, max_size=3).map(tuple))
    choices = draw(st.lists(TEXT, max_size=3).map(tuple))
    if choices and answers:
        choices = (*choices, answers[0])
    return Example(
        id=draw(TEXT),
        question=draw(TEXT),
        answers=answers,
        images=tuple(Image(path=folder / name) for name in draw(st.lists(FILE_NAME, max_size=2))),
        choices=choices,
        group=draw(st.none() | TEXT),
        metadata=draw(st.dictionaries(st.text().filter(lambda key: key not in KEYS), SCALAR, max_size=3)),
    )


@given(st.data())
def test_what_is_written_is_read_back(data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        written = data.draw(
            st.lists(examples(folder), min_size=1, max_size=4, unique_by=lambda example: example.id)
        )
        write_qa(written, folder / "QA.jsonl")
        assert read_qa(folder / "QA.jsonl") == written


def test_every_key_finds_its_place(tmp_path: Path) -> None:
    line = {
        "id": "q1",
        "question": "Which is a fruit?",
        "answers": ["pear"],
        "choices": ["pear", "spoon"],
        "image": "pictures/table.png",
        "group": "kitchen",
        "source": "made up",
        "year": 2020,
        "checked": True,
        "note": None,
    }
    assert read_qa(write_jsonl(tmp_path / "QA.jsonl", [line])) == [
        Example(
            id="q1",
            question="Which is a fruit?",
            answers=("pear",),
            images=(Image(path=tmp_path / "pictures" / "table.png"),),
            choices=("pear", "spoon"),
            group="kitchen",
            metadata={"source": "made up", "year": 2020, "checked": True, "note": None},
        )
    ]


def test_no_answer_and_no_reference_are_two_things(tmp_path: Path) -> None:
    lines = [PLAIN | {"id": "none", "answers": None}, PLAIN | {"id": "unknown", "answers": []}]
    assert [one.answers for one in read_qa(write_jsonl(tmp_path / "QA.jsonl", lines))] == [None, ()]


def test_numbers_as_ids_and_groups_become_text(tmp_path: Path) -> None:
    (example,) = read_qa(write_jsonl(tmp_path / "QA.jsonl", [PLAIN | {"id": 7, "group": 3}]))
    assert (example.id, example.group) == ("7", "3")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2: Input should be"),
        (json.dumps({"id": "b", "question": "Why?"}), "line 2: answers: Field required"),
        (json.dumps(PLAIN | {"id": "b", "answers": "Klee"}), "line 2: answers: Input should be a valid list"),
        (json.dumps(PLAIN | {"id": "b", "answers": [" "]}), "line 2: answers.0: the text is blank"),
        (
            json.dumps(PLAIN | {"id": "b", "answers": [1988]}),
            "line 2: answers.0: Input should be a valid string",
        ),
        (json.dumps(PLAIN | {"id": "b", "question": ""}), "line 2: question: the text is blank"),
        (json.dumps(PLAIN | {"id": True}), "line 2: id: Input should be a valid string"),
        (json.dumps(PLAIN | {"id": "b", "choices": ["A", "B"]}), "line 2: none of the answers is among"),
        (json.dumps(PLAIN | {"id": "b", "spans": [1]}), "line 2: spans: further keys hold text"),
        (
            '{"id": "b", "question": "Why?", "answers": null, "p": NaN}',
            "line 2: not JSON that can be used: NaN",
        ),
        ('{"id": "b", "question": "Why?", "answers": null, "p": 1e999}', "line 2: p: inf is no JSON number"),
        ("[" * 100_000, "line 2: not JSON that can be used"),
        (json.dumps(PLAIN), "line 2: the id 'a' is taken already (line 1)"),
    ],
)
def test_a_malformed_line_is_named_with_its_fault(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "QA.jsonl"
    path.write_text(f"{json.dumps(PLAIN)}\n{line}\n")
    with pytest.raises(UsageError) as caught:
        read_qa(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_first_twenty_malformed_lines_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    path = tmp_path / "QA.jsonl"
    path.write_text(f"{json.dumps(PLAIN)}\n" + "oops\n" * 25)
    with pytest.raises(UsageError) as caught:
        read_qa(path)
    lines = str(caught.value).split("\n")
    assert [line.split(":")[0].strip() for line in lines[1:21]] == [
        f"line {number}" for number in range(2, 22)
    ]
    assert lines[0].endswith("(25):")
    assert lines[21:] == ["  ... and 5 more"]


def test_an_empty_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(UsageError, match="holds no question"):
        read_qa(tmp_path / "empty.jsonl")
    with pytest.raises(UsageError, match="cannot be read"):
        read_qa(tmp_path / "missing.jsonl")


def test_a_picture_outside_the_folder_is_named_by_its_whole_path(tmp_path: Path) -> None:
    picture = tmp_path / "elsewhere" / "map.png"
    folder = tmp_path / "set"
    folder.mkdir()
    example = Example("m", "Which country?", ("Chile",), images=(Image(path=picture),))
    write_qa([example], folder / "QA.jsonl")
    assert json.loads((folder / "QA.jsonl").read_text())["image"] == str(picture)
    assert read_qa(folder / "QA.jsonl") == [example]


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (Example("a", "Why?", None, images=(Image(data=b"x"),)), "held in memory"),
        (Example("a", "Why?", None, metadata={"group": "g"}), "keys group"),
        (Example("a", " ", None), "question: the text is blank"),
        (Example("a", "Why?", ("",)), "answers.0: the text is blank"),
        (Example("a", "Why?", None, metadata={"p": float("nan")}), "nan is no JSON number"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path: Path, example: Example, said: str) -> None:
    path = tmp_path / "QA.jsonl"
    path.write_text("old")
    with pytest.raises(UsageError, match=said):
        write_qa([example], path)
    assert path.read_text() == "old"


def test_ids_used_twice_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the id is used 2 times"):
        write_qa([Example("a", "Why?", None), Example("a", "How?", None)], tmp_path / "QA.jsonl")


def test_a_failed_write_leaves_the_old_file_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "QA.jsonl"
    path.write_text("old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(LevelheadError, match="No space left"):
        write_qa([Example("a", "Why?", None)], path)
    assert [file.name for file in tmp_path.iterdir()] == ["QA.jsonl"]
    assert path.read_text() == "old"
