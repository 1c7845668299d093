from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage

from levelhead.errors import ImageError
from levelhead.models import Sampling
from levelhead.records import Image, Prompt, Turn
from levelhead.running._keys import generate_key, score_key


def png(shade: int) -> bytes:
    file = io.BytesIO()
    PILImage.new("L", (2, 2), shade).save(file, "png")
    return file.getvalue()


PROMPT = Prompt.ask("Which city is this?", images=(Image(data=png(0)),))
SAMPLING = Sampling()
OTHERS = {
    "model": generate_key("other", PROMPT, SAMPLING),
    "text": generate_key("f", Prompt.ask("Which town is this?", images=PROMPT.images), SAMPLING),
    "picture": generate_key("f", Prompt.ask("Which city is this?", images=(Image(data=png(1)),)), SAMPLING),
    "no picture": generate_key("f", Prompt.ask("Which city is this?"), SAMPLING),
    "raw": generate_key("f", Prompt(PROMPT.turns, PROMPT.images, raw=True), SAMPLING),
    "system": generate_key(
        "f", Prompt.ask("Which city is this?", images=PROMPT.images, system="s"), SAMPLING
    ),
    "sampling": generate_key("f", PROMPT, Sampling(max_new_tokens=5)),
    "seed": generate_key("f", PROMPT, Sampling(seed=1)),
    "stop": generate_key("f", PROMPT, Sampling(stop=("\n",))),
    "schema": generate_key("f", PROMPT, Sampling(json_schema="{}")),
    "score": score_key("f", PROMPT, "Paris"),
    "other continuation": score_key("f", PROMPT, " Paris"),
}


def test_whatever_determines_an_answer_changes_its_key() -> None:
    keys = [*OTHERS.values(), generate_key("f", PROMPT, SAMPLING)]
    assert len(set(keys)) == len(keys), OTHERS


def test_a_key_does_not_depend_on_where_a_picture_lies(tmp_path: Path) -> None:
    path = tmp_path / "city.png"
    path.write_bytes(png(0))
    moved = Prompt.ask("Which city is this?", images=(Image(path),))
    assert generate_key("f", moved, SAMPLING) == generate_key("f", PROMPT, SAMPLING)


def test_an_edited_picture_has_another_key(tmp_path: Path) -> None:
    path = tmp_path / "city.png"
    prompt = Prompt.ask("Which city is this?", images=(Image(path),))
    path.write_bytes(png(0))
    before = generate_key("f", prompt, SAMPLING)
    path.write_bytes(png(9))
    assert generate_key("f", prompt, SAMPLING) != before


def test_a_key_stays_the_same_between_versions() -> None:
    """Run folders on disk hold these keys: a change here makes every stored answer be asked again."""
    key = generate_key("f", Prompt.ask("Ünïcode?"), Sampling())
    assert key == "c48f417f122882b3dc69fdc9c5cc8a153d433dbd9044c6de68c21b805ca7d271"


def test_a_picture_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        generate_key("f", Prompt.ask("?", images=(Image(Path("nowhere.png")),)), SAMPLING)


@given(
    st.lists(st.text(st.characters()), min_size=1, max_size=3), st.lists(st.text(), min_size=1, max_size=3)
)
def test_turns_with_any_text_can_be_hashed_and_do_not_run_together(one: list[str], other: list[str]) -> None:
    prompts = [Prompt(tuple(Turn("user", text) for text in texts)) for texts in (one, other)]
    same = generate_key("f", prompts[0], SAMPLING) == generate_key("f", prompts[1], SAMPLING)
    assert same == (one == other)
