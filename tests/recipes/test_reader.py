"""Questions as tokens, their packing, and the language model that reads them through its adapter."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from embedded_vision.data import untrained_signs
from embedded_vision.facts import Writing
from embedded_vision.lettering import Letter
from embedded_vision.packing import IGNORED, Branch, ChatTokens, pack
from embedded_vision.pictures import Picture, Studio
from embedded_vision.questions import PLAIN, Asked, main_questions
from embedded_vision.reader import Reader
from embedded_vision.session import train_step
from embedded_vision.signs import Phrases, Signs
from embedded_vision.state import EyesTraining, ReaderTraining, untrained_eyes
from embedded_vision.tower import PATCH, POSITIONS
from embedded_vision.train_reader import PerfectEyes, RealEyes, losses_of, sign_batch

ASKED = (
    [
        Asked("read", "Read the text.", "Hello"),
        Asked("yes_no", "Is there a dog?", "No."),
        Asked(PLAIN, "Who are you?", "I am a language", is_whole=False),
    ],
    [Asked("name", "What is this?", "An apple.")],
)


def emitted(reader: Reader, rows: int) -> torch.Tensor:
    """Anything that eyes might say."""
    generator = torch.Generator().manual_seed(2)
    width = reader.table.shape[1]
    return torch.randn(rows, POSITIONS, width, generator=generator) * reader.table.std()


def with_random_adapter(reader: Reader) -> Reader:
    """The same reader with an adapter that changes everything it reads."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in reader.trained:
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.1)
    return reader


def answer_losses(
    model: Any, head: list[int], said: torch.Tensor, branch: Branch, *, reads_head: bool = True
) -> torch.Tensor:
    """Cross-entropy of each token of one answer, in a row of its own from the first token on."""
    words = model.get_input_embeddings()
    before = words(torch.tensor([head]))
    row = torch.cat([before, said[None], words(torch.tensor([branch.question + branch.answer]))], dim=1)
    logits = model(inputs_embeds=row if reads_head else row[:, len(head) :]).logits[0]
    return F.cross_entropy(
        logits[-len(branch.answer) - 1 : -1], torch.tensor(branch.answer), reduction="none"
    )


def test_labels_stand_one_token_before_what_they_ask_for(chat: ChatTokens) -> None:
    branches = [chat.branch(one) for one in (ASKED[0][0], ASKED[0][2])]
    packed = pack([branches, branches[:1]])
    for number, branch in enumerate(branches, start=1):
        here = packed.segments[0] == number
        read, labels = packed.tokens[0][here].tolist(), packed.labels[0][here]
        assert read == branch.question + branch.answer[:-1]
        assert labels[labels != IGNORED].tolist() == branch.answer
        assert labels.tolist().index(branch.answer[0]) == len(branch.question) - 1
    assert (packed.labels[1][packed.segments[1] < 0] == IGNORED).all()


def test_an_answer_is_what_the_template_has_behind_the_question(chat: ChatTokens, text_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(text_folder)
    whole, cut = chat.branch(ASKED[0][0]), chat.branch(ASKED[0][2])
    assert tokenizer.decode(whole.answer) == "Hello<|im_end|>"
    assert tokenizer.decode(cut.answer) == "I am a language"
    assert tokenizer.decode(chat.head).endswith("<|im_start|>user\n")
    assert tokenizer.decode(whole.question) == "\nRead the text.<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("asked", "pieces"),
    [
        (
            Asked("read", "", 'The picture says "Two Dogs 7".', "Two Dogs 7"),
            ["The", " picture", " says", ' "', *"Two", " D", *"ogs", " ", "7", '".'],
        ),
        (Asked("read", "", "apple pie", "apple pie"), [*"apple", " p", *"ie"]),
        (Asked("name", "", "An apple.", "apple"), ["An", " apple", "."]),
        (
            Asked(PLAIN, "", 'They say "apple" too', is_whole=False),
            ["They", " say", ' "', "apple", '"', " too"],
        ),
    ],
)
def test_only_what_is_read_is_written_letter_by_letter(
    chat: ChatTokens, text_folder: Path, asked: Asked, pieces: list[str]
) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(text_folder)
    answer = chat.branch(asked).answer
    assert tokenizer.decode(answer).removesuffix("<|im_end|>") == asked.answer
    assert [tokenizer.decode([token]) for token in answer][: len(pieces)] == pieces


