"""What perfect eyes say: letters where they stand, and phrases beside them."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from embedded_vision.data import (
    icon_numbers,
    known_phrases,
    name_patterns,
    said_beside_letters,
    tokenizer_vocabulary,
    untrained_signs,
)
from embedded_vision.facts import Thing, bare
from embedded_vision.grounds import SIDE
from embedded_vision.lettering import Letter
from embedded_vision.pictures import KINDS, Studio
from embedded_vision.signs import (
    ACROSS,
    LETTER_CLASSES,
    LETTERS_IN_PATCH,
    Phrases,
    Signs,
    cell_letters,
    letter_tokens,
    patch_icons,
    patch_letters,
    patches_in,
)
from embedded_vision.state import embedded_folder
from embedded_vision.tower import CELLS_ACROSS, PATCH, POSITIONS

FIRST = LETTER_CLASSES // 2
"""Added to the number of a letter that a word begins with."""
PRINTABLE = [chr(code) for code in range(33, 127)]


def number(letter: str) -> int:
    return ord(letter) - 32


def said_by(signs: Signs, letters: list[list[int]], row: list[int]) -> torch.Tensor:
    """What is said of one picture (POSITIONS, embedding size)."""
    with torch.no_grad():
        said: torch.Tensor = signs(torch.tensor([letters]), torch.tensor([row]))
    return said[0]


NO_LETTERS = [[0] * LETTERS_IN_PATCH] * POSITIONS


def test_letters_go_to_their_patches_in_reading_order() -> None:
    edge = PATCH - 0.1
    letters = [Letter("a", 1, 1, is_first=True), Letter("b", edge, edge), Letter("c", PATCH, 0)]
    patches = patch_letters([*letters, Letter("d", 1.3 * PATCH, 1.9 * PATCH)])
    assert len(patches) == POSITIONS == ACROSS**2
    assert patches[0] == [FIRST + number("a"), number("b"), 0, 0]
    assert patches[1] == [number("c"), 0, 0, 0]
    assert patches[ACROSS + 1] == [number("d"), 0, 0, 0]
    assert not any(any(patch) for at, patch in enumerate(patches) if at not in (0, 1, ACROSS + 1))


def test_letters_past_a_patch_s_room_or_outside_of_the_picture_are_left_out() -> None:
    side = PATCH * ACROSS
    outside = [Letter("o", -3, 5), Letter("o", 5, -0.5), Letter("o", side, 5), Letter("o", 5, side + 30)]
    patches = patch_letters([Letter(letter, 5, 30) for letter in "wxyzab"] + outside)
    assert patches[ACROSS] == [number(letter) for letter in "wxyz"]
    assert sum(any(patch) for patch in patches) == 1


def test_other_numbers_of_patches_share_a_picture_alike() -> None:
    side = PATCH * ACROSS
    letters = [Letter("a", 0.3 * side, 0.1 * side), Letter("b", 0.9 * side, 0.9 * side)]
    assert [at for at, patch in enumerate(patch_letters(letters, 12)) if any(patch)] == [12 + 3, 12 * 10 + 10]
    assert [at for at, patch in enumerate(patch_letters(letters, 2)) if any(patch)] == [0, 3]
    assert cell_letters(letters, 2) == [number("a"), 0, 0, number("b")]


def test_a_cell_has_the_letter_nearest_to_its_middle() -> None:
    cell = SIDE / CELLS_ACROSS
    letters = [
        Letter("a", 1, 1, is_first=True),
        Letter("b", 0.6 * cell, 0.9 * cell),
        Letter("c", cell, 2 * cell - 0.1),
    ]
    cells = cell_letters([*letters, Letter("o", -1, 5)])
    assert len(cells) == CELLS_ACROSS**2
    assert {place: found for place, found in enumerate(cells) if found} == {
        0: number("b"),
        CELLS_ACROSS + 1: number("c"),
    }
    assert cell_letters(letters[:1])[0] == FIRST + number("a")


def test_a_pictogram_fills_the_patches_whose_middle_its_box_has() -> None:
    first = (1, (0, 0, round(1.6 * PATCH), PATCH))
    second = (2, (PATCH, 0, 2 * PATCH, 2 * PATCH))
    patches = patch_icons([first, second])
    empty = [0] * (ACROSS - 2)
    assert patches[:ACROSS] == [1, 2, *empty]
    assert patches[ACROSS : 2 * ACROSS] == [0, 2, *empty]
    assert not any(patches[2 * ACROSS :])


def test_the_patches_of_a_mosaic_show_its_pictograms(studio: Studio) -> None:
    counts = set()
    for drawn in range(20):
        picture = studio.mosaic(drawn)
        counts.add(len(picture.icons))
        shown = np.array(patch_icons([(1, box) for _, box in picture.icons]), dtype=bool)
        assert shown.mean() > 0.5
        assert picture.image.tobytes() == studio.mosaic(drawn).image.tobytes()
    assert counts == {4, 9, 16}
    [(name, (left, top, right, bottom))] = studio.picture(1, difficulty=0.0, kind="pictogram").icons
    assert name == "an apple"
    assert 0 <= left < right <= SIDE
    assert 0 <= top < bottom <= SIDE


@pytest.mark.parametrize("letter", ["é", "¡", " ", "\n"])
def test_a_letter_without_a_sign_is_refused(letter: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        patch_letters([Letter(letter, 5, 5)])


@pytest.mark.parametrize("kind", ["words", "scene"])
def test_the_patches_of_a_picture_hold_its_words_and_where_they_begin(studio: Studio, kind: str) -> None:
    for drawn in range(20):
        picture = studio.picture(drawn, difficulty=0.3, kind=kind)
        told = [one for patch in patch_letters(picture.letters) for one in patch if one]
        written = "".join(letter.letter for letter in picture.letters)
        words = picture.facts.text.split()  # type: ignore[union-attr]
        assert written == "".join(words)
        assert [letter.is_first for letter in picture.letters].count(True) == len(words)
        assert sorted(chr(one % FIRST + 32) for one in told) == sorted(written)
        assert sum(one > FIRST for one in told) == len(words)


@given(text=st.text(alphabet=PRINTABLE, min_size=1, max_size=ACROSS))
def test_any_letters_in_a_row_of_patches_are_told_apart(text: str) -> None:
    letters = [Letter(letter, PATCH * place + 12, 12) for place, letter in enumerate(text)]
    assert [patch[0] for patch in patch_letters(letters)[: len(text)]] == [number(one) for one in text]


def test_the_token_of_a_letter_is_that_letter_and_marks_the_beginning_of_a_word(text_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokens = letter_tokens(tokenizer_vocabulary(text_folder))
    decode = AutoTokenizer.from_pretrained(text_folder).decode
    assert len(tokens) == LETTER_CLASSES
    assert [decode([tokens[number(letter)]]) for letter in PRINTABLE] == PRINTABLE
    firsts = [decode([tokens[FIRST + number(letter)]]) for letter in PRINTABLE]
    assert [first.strip() for first in firsts] == PRINTABLE
    # SmolLM2 has no token of a digit with a mark before it.
    for letter, first in zip(PRINTABLE, firsts, strict=True):
        assert first == f" {letter}" or not letter.isalpha()


def spelled(phrases: Phrases, numbers: list[int]) -> str:
    """What the language model's tokens of a row of patches say."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(embedded_folder() / "tokenizer.json"))
    text: str = tokenizer.decode([phrases.ids[one] for one in numbers if one])
    return text.strip()


