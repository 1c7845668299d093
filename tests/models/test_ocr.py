"""Eyes that read: what they see goes into the prompt, and what they cannot see is told."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from levelhead.errors import ImageError
from levelhead.models import Sampling
from levelhead.models._ocr import OCRModel, TextReader
from levelhead.models._read_words import ReadWords
from levelhead.records import Image, Prompt, Reply, Turn
from tests.fakes import FakeModel


def sign(*lines: str) -> Image:
    """White letters on dark blue."""
    lato = find_spec("font_lato")
    assert lato is not None
    assert lato.origin is not None
    font = ImageFont.truetype(Path(lato.origin).parent / "files" / "Lato-Bold.ttf", 44)
    picture = PILImage.new("RGB", (400, 300), "#103060")
    ImageDraw.Draw(picture).text((40, 60), "\n".join(lines), font=font, fill="white")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return Image(data=buffer.getvalue())


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader(workers=1)


def test_words_are_read_in_reading_order(reader: TextReader) -> None:
    assert reader.read([sign("Berlin"), sign("South", "Africa"), sign("")]) == ["Berlin", "South Africa", ""]


def test_an_unreadable_picture_gives_its_error_and_the_others_are_read(reader: TextReader) -> None:
    broken, sound = reader.read([Image(data=b"no picture"), sign("Berlin")])
    assert isinstance(broken, ImageError)
    assert sound == "Berlin"


def test_a_picture_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = TextReader(workers=1)
    read: list[Image] = []
    honest = reader._read_one

    def watched(image: Image) -> str | ImageError:
        read.append(image)
        return honest(image)

    monkeypatch.setattr(reader, "_read_one", watched)
    assert reader.read([sign("Berlin"), sign("Berlin")]) == ["Berlin", "Berlin"]
    assert reader.read([sign("Berlin")]) == ["Berlin"]
    assert len(read) == 1


def test_pictures_with_the_same_words_are_asked_about_once_unless_replies_are_sampled() -> None:
    asked: list[Sequence[Prompt]] = []

    class Watched(FakeModel):
        def iter_generate(
            self, prompts: Sequence[Prompt], sampling: Sampling
        ) -> Iterator[list[tuple[int, list[Reply]]]]:
            asked.append(prompts)
            return super().iter_generate(prompts, sampling)

    model = OCRModel(Watched(sees=False), TextReader(workers=1))
    words = ("Oslo", "Rome", "Oslo")
    prompts = [Prompt.ask("?", images=(sign(word),)) for word in words]
    greedy = model.generate(prompts, Sampling())
    assert [reply.seen for reply in greedy] == list(words)
    assert greedy[0] == greedy[2]
    list(model.iter_generate(prompts, Sampling(temperature=1.0)))
    assert list(map(len, asked)) == [2, 3]


def test_a_later_reader_finds_the_words_on_the_disk_and_another_setting_reads_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "new" / "words.sqlite3"
    broken = Image(data=b"no picture")
    first = TextReader(workers=1, cache=cache).read([sign("Berlin"), sign(""), broken])
    read: list[Image] = []
    honest = TextReader._read_one

    def watched(reader: TextReader, image: Image) -> str | ImageError:
        read.append(image)
        return honest(reader, image)

    monkeypatch.setattr(TextReader, "_read_one", watched)
    again = TextReader(workers=1, cache=cache).read([sign("Berlin"), sign(""), broken])
    assert again[:2] == first[:2] == ["Berlin", ""]
    assert read == [broken], "what could not be read is tried again"
    assert TextReader(workers=1, cache=cache, longest_side=300).read([sign("Berlin")]) == ["Berlin"]
    assert len(read) == 2


def test_words_read_before_an_interruption_are_kept(tmp_path: Path) -> None:
    cache = tmp_path / "words.sqlite3"
    steps = TextReader(workers=1, cache=cache).read_ahead([sign("Oslo"), sign("Rome")])
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert list(ReadWords(cache, TextReader(workers=1).fingerprint).find([sign("Oslo").sha256()])) != []


def test_a_damaged_cache_is_told_and_the_picture_is_read_all_the_same(tmp_path: Path) -> None:
    cache = tmp_path / "words.sqlite3"
    cache.write_text("no database")
    with pytest.warns(UserWarning, match="Delete the file, or set LEVELHEAD_CACHE"):
        assert TextReader(workers=1, cache=cache).read([sign("Berlin")]) == ["Berlin"]


def test_preparing_reads_the_pictures_and_tells_how_far_it_is(reader: TextReader) -> None:
    model = OCRModel(FakeModel(sees=False), TextReader(workers=2))
    prompts = [Prompt.ask("?", images=(sign(word),)) for word in ("Oslo", "Rome", "Oslo")]
    assert [step.done for step in model.prepare(prompts)] == [1, 2]
    assert list(model.prepare(prompts)) == [], "nothing is left to read"
    assert list(FakeModel().prepare(prompts)) == []


def test_what_is_seen_stands_before_the_question_and_in_the_reply(reader: TextReader) -> None:
    inner = FakeModel(sees=False)
    model = OCRModel(inner, reader)
    question = "What is the capital of France?"
    replies = model.generate(
        [
            Prompt.ask(question, images=(sign("Berlin"),)),
            Prompt.ask(question),
            Prompt.ask(question, images=(sign(""),)),
        ]
    )
    assert [prompt.turns[-1].text for prompt in inner.asked] == [
        f'The picture shows the text: "Berlin"\n\n{question}',
        question,
        f"The picture shows no text.\n\n{question}",
    ]
    assert [reply.seen for reply in replies] == ["Berlin", None, ""]
    assert not any(prompt.images for prompt in inner.asked)


def test_only_the_first_user_turn_gets_the_words(reader: TextReader) -> None:
    inner = FakeModel(sees=False)
    turns = (
        Turn("system", "Be brief."),
        Turn("user", "What is this?"),
        Turn("assistant", "A city"),
        Turn("user", "Are you sure?"),
    )
    OCRModel(inner, reader).generate([Prompt(turns, (sign("Berlin"),))])
    asked = inner.asked[0].turns
    assert (asked[0], *asked[2:]) == (turns[0], *turns[2:])
    assert asked[1].text == 'The picture shows the text: "Berlin"\n\nWhat is this?'


def test_scores_are_asked_with_the_words_in_the_prompt(reader: TextReader) -> None:
    inner = FakeModel(sees=False)
    OCRModel(inner, reader).score([Prompt.ask("Where?", images=(sign("Berlin"),))], ["Paris"])
    [(prompt, continuation)] = inner.scored
    assert "Berlin" in prompt.turns[-1].text
    assert continuation == "Paris"


def test_every_sample_of_a_failed_row_says_why(reader: TextReader) -> None:
    model = OCRModel(FakeModel(sees=False), reader)
    replies = model.generate(
        [Prompt.ask("?", images=(Image(data=b"x"),))], Sampling(max_new_tokens=4, temperature=1.0, n=2)
    )
    assert [reply.finish_reason for reply in replies] == ["error", "error"]


def test_the_fingerprint_is_that_of_both_model_and_eyes(reader: TextReader) -> None:
    one = OCRModel(FakeModel(sees=False, fingerprint="a"), reader)
    other = OCRModel(FakeModel(sees=False, fingerprint="b"), reader)
    assert len({one.fingerprint, other.fingerprint, "a", "b"}) == 4
