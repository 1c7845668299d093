from __future__ import annotations

import io
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from levelhead.errors import ModelError, UsageError
from levelhead.models import Sampling, Step
from levelhead.records import Image, Prompt, Reply, Score
from levelhead.running import Manifest, RunFolder, ask, score
from tests.fakes import FakeModel, fake_score


def open_folder(path: Path) -> RunFolder:
    return RunFolder.open(path, Manifest.describe(FakeModel(), data_hash="d", settings={}))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    with open_folder(tmp_path / "out") as folder:
        yield folder


def prompts_of(*texts: str) -> list[Prompt]:
    return [Prompt.ask(text) for text in texts]


def texts_of(answers: Sequence[Sequence[Reply]]) -> list[str]:
    return [replies[0].text for replies in answers]


def asked(model: FakeModel) -> list[str]:
    return [prompt.turns[-1].text for prompt in model.asked]


def ask_quietly(
    model: FakeModel, prompts: Sequence[Prompt], folder: RunFolder, sampling: Sampling | None = None
) -> list[list[Reply]]:
    return ask(model, prompts, sampling or Sampling(), folder=folder, label="asking", progress="off")


def score_quietly(
    model: FakeModel, prompts: Sequence[Prompt], continuations: Sequence[str], folder: RunFolder
) -> list[Score]:
    return score(model, prompts, continuations, folder=folder, label="scoring", progress="off")


@settings(max_examples=60)  # each one waits for the disk
@given(
    texts=st.lists(st.sampled_from("abcdefghij"), max_size=30),
    held=st.sets(st.sampled_from("abcdefghij")),
    seed=st.integers(),
)
def test_answers_come_in_order_and_equal_prompts_are_asked_once_however_batches_come(
    texts: list[str], held: set[str], seed: int
) -> None:
    def any_batches(count: int) -> list[list[int]]:
        places = random.Random(seed).sample(range(count), count)
        size = random.Random(seed).randint(1, 5)
        return [places[start : start + size] for start in range(0, count, size)]

    with tempfile.TemporaryDirectory() as path, open_folder(Path(path)) as folder:
        ask_quietly(FakeModel(), prompts_of(*held), folder)
        model = FakeModel(batches=any_batches)
        answers = ask_quietly(model, prompts_of(*texts), folder)
        assert texts_of(answers) == [text.upper() for text in texts]
        assert Counter(asked(model)) == Counter(set(texts) - held)


def test_the_model_gets_what_is_missing_in_the_order_given(folder: RunFolder) -> None:
    ask_quietly(FakeModel(), prompts_of("d", "b"), folder)
    model = FakeModel()
    ask_quietly(model, prompts_of("z", "b", "a", "z", "d", "c"), folder)
    assert asked(model) == ["z", "a", "c"]


def test_nothing_to_ask_is_no_call(folder: RunFolder) -> None:
    def no_batches(count: int) -> list[list[int]]:
        raise AssertionError("the model was called")

    assert ask_quietly(FakeModel(batches=no_batches), [], folder) == []
    ask_quietly(FakeModel(), prompts_of("a"), folder)
    assert texts_of(ask_quietly(FakeModel(batches=no_batches), prompts_of("a"), folder)) == ["A"]


def test_each_batch_is_stored_before_the_next_is_asked(folder: RunFolder) -> None:
    held = []

    def counted(prompt: Prompt) -> str:
        held.append(len(folder))
        return "yes"

    ask_quietly(FakeModel(counted), prompts_of(*"abcdefghij"), folder)
    assert held == [0] * 4 + [4] * 4 + [8] * 2


def test_what_was_answered_before_the_model_failed_is_kept(folder: RunFolder) -> None:
    def broken(prompt: Prompt) -> str:
        if prompt.turns[-1].text == "f":
            raise ModelError("out of memory")
        return "yes"

    with pytest.raises(ModelError, match="out of memory"):
        ask_quietly(FakeModel(broken), prompts_of(*"abcdefgh"), folder)
    model = FakeModel()
    ask_quietly(model, prompts_of(*"abcdefgh"), folder)
    assert asked(model) == list("efgh")


def test_all_replies_of_a_prompt_are_kept_together(folder: RunFolder) -> None:
    sampling = Sampling(n=3, temperature=1.0)
    for _ in range(2):
        answers = ask_quietly(FakeModel(), prompts_of("a", "b"), folder, sampling)
        assert [[reply.text for reply in replies] for replies in answers] == [["A"] * 3, ["B"] * 3]


def test_other_sampling_and_another_model_are_asked_anew(folder: RunFolder) -> None:
    ask_quietly(FakeModel(), prompts_of("a"), folder)
    longer, other = FakeModel(), FakeModel(fingerprint="fake-2")
    ask_quietly(longer, prompts_of("a"), folder, Sampling(max_new_tokens=99))
    ask_quietly(other, prompts_of("a"), folder)
    assert (asked(longer), asked(other)) == (["a"], ["a"])


def test_a_failed_reply_is_asked_again_at_the_next_start_only(tmp_path: Path) -> None:
    failing = FakeModel(lambda prompt: Reply.failed("the server had a hiccup"))
    with open_folder(tmp_path / "out") as folder:
        for _ in range(2):
            [[reply]] = ask_quietly(failing, prompts_of("a"), folder)
            assert reply.error == "the server had a hiccup"
    assert asked(failing) == ["a"]
    with open_folder(tmp_path / "out") as folder:
        assert texts_of(ask_quietly(FakeModel(), prompts_of("a"), folder)) == ["A"]
    with open_folder(tmp_path / "out") as folder:
        assert texts_of(ask_quietly(failing, prompts_of("a"), folder)) == ["A"]