def test_an_adapter_that_learned_nothing_changes_nothing(
    reader: Reader, chat: ChatTokens, small_text: Path
) -> None:
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(small_text)
    branch, said = chat.branch(ASKED[0][0]), emitted(reader, 1)
    with torch.no_grad():
        loss = answer_losses(base, chat.head, said[0], branch).mean()
        assert reader.read(said, pack([[branch]])).loss.item() == pytest.approx(loss.item(), abs=1e-5)
        with_random_adapter(reader)
        assert abs(reader.read(said, pack([[branch]])).loss.item() - loss.item()) > 0.01


def test_several_questions_about_a_picture_are_read_as_if_asked_one_by_one(
    reader: Reader, chat: ChatTokens
) -> None:
    with_random_adapter(reader)
    rows, said = [[chat.branch(one) for one in row] for row in ASKED], emitted(reader, 2)
    alone = 0.0
    with torch.no_grad():
        for picture, branches in zip(said, rows, strict=True):
            for branch in branches:
                alone += reader.read(picture[None], pack([[branch]])).loss.item() * len(branch.answer)
        together = reader.read(said, pack(rows)).loss.item()
    tokens = sum(len(branch.answer) for branches in rows for branch in branches)
    assert together == pytest.approx(alone / tokens, abs=1e-5)


def test_all_that_is_read_is_read_with_the_adapter_the_head_too(
    reader: Reader, chat: ChatTokens, small_text: Path
) -> None:
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    from embedded_vision.reader import ALPHA, RANK

    with_random_adapter(reader)
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear")
    other = get_peft_model(AutoModelForCausalLM.from_pretrained(small_text), config).eval()
    set_peft_model_state_dict(other, reader.adapter())
    branch, said = chat.branch(ASKED[0][0]), emitted(reader, 1)
    with torch.no_grad():
        loss = answer_losses(other, chat.head, said[0], branch).mean().item()
        headless = answer_losses(other, chat.head, said[0], branch, reads_head=False).mean().item()
        assert reader.read(said, pack([[branch]])).loss.item() == pytest.approx(loss, abs=1e-5)
    assert abs(loss - headless) > 0.01


def test_gradients_reach_what_is_said_and_the_adapter_and_nothing_else(
    reader: Reader, chat: ChatTokens
) -> None:
    with_random_adapter(reader)
    said = emitted(reader, 2).requires_grad_()
    reader.read(said, pack([[chat.branch(one) for one in row] for row in ASKED])).loss.backward()
    assert said.grad is not None
    assert (said.grad.norm(dim=-1) > 0).all()
    named = dict(reader._tuned.named_parameters())
    reached = {name for name, weight in named.items() if weight.grad is not None and weight.grad.any()}
    assert reached == {name for name in named if ".lora_" in name}
    assert not any(weight.requires_grad for name, weight in named.items() if ".lora_" not in name)


def test_an_answer_counts_as_right_if_greedy_decoding_writes_it(
    reader: Reader, chat: ChatTokens, small_text: Path
) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(small_text)
    question, said = chat.branch(ASKED[0][0]).question, emitted(reader, 1)
    words = model.get_input_embeddings()
    head, tail = (words(torch.tensor([part])) for part in (chat.head, question))
    with torch.inference_mode():
        written = model.generate(
            inputs_embeds=torch.cat([head, said, tail], dim=1),
            do_sample=False,
            max_new_tokens=5,
        )[0].tolist()
    answers = [written, [*written[:-1], written[-1] + 1], [written[0] + 1, *written[1:]]]
    with torch.no_grad():
        reading = reader.read(said, pack([[Branch(question, answer) for answer in answers]]))
    assert reading.is_right == [[True, False, False]]