def test_a_phrase_is_spelled_in_each_row_of_patches(phrases: Phrases) -> None:
    row = phrases.row("three red circles on the left")
    assert len(row) == POSITIONS
    assert all(row[at : at + ACROSS] == row[:ACROSS] for at in range(0, POSITIONS, ACROSS))
    assert spelled(phrases, row[:ACROSS]) == "three red circles on the left"
    assert row[:ACROSS].index(0) == len([one for one in row[:ACROSS] if one])
    assert phrases.row("") == [0] * POSITIONS


@pytest.mark.parametrize("kind", KINDS)
def test_every_picture_s_phrase_fits_a_row(studio: Studio, phrases: Phrases, kind: str) -> None:
    for drawn in range(25):
        facts = studio.picture(drawn, kind=kind).facts
        if not isinstance(facts, Thing):
            assert spelled(phrases, phrases.row(facts.phrase)[:ACROSS]) == facts.phrase


def test_the_name_of_a_thing_is_said_where_the_thing_is(studio: Studio, phrases: Phrases) -> None:
    for drawn in range(25):
        picture = studio.picture(drawn, kind="pictogram")
        [(name, box)] = picture.icons
        said = said_beside_letters(picture, phrases)
        assert [place for place in range(POSITIONS) if said[place]] == list(patches_in(box))
        [noun] = {bare(name)}
        tokens = {one for one in phrases.row(noun)[:ACROSS] if one}
        assert {one for one in said if one} == tokens, name


