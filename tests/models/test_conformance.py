"""Every backend through the same cases: what `models.Model` promises must hold for each of them.

The checkpoints are tiny and random, except the embedded model and the llama.cpp server, which are real.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image as PILImage

from levelhead.errors import UsageError
from levelhead.models import Model, Sampling, load_model
from levelhead.models._vision import VisionModel
from levelhead.records import Image, Prompt, Reply, Turn
from tests.models import checkpoints

_BUILDERS: dict[str, Callable[[Path], Path]] = {
    "text": checkpoints.build_text,
    "llava": checkpoints.build_llava,
    "qwen2_vl": checkpoints.build_qwen2_vl,
    "idefics3": checkpoints.build_idefics3,
}
_LOCAL = [*_BUILDERS, "text+ocr", "embedded"]
_SHORT = Sampling(max_new_tokens=8)


@pytest.fixture(scope="module", params=[*_LOCAL, "openai"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    name: str = request.param
    if name == "openai":
        loaded = load_model(request.getfixturevalue("llama_server_name"))
    elif name == "embedded":
        loaded = load_model(name, threads=1)
    else:
        folder = _BUILDERS[name.removesuffix("+ocr")](tmp_path_factory.mktemp("checkpoint"))
        eyes = "+ocr" if name.endswith("+ocr") else ""
        loaded = load_model(f"hf:{folder}{eyes}", threads=1)
    with loaded:
        yield loaded


def picture(color: str) -> Image:
    buffer = io.BytesIO()
    PILImage.new("RGB", (60, 40), color).save(buffer, "PNG")
    return Image(data=buffer.getvalue())


_QUESTIONS = [
    "What is the capital of Italy?",
    "Name a red fruit.",
    "Which animal barks? Answer with one word, please, and with nothing else at all.",
    "Hi",
    "Which planet do we live on?",
    "What is two plus two?",
    "Who wrote Hamlet?",
    "What is ice made of?",
]


_PROMPTS = [Prompt.ask(question) for question in _QUESTIONS]


@pytest.fixture(scope="module")
def together(model: Model) -> list[Reply]:
    """The greedy replies to all questions, asked as one list; several tests look at them."""
    return model.generate(_PROMPTS, _SHORT)


def test_replies_stand_in_the_order_of_the_prompts(model: Model, together: list[Reply]) -> None:
    assert len(together) == len(_PROMPTS)
    backwards = model.generate(_PROMPTS[::-1], _SHORT)
    assert [reply.text for reply in backwards[::-1]] == [reply.text for reply in together]


def test_an_empty_list_gives_an_empty_list(model: Model) -> None:
    assert model.generate([], _SHORT) == []
    if model.can_score:
        assert model.score([], []) == []


def test_a_prompt_past_the_context_fails_alone_and_says_so(model: Model) -> None:
    huge = Prompt.ask("word " * 12_000)
    replies = model.generate([Prompt.ask("Hi"), huge, Prompt.ask("Name a red fruit.")], _SHORT)
    assert [reply.finish_reason == "error" for reply in replies] == [False, True, False]
    assert "token" in (replies[1].error or "") or "context" in (replies[1].error or "")


def test_a_stop_string_ends_a_reply_before_itself(model: Model, together: list[Reply]) -> None:
    long = next(reply.text for reply in together if len(reply.text.strip()) > 3)
    stop = long.strip()[2]
    stopped = model.generate(_PROMPTS, Sampling(max_new_tokens=8, stop=(stop,)))
    for whole, cut in zip(together, stopped, strict=True):
        assert cut.text == whole.text.split(stop)[0]
        assert stop not in whole.text or cut.finish_reason == "stop"


def test_the_token_limit_is_kept_and_told(model: Model) -> None:
    replies = model.generate(_PROMPTS, Sampling(max_new_tokens=3))
    for reply in replies:
        assert reply.log_probs is not None
        assert len(reply.log_probs) <= 3
        assert all(log_prob <= 1e-6 for log_prob in reply.log_probs)
        assert reply.finish_reason == ("length" if len(reply.log_probs) == 3 else "stop")


def test_samples_are_drawn_n_per_prompt_and_repeat_with_their_seed(model: Model) -> None:
    prompts = _PROMPTS[:2]
    sampling = Sampling(max_new_tokens=6, temperature=1.0, n=3, seed=7)
    drawn = model.generate(prompts, sampling)
    assert len(drawn) == 6
    assert len({reply.text for reply in drawn}) > 2, "samples at temperature 1 are not all equal"
    if not model.name.startswith("openai:"):  # servers promise no repetition
        assert [reply.text for reply in model.generate(prompts, sampling)] == [reply.text for reply in drawn]
        other = model.generate(prompts, Sampling(max_new_tokens=6, temperature=1.0, n=3, seed=8))
        assert [reply.text for reply in other] != [reply.text for reply in drawn]


def test_scoring_what_was_generated_gives_its_log_probabilities(model: Model, together: list[Reply]) -> None:
    if not model.can_score:
        pytest.skip("this server returns no log-probabilities of given text")
    scores = model.score(_PROMPTS, [reply.text for reply in together])
    agree = []
    for score, reply in zip(scores, together, strict=True):
        assert reply.log_probs
        if len(score.log_probs) == len(reply.log_probs):  # a special token shows in no text
            agree.append(score.log_probs == pytest.approx(reply.log_probs, abs=5e-3))
    # A model may write a word in other tokens than the tokenizer would; one in four is let pass. The tiny
    # checkpoints have a token per character, so there it cannot be.
    merges = model.name in ("embedded",) or model.name.startswith("openai:")
    assert len(agree) >= 2
    assert all(agree) or (merges and sum(agree) >= 0.75 * len(agree))


def test_scores_do_not_depend_on_the_neighbours(model: Model) -> None:
    if not model.can_score:
        pytest.skip("this server returns no log-probabilities of given text")
    prompts = _PROMPTS[:4]
    answers = ["Rome", "an apple", "dog", "Hello there, how do you do?"]
    alone = [model.score([prompt], [answer])[0] for prompt, answer in zip(prompts, answers, strict=True)]
    for a, b in zip(model.score(prompts, answers), alone, strict=True):
        assert a.log_probs == pytest.approx(b.log_probs, abs=5e-3)
        assert a.log_prob == pytest.approx(sum(a.log_probs))


def test_continuations_of_one_prompt_are_scored_as_each_alone(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not model.can_score:
        pytest.skip("this server returns no log-probabilities of given text")
    pictures = [(picture("red"),), (picture("blue"),)] if model.sees else [(), ()]
    # Two of one length, which can be read in one batch, one of another, and one with a single continuation.
    asked = [Prompt.ask("Which color is it?", images=own) for own in pictures]
    others = [Prompt.ask("And this?", images=pictures[0]), Prompt.ask("Which color is it, if any?")]
    prompts = [*asked, others[0], *asked, others[0], others[1]]
    answers = ["red", "It is red.", "a", "blue, as I said", "blue", "another one", "none"]
    alone = [model.score([prompt], [answer])[0] for prompt, answer in zip(prompts, answers, strict=True)]
    together = model.score(prompts, answers)
    # A server without a tokenizer cannot score where a seam falls inside a token, and says so.
    assert [score.error for score in together] == [score.error for score in alone]
    assert model.name.startswith("openai:") or not any(score.error for score in together)
    if isinstance(model, VisionModel):  # rows of one length are read once, not row by row
        monkeypatch.setattr(VisionModel, "_score_wholes", None)
        assert model.score([*asked, *asked], answers[:2] * 2)
    for a, b in zip(together, alone, strict=True):
        assert a.log_probs == pytest.approx(b.log_probs, abs=5e-3)


def test_a_batch_answers_as_one_at_a_time_does(model: Model, together: list[Reply]) -> None:
    alone = [model.generate([prompt], _SHORT)[0] for prompt in _PROMPTS]
    assert [reply.text for reply in together] == [reply.text for reply in alone]


def test_a_shared_beginning_changes_no_answer(model: Model) -> None:
    system = "You are a careful assistant who knows the capitals of the world."
    prompts = [Prompt.ask(question, system=system) for question in _QUESTIONS[:4]]
    alone = [model.generate([prompt], _SHORT)[0] for prompt in prompts]
    assert [reply.text for reply in model.generate(prompts, _SHORT)] == [reply.text for reply in alone]


def test_raw_prompts_are_continued_as_they_are(model: Model) -> None:
    reply = model.generate([Prompt.complete("Question: What is the capital of Italy? Answer:")], _SHORT)[0]
    assert reply.finish_reason in ("stop", "length")


def test_earlier_turns_are_part_of_the_question(model: Model) -> None:
    first = (
        Turn("user", "My name is Ann."),
        Turn("assistant", "Hello Ann."),
        Turn("user", "What is my name?"),
    )
    replies = model.generate([Prompt(first), Prompt.ask("What is my name?")], _SHORT)
    assert replies[0].text != replies[1].text


def test_pictures_are_seen_or_refused(model: Model) -> None:
    if model.name.startswith("openai:"):
        pytest.skip("whether a server sees is tested with a scripted server")
    prompts = [
        Prompt.ask("Which color is this?", images=(picture("red"),)),
        Prompt.ask("Which color is this?"),
        Prompt.ask("Which color is this?", images=(picture("blue"),)),
    ]
    if not model.sees:
        with pytest.raises(UsageError, match=r"\+ocr"):
            model.generate(prompts, _SHORT)
        return
    red, none, blue = model.generate(prompts, _SHORT)
    assert none.text != red.text, "with and without a picture the same answer: the picture is not seen"
    if not model.name.endswith("+ocr"):  # eyes that read see no color
        assert red.log_probs != blue.log_probs, "swapping the picture changes nothing"


def test_an_unreadable_picture_fails_its_row_alone(model: Model) -> None:
    if model.name.startswith("openai:") or not model.sees:
        pytest.skip("this backend is not shown pictures here")
    prompts = [
        Prompt.ask("What is this?", images=(Image(data=b"no picture"),)),
        Prompt.ask("What is this?", images=(picture("red"),)),
    ]
    broken, sound = model.generate(prompts, _SHORT)
    assert broken.error is not None
    assert "picture" in broken.error
    assert sound.error is None
    scores = model.score(prompts, ["a dog", "a dog"])
    assert scores[0].error is not None
    assert math.isnan(scores[0].log_prob)
    assert scores[1].error is None


def test_an_image_marker_in_the_words_is_no_picture(model: Model) -> None:
    if model.name.startswith("openai:") or not model.sees:
        pytest.skip("this backend is not shown pictures here")
    marked = "Ignore <image> and <|image_pad|>."
    reply = model.generate([Prompt.ask(marked, images=(picture("red"),))], _SHORT)[0]
    assert reply.error is None


def test_bad_pairs_are_refused(model: Model) -> None:
    with pytest.raises(UsageError, match="2 prompts and 1 continuations"):
        model.score([Prompt.ask("a"), Prompt.ask("b")], ["x"])
    with pytest.raises(UsageError, match="empty"):
        model.score([Prompt.ask("a")], [""])


def test_the_fingerprint_tells_models_apart(model: Model, tmp_path: Path) -> None:
    other = load_model(f"hf:{checkpoints.build_text(tmp_path / 'other', template=False)}", threads=1)
    assert model.fingerprint != other.fingerprint
    assert len(model.fingerprint) == 64
