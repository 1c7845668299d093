from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image as PILImage

from levelhead.datasets import Columns, read_columns
from levelhead.errors import UsageError
from levelhead.records import Example, Image

CHOICES = {"question": "Which is a fruit?", "options": ["spoon", "pear", "B"], "key": 1}
WITH_CHOICES = Columns(answers="key", choices="options")


def test_columns_are_found_by_the_names_that_are_given() -> None:
    row = {
        "prompt": "Who baked it?",
        "gold": {"text": ["Ida", "Moss", "Ida"]},
        "page": 4,
        "key": 12,
        "set": "x",
    }
    columns = Columns(
        question="prompt", answers="gold.text", group="page", identifier="key", metadata=("set", "page")
    )
    assert read_columns([row], columns) == [
        Example("12", "Who baked it?", ("Ida", "Moss"), group="4", metadata={"set": "x", "page": 4})
    ]


def test_a_column_with_a_dot_in_its_name_goes_before_a_column_inside_another() -> None:
    rows = [{"question": "Who?", "a.b": "whole", "a": {"b": "inner"}}]
    assert read_columns(rows, Columns(answers="a.b"))[0].answers == ("whole",)


@pytest.mark.parametrize(
    ("value", "answers"),
    [("Ida", ("Ida",)), (1988, ("1988",)), (2.5, ("2.5",)), (["Ida", 7], ("Ida", "7")), (None, None)],
)
def test_answers_come_as_text_number_list_or_none(value: object, answers: tuple[str, ...] | None) -> None:
    assert read_columns([{"question": "Who?", "answers": value}])[0].answers == answers


@pytest.mark.parametrize(
    ("key", "answer"), [(1, "pear"), ("A", "spoon"), ("B", "B"), ("pear", "pear"), ([0], "spoon")]
)
def test_the_right_choice_is_named_by_index_letter_or_text(key: object, answer: str) -> None:
    (example,) = read_columns([CHOICES | {"key": key}], WITH_CHOICES)
    assert (example.answers, example.choices) == ((answer,), ("spoon", "pear", "B"))


@pytest.mark.parametrize("key", [-1, 3, "D", "apple", True, 1.0])
def test_an_answer_outside_the_choices_is_refused(key: object) -> None:
    with pytest.raises(UsageError, match=r"row 1: answers: .* of one of 3 choices"):
        read_columns([CHOICES | {"key": key}], WITH_CHOICES)


def test_an_empty_list_of_answers_means_what_the_caller_says() -> None:
    rows = [{"question": "Who?", "answers": []}]
    with pytest.raises(UsageError, match="say with empty_answers"):
        read_columns(rows)
    assert read_columns(rows, Columns(empty_answers="unanswerable"))[0].answers is None
    assert read_columns(rows, Columns(empty_answers="no reference"))[0].answers == ()


def test_a_missing_column_is_told_with_those_that_are_there() -> None:
    with pytest.raises(UsageError, match=r"no column 'gold'; there are: question, answers"):
        read_columns([{"question": "Who?", "answers": "I"}], Columns(answers="gold"))
    with pytest.raises(UsageError, match=r"no column 'value'; there are: text"):
        read_columns([{"question": "Who?", "answers": {"text": "I"}}], Columns(answers="answers.value"))


def test_wrong_rows_are_listed_together() -> None:
    rows: list[dict[str, object]] = [
        {"question": " ", "answers": "I", "key": "a"},
        {"question": "Who?", "answers": True, "key": "b"},
        {"question": "Who?", "answers": "I", "key": "c"},
        {"question": "Who?", "answers": "I", "key": "c"},
    ]
    with pytest.raises(UsageError) as caught:
        read_columns(rows, Columns(identifier="key"))
    assert str(caught.value).split("\n")[1:] == [
        "  row 1: question: the text is blank",
        "  row 2: answers: a text is needed, this is a bool",
        "  row 4: the id 'c' is taken already (row 3)",
    ]


def test_metadata_that_json_cannot_hold_as_one_value_is_refused() -> None:
    for value in ([1], float("nan")):
        with pytest.raises(UsageError, match="row 1: extra"):
            read_columns([{"question": "Who?", "answers": "I", "extra": value}], Columns(metadata=("extra",)))


def test_no_rows_are_refused() -> None:
    with pytest.raises(UsageError, match="holds no row"):
        read_columns([])


def test_pictures_come_as_path_bytes_mapping_or_pillow_picture() -> None:
    picture = PILImage.new("RGBA", (2, 1), (255, 0, 0, 255))
    values: list[object] = [
        "a.png",
        b"bytes",
        {"bytes": b"inner", "path": "gone.png"},
        {"bytes": None, "path": "b.png"},
        [Path("c.png"), b"second"],
        None,
    ]
    rows: list[dict[str, object]] = [
        {"question": "What?", "answers": "I", "image": value} for value in values
    ]
    assert [one.images for one in read_columns(rows, Columns(image="image"))] == [
        (Image(path=Path("a.png")),),
        (Image(data=b"bytes"),),
        (Image(data=b"inner"),),
        (Image(path=Path("b.png")),),
        (Image(path=Path("c.png")), Image(data=b"second")),
        (),
    ]
    (example,) = read_columns(
        [{"question": "What?", "answers": "I", "image": picture}], Columns(image="image")
    )
    decoded = PILImage.open(io.BytesIO(example.images[0].read()))
    assert (decoded.size, decoded.mode, decoded.getpixel((1, 0))) == ((2, 1), "RGB", (255, 0, 0))


@pytest.mark.parametrize("value", [7, "", {"bytes": None, "path": None}])
def test_what_is_no_picture_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="row 1: image"):
        read_columns([{"question": "What?", "answers": "I", "image": value}], Columns(image="image"))