def picture(size: tuple[int, int] = (8, 8)) -> bytes:
    file = io.BytesIO()
    PILImage.effect_noise(size, 50).save(file, "png")
    return file.getvalue()


def test_a_bad_picture_fails_its_row_without_reaching_the_model_and_can_be_mended(tmp_path: Path) -> None:
    missing, cut, huge = (tmp_path / f"{name}.png" for name in ("missing", "cut", "huge"))
    cut.write_bytes(picture((64, 64))[:-900])
    with PILImage.new("1", (20_000, 20_000)) as bilevel:
        bilevel.save(huge)
    images = [Image(missing), Image(cut), Image(data=b"<html>"), Image(huge), Image(data=picture())]
    prompts = [Prompt.ask("What is it?", images=(image,)) for image in images]
    prompts.append(Prompt.ask("What is it?", images=(Image(data=picture()), Image(cut))))
    model = FakeModel()
    with open_folder(tmp_path / "out") as folder:
        answers = ask_quietly(model, prompts, folder, Sampling(n=2, temperature=1.0))
        assert len(folder) == 1, "failed pictures are not stored"
    assert [len(replies) for replies in answers] == [2] * 6
    errors = [replies[1].error or "" for replies in answers]
    assert "missing.png cannot be read" in errors[0]
    assert "cut.png is not one that can be decoded" in errors[1]
    assert "is not one that can be decoded" in errors[2]
    assert "huge.png is too large" in errors[3]
    assert errors[4] == ""
    assert "cut.png" in errors[5]
    assert model.asked == [prompts[4]]

    missing.write_bytes(picture())
    cut.write_bytes(picture())
    with open_folder(tmp_path / "out") as folder:
        answers = ask_quietly(model, prompts, folder, Sampling(n=2, temperature=1.0))
    assert [bool(replies[0].error) for replies in answers] == [False, False, True, True, False, False]


def test_a_log_probability_that_is_no_number_fails_its_row_alone(folder: RunFolder) -> None:
    def overflowing(prompt: Prompt) -> Reply:
        return Reply("x", "stop", (float("nan") if prompt.turns[-1].text == "b" else -1.0,))

    [[first], [second]] = ask_quietly(FakeModel(overflowing), prompts_of("a", "b"), folder)
    assert first.log_probs == (-1.0,)
    assert second.error is not None
    assert "not a finite number" in second.error


def test_scores_come_in_order_and_are_kept(folder: RunFolder) -> None:
    prompts = prompts_of("q1", "q2", "q1", "q1")
    continuations = ["a long one", "short", "short", "a long one"]
    model = FakeModel()
    for _ in range(2):
        scores = score_quietly(model, prompts, continuations, folder)
        assert scores == [fake_score(continuation) for continuation in continuations]
    assert model.scored == list(zip(prompts[:3], continuations[:3], strict=True))


def test_a_score_and_a_reply_of_the_same_prompt_do_not_mix(folder: RunFolder) -> None:
    assert texts_of(ask_quietly(FakeModel(), prompts_of("a"), folder)) == ["A"]
    assert score_quietly(FakeModel(), prompts_of("a"), ["A"], folder) == [fake_score("A")]
    assert texts_of(ask_quietly(FakeModel(), prompts_of("a"), folder)) == ["A"]


def test_a_bad_picture_fails_its_score(folder: RunFolder) -> None:
    [failed] = score_quietly(FakeModel(), [Prompt.ask("?", images=(Image(data=b""),))], ["a"], folder)
    assert failed.error is not None
    assert failed.log_probs == ()


def test_lists_of_unequal_length_are_refused(folder: RunFolder) -> None:
    with pytest.raises(UsageError, match="2 prompts and 1 continuations"):
        score_quietly(FakeModel(), prompts_of("a", "b"), ["c"], folder)


@pytest.mark.parametrize(
    ("batches", "fault"),
    [([[0, 1]], "1 of 3 questions got no answer"), ([[0, 1], [1, 2]], "once too often")],
)
def test_a_backend_that_skips_or_repeats_a_question_is_named(
    folder: RunFolder, batches: list[list[int]], fault: str
) -> None:
    with pytest.raises(ModelError, match=rf"backend of the model fake, .*{fault}"):
        ask_quietly(FakeModel(batches=lambda count: batches), prompts_of(*"abc"), folder)


def test_a_backend_that_gives_too_few_replies_is_named(folder: RunFolder) -> None:
    class Stingy(FakeModel):
        def iter_generate(
            self, prompts: Sequence[Prompt], sampling: Sampling
        ) -> Iterator[list[tuple[int, list[Reply]]]]:
            return super().iter_generate(prompts, Sampling())

    with pytest.raises(ModelError, match="in part"):
        ask_quietly(Stingy(), prompts_of("a"), folder, Sampling(n=2, temperature=1.0))
    assert len(folder) == 0


def test_a_model_prepares_what_will_be_asked_before_the_first_question(folder: RunFolder) -> None:
    happened: list[str] = []

    class Preparing(FakeModel):
        def prepare(self, prompts: Sequence[Prompt]) -> Iterator[Step]:
            for done, prompt in enumerate(prompts, start=1):
                happened.append(f"prepared {prompt.turns[-1].text}")
                yield Step("preparing", done, len(prompts))

    def answer(prompt: Prompt) -> str:
        happened.append("asked")
        return "yes"

    for _ in range(2):  # the second time nothing is left to ask, so nothing is prepared
        ask_quietly(Preparing(answer), prompts_of("a", "b"), folder)
    assert happened == ["prepared a", "prepared b", "asked", "asked"]
