from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from embedded_vision.captions import POSITIONS, CaptionVocabulary, quoted
from embedded_vision.data import TrainingBatches
from embedded_vision.lettering import Letter
from embedded_vision.measure import word_share
from embedded_vision.pictures import Studio
from embedded_vision.targets import LETTERS_IN_PATCH, Aim, patch_letters


@given(text=st.text(alphabet=[chr(code) for code in range(33, 127)], min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_any_printable_text_comes_back_from_its_pieces(captions: CaptionVocabulary, text: str) -> None:
    assert captions.decode(captions.row(f'The sign says "{text}".')) == f'The sign says "{text}".'


def test_pieces_are_tokens_of_the_full_tokenizer(captions: CaptionVocabulary, text_folder: Path) -> None:
    from transformers import AutoTokenizer

    caption = 'The picture shows the text "Xylophone 17".'
    tokens = [captions.ids[number] for number in captions.encode(caption)]
    assert AutoTokenizer.from_pretrained(text_folder).decode(tokens) == caption
    assert len(set(captions.ids)) == len(captions)


def test_a_caption_that_is_too_long_is_refused(captions: CaptionVocabulary) -> None:
    with pytest.raises(ValueError, match="64 are allowed"):
        captions.encode("q!" * 40)


def test_letters_go_to_their_patches_in_reading_order() -> None:
    letters = [Letter("a", 1, 1), Letter("b", 23.9, 23.9), Letter("c", 24, 0), Letter("d", -3, 5)]
    patches = patch_letters(letters)
    assert len(patches) == POSITIONS
    assert patches[0] == [ord("a") - 32, ord("b") - 32, 0, 0]
    assert patches[1] == [ord("c") - 32, 0, 0, 0]
    assert not any(any(patch) for patch in patches[2:])


def test_letters_past_a_patch_s_room_are_left_out() -> None:
    patches = patch_letters([Letter("z", 5, 30)] * 9)
    assert patches[8] == [ord("z") - 32] * LETTERS_IN_PATCH


def test_real_embeddings_are_the_best_that_can_be_emitted() -> None:
    torch.manual_seed(0)
    # Lengths differ, so a plain dot product would prefer long neighbors.
    embeddings = torch.randn(50, 16) * torch.linspace(0.2, 3, 50)[:, None]
    aim = Aim(embeddings, width=8)
    targets = torch.randint(0, 50, (2, POSITIONS))
    right = embeddings[targets]
    assert torch.equal(aim.scores(right).argmax(dim=-1), targets)
    nothing = torch.zeros(2, POSITIONS, LETTERS_IN_PATCH, dtype=torch.long)
    patches = torch.zeros(2, POSITIONS, 8)
    exact = aim(right, patches, targets, nothing)
    longer = aim(1.5 * right, patches, targets, nothing)
    assert exact["distance"] == 0
    assert longer["distance"] > 0
    with torch.no_grad():
        aim.log_sharpness.fill_(3.0)
    assert (
        aim(right, patches, targets, nothing)["caption"]
        < aim(right.roll(1, 1), patches, targets, nothing)["caption"]
    )


def test_a_batch_follows_from_its_number_in_whatever_process(
    studio: Studio, captions: CaptionVocabulary
) -> None:
    batches = TrainingBatches(studio, captions, rows=4, ramp=100)
    here = batches[5]
    there = next(iter(batches.loader(5, 7, workers=1)))
    assert all(torch.equal(one, other) for one, other in zip(here, there, strict=True))


def test_words_count_at_their_place_only() -> None:
    wanted = 'The picture shows the text "one two three".'
    assert word_share(wanted, wanted) == 1
    assert word_share('The picture shows the text "one too three".', wanted) == pytest.approx(2 / 3)
    assert word_share('The picture shows the text "two three".', wanted) == 0
    assert word_share("The picture shows nothing.", wanted) == 0
    assert quoted('a "b" c "d"') == 'b" c "d'