def test_an_adapter_comes_back_as_it_was_and_one_of_other_layers_is_refused(
    reader: Reader, chat: ChatTokens, small_text: Path
) -> None:
    kept = {name: weight.clone() for name, weight in with_random_adapter(reader).adapter().items()}
    other = Reader(small_text, chat.head)
    other.load_adapter(kept)
    for name, weight in other.adapter().items():
        assert torch.equal(weight, kept[name]), name
    renamed = {name.replace("layers.1.", "layers.7."): weight for name, weight in kept.items()}
    with pytest.raises(ValueError, match=r"does not fit .*layers\.[17]\."):
        other.load_adapter(renamed)


def test_the_embedded_language_model_begins_to_read_signs_within_a_few_steps(
    text_folder: Path, chat: ChatTokens, phrases: Phrases, studio: Studio
) -> None:
    torch.manual_seed(0)
    training = ReaderTraining.begin(untrained_signs(text_folder, phrases), Reader(text_folder, chat.head))
    picture: Picture = studio.paragraph(3, difficulty=0.0)
    assert isinstance(picture.facts, Writing)
    questions = pack([[chat.branch(one) for one in main_questions(picture.facts)]])
    batch = sign_batch([picture], phrases, questions)
    look = PerfectEyes(training.signs)
    losses = [train_step(training, losses_of(training, look, batch), rate=1e-3) for _ in range(3)]
    assert losses[-1]["answer"] < 0.6 * losses[0]["answer"]


def test_eyes_that_are_unsure_say_a_letter_near_an_edge_in_both_patches(
    signs: Signs, phrases: Phrases, studio: Studio
) -> None:
    picture = studio.picture(0, kind="nothing")
    middle, edge = Letter("a", 2.5 * PATCH, PATCH / 2), Letter("b", 5 * PATCH - 0.5, PATCH / 2)
    shown = replace(picture, letters=[middle, edge], facts=Writing("ab"))
    nothing = pack([[Branch([1], [2])]])
    surely, unsurely = (
        PerfectEyes(signs)(sign_batch([shown], phrases, nothing, rng))[0].detach()
        for rng in (None, random.Random(0))
    )
    # In the middle of a patch there is no doubt.
    assert torch.allclose(unsurely[2], surely[2])
    assert torch.equal(surely[5], signs.blank.detach())
    for place in (4, 5):
        share = (unsurely[place] - signs.blank) @ (surely[4] - signs.blank)
        share = share / (surely[4] - signs.blank).square().sum()
        assert 0.2 <= share <= 0.8, place
    assert torch.equal(unsurely[8:], surely[8:])


def test_real_eyes_look_at_the_picture_and_are_read_anew_when_they_have_learned(
    small_text: Path, tiny: str, phrases: Phrases, studio: Studio, tmp_path: Path
) -> None:
    pictures = [studio.picture(number, kind="pictogram") for number in range(2)]
    batch, single = (
        sign_batch(some, phrases, pack([[Branch([1], [2])]] * len(some))) for some in (pictures, pictures[:1])
    )
    eyes, aim = untrained_eyes(tiny, untrained_signs(small_text, phrases))
    training = EyesTraining.begin(eyes, aim, tiny)
    file = tmp_path / "eyes.pt"
    training.save(file)
    look = RealEyes(file)
    before = look(batch)
    assert before.shape == (2, POSITIONS, aim.signs.blank.shape[0])
    assert not before.requires_grad
    assert not torch.allclose(before[0], before[1])
    # As when it is used: what is said of a picture does not depend on the ones beside it.
    assert torch.allclose(before[:1], look(single), atol=1e-5)
    with torch.no_grad():
        eyes.multi_modal_projector.linear_2.weight.mul_(2.0)
        eyes.multi_modal_projector.linear_2.bias.mul_(2.0)
    training.save(file)
    os.utime(file, (1, 1))
    assert torch.allclose(look(batch), 2 * before, atol=1e-5)


def test_real_eyes_that_are_missing_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="give --eyes a checkpoint of stage 2"):
        RealEyes(tmp_path / "none.pt")