def test_the_tokens_of_a_name_take_turns(phrases: Phrases) -> None:
    first, second = (one for one in phrases.row("fire truck")[:ACROSS] if one)
    said = phrases.over([("fire truck", (0, 0, SIDE, SIDE)), ("apple", (0, 0, PATCH, PATCH))])
    [apple] = {one for one in phrases.row("apple")[:ACROSS] if one}
    assert said[:4] == [apple, second, first, second]
    assert said[ACROSS : ACROSS + 3] == [second, first, second]


def test_each_name_has_a_pattern_of_its_own(phrases: Phrases) -> None:
    patterns = name_patterns(phrases)
    assert patterns.shape == (len(icon_numbers()), POSITIONS)
    assert (patterns > 0).all()
    assert len({tuple(pattern.tolist()) for pattern in patterns}) == len(patterns)


def test_all_names_and_shapes_can_be_said(phrases: Phrases) -> None:
    from embedded_vision.pictograms import read_names

    for name in [*map(bare, read_names()), "five orange triangles at the bottom", "nothing", "a whiteboard"]:
        assert spelled(phrases, phrases.row(name)[:ACROSS]) == name
    assert len(set(phrases.ids)) == len(phrases)


def test_a_phrase_that_was_not_announced_or_is_longer_than_a_row_is_refused(phrases: Phrases) -> None:
    with pytest.raises(ValueError, match="not one of those"):
        phrases.row("a Xylophonist")
    with pytest.raises(ValueError, match="not one of those"):
        phrases.over([("Xylophonist", (0, 0, SIDE, SIDE))])
    with pytest.raises(ValueError, match=rf"{ACROSS + 2} tokens; {ACROSS} are allowed"):
        phrases.row(" ".join(["red"] * (ACROSS + 2)))


def test_phrases_go_to_the_processes_that_draw(phrases: Phrases) -> None:
    assert pickle.loads(pickle.dumps(phrases)).row("apple") == phrases.row("apple")


def test_the_letters_of_a_patch_are_added_up_and_their_order_can_be_told(signs: Signs) -> None:
    a, b = number("a"), FIRST + number("b")
    both = said_by(signs, [[a, b, 0, 0], [b, a, 0, 0], *NO_LETTERS[2:]], [0] * POSITIONS)
    assert torch.equal(both[0], signs.letters[0, a].detach() + signs.letters[1, b].detach())
    assert (both[0] - both[1]).norm() > 0.1 * both[0].norm()


def test_a_phrase_is_said_only_where_no_letters_are(signs: Signs, phrases: Phrases) -> None:
    row = phrases.row("a sign")
    said = said_by(signs, [[number("x"), 0, 0, 0], *NO_LETTERS[1:]], row)
    assert torch.equal(said[0], signs.letters[0, number("x")].detach())
    for at in range(1, POSITIONS):
        wanted = signs.pieces[row[at] - 1] if row[at] else signs.blank.detach()
        assert torch.equal(said[at], wanted), at


def test_signs_begin_as_the_language_model_s_own_embeddings(small_text: Path, phrases: Phrases) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    signs = untrained_signs(small_text, phrases)
    table = AutoModelForCausalLM.from_pretrained(small_text).get_input_embeddings().weight.detach()
    encode = AutoTokenizer.from_pretrained(small_text).encode
    said = said_by(signs, NO_LETTERS, phrases.row("two red stars"))
    assert torch.equal(said[:3], table[torch.tensor(encode(" two red stars"))])
    alone = said_by(signs, [[FIRST + number("q"), 0, 0, 0], *NO_LETTERS[1:]], [0] * POSITIONS)[0]
    assert (table - alone).norm(dim=1).argmin() == encode(" q")[0]


def test_only_letters_and_the_blank_are_learned_and_kept(signs: Signs, small_text: Path) -> None:
    assert {name for name, _ in signs.named_parameters()} == {"letters", "blank"}
    assert signs.state_dict().keys() == {"letters", "blank"}
    other = untrained_signs(small_text, known_phrases(small_text))
    assert torch.equal(other.letters, signs.letters)
