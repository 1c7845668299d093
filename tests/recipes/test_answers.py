"""Questions, their packing, and the frozen model that reads them."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from embedded_vision.answer_data import AnswerBatches, Lessons
from embedded_vision.captions import CaptionVocabulary
from embedded_vision.data import piece_embeddings
from embedded_vision.facts import Facts, Nothing, Shapes, Thing, Writing
from embedded_vision.packing import IGNORED, ChatTokens, pack
from embedded_vision.pictures import Studio
from embedded_vision.plain_questions import own_answers, plain_questions
from embedded_vision.questions import (
    COLOR,
    COUNT,
    NAME,
    PLACE,
    PLAIN,
    READ,
    UNSEEN_WORDINGS,
    Asked,
    Examiner,
    main_questions,
    reworded,
)
from embedded_vision.reader import Reader
from embedded_vision.session import train_step
from embedded_vision.state import CHECKPOINT, new_training, next_stage
from embedded_vision.tower import SIZES, TowerSize
from embedded_vision.train_answers import losses_of
from tests.recipes.conftest import WORDS

NAMES = ("a dog", "an apple", "cherries", "a brick")
OWN = [Asked(PLAIN, "Who are you?", "I am a language", is_whole=False)]
FACTS = (
    Writing("Hello"),
    Writing("one two", "a sign"),
    Thing("an apple"),
    Shapes(3, "red", "circle", "on the left"),
    Shapes(1, "blue", "star"),
    Nothing(),
)


@pytest.fixture(scope="module")
def examiner() -> Examiner:
    return Examiner(WORDS, NAMES)


@pytest.fixture(scope="module")
def chat(text_folder: Path, captions: CaptionVocabulary) -> ChatTokens:
    return ChatTokens(text_folder, captions)


@pytest.fixture(scope="module")
def reader(text_folder: Path, chat: ChatTokens) -> Reader:
    return Reader(text_folder, chat.head)


@pytest.mark.parametrize("facts", FACTS)
def test_every_answer_is_true(examiner: Examiner, facts: Facts) -> None:
    for seed in range(40):
        for asked in examiner.ask(facts, random.Random(seed), 20):
            assert is_true(asked, facts), asked
            assert asked.is_answered_by(asked.answer), asked
            assert "{" not in asked.question + asked.answer


def is_true(asked: Asked, facts: Facts) -> bool:
    """Whether an answer follows from the facts, read off the question's words."""
    question, answer, key = asked.question, asked.answer, asked.key
    match asked.form, facts:
        case "describe", _:
            return answer == facts.caption
        case "read", Writing(text):
            part = {"first": text.split()[0], "last": text.split()[-1]}
            wanted = next((word for place, word in part.items() if place in question), text)
            return key == wanted and answer in (wanted, f'{answer.partition(chr(34))[0]}"{wanted}".')
        case "name", Nothing():
            return answer in ("The picture shows nothing.", "There is no text.") and key in answer
        case "surface", Writing(_, surface):
            return answer == f"The text is written on {surface}."
        case "count", Writing(text):
            return key == {2: "two"}[len(text.split())] and answer == f"There are {key} words."
        case "name", Thing(name):
            return answer == f"The picture shows {name}."
        case "color", Shapes():
            return answer.endswith(f" {facts.color}.") and facts.noun in answer
        case "shape", Shapes():
            return facts.noun in answer
        case "count", Shapes():
            return key == {3: "three", 1: "one"}[facts.count] and answer.endswith(f" {key} {facts.noun}.")
        case "place", Shapes():
            return answer.endswith(f" {facts.place}.")
    assert asked.form == "yes_no"
    return (answer == "Yes.") == holds(question, facts)


def holds(question: str, facts: Facts) -> bool:
    """Whether a question of yes or no is to be affirmed."""
    if "any text" in question:
        return isinstance(facts, Writing)
    match facts:
        case Writing(text, surface):
            return f'"{text}"' in question or (surface is not None and surface in question)
        case Thing(name):
            return name in question
        case Shapes():
            asked_of_place = [place for place in ("on the", "at the", "in the middle") if place in question]
            if asked_of_place:
                return facts.place in question
            return facts.color in question or f"a {facts.shape}" in question
        case Nothing():
            return False


@pytest.mark.parametrize(
    ("form", "key", "reply", "is_right"),
    [
        ("read", "Hello", 'The sign says "Hello".', True),
        ("read", "Hello", "Hello", True),
        ("read", "Hello", 'The sign says "hello".', False),
        ("read", "Hello", "It says Hello there", False),
        ("name", "ice skate", "This is an ice skate.", True),
        ("name", "cat", "The picture shows a caterpillar.", False),
        ("count", "three", "Three circles.", True),
        ("yes_no", "No", "There is nothing.", False),
    ],
)
def test_a_reply_is_right_if_it_says_the_key(form: str, key: str, reply: str, is_right: bool) -> None:
    assert Asked(form, "", "", key).is_answered_by(reply) is is_right


def test_yes_and_no_are_both_common(examiner: Examiner) -> None:
    for facts in (FACTS[1], FACTS[2], FACTS[3]):
        answers = [
            asked.answer
            for seed in range(200)
            for asked in examiner.ask(facts, random.Random(seed), 20)
            if asked.form == "yes_no"
        ]
        assert 0.25 < answers.count("Yes.") / len(answers) < 0.75


def test_unseen_wordings_are_no_trained_ones_and_keep_the_answer() -> None:
    trained = {*READ, *NAME, *COLOR, *COUNT, *PLACE}
    assert not trained & set(UNSEEN_WORDINGS.values())
    for facts in FACTS[:-1]:
        for asked in main_questions(facts):
            other = reworded(asked, facts)
            assert other.answer == asked.answer
            assert other.question != asked.question
            assert "{" not in asked.question + other.question


def test_no_plain_question_is_one_of_the_bank() -> None:
    from levelhead.illusion import load_questions

    questions = plain_questions(WORDS, NAMES, 200)
    assert len(set(questions)) == 200
    assert questions == plain_questions(WORDS, NAMES, 200)
    assert not {question.question for question in load_questions()} & set(questions)


def test_own_answers_are_those_of_the_model_without_a_picture(tmp_path: Path) -> None:
    from levelhead.models import Sampling, load_model
    from levelhead.records import Prompt

    questions = ["Who are you?", "What is 2 plus 2?"]
    answers = own_answers(tmp_path / "own.json", questions)
    replies = load_model("embedded", dtype="float32").generate(
        [Prompt.ask(question) for question in questions], Sampling(max_new_tokens=24)
    )
    assert [asked.answer for asked in answers] == [reply.text for reply in replies]
    assert [asked.is_whole for asked in answers] == [reply.finish_reason == "stop" for reply in replies]
    assert own_answers(tmp_path / "own.json", questions) == answers


def test_labels_stand_one_token_before_what_they_ask_for(chat: ChatTokens) -> None:
    branches = [chat.branch(Asked("read", "Read.", "Hello")), chat.branch(OWN[0])]
    packed = pack([branches, branches[:1]])
    for number, branch in enumerate(branches, start=1):
        here = packed.segments[0] == number
        read, labels = packed.tokens[0][here].tolist(), packed.labels[0][here]
        assert read == branch.question + branch.answer[:-1]
        assert labels[labels != IGNORED].tolist() == branch.answer
        assert labels.tolist().index(branch.answer[0]) == len(branch.question) - 1
    assert (packed.labels[1][packed.segments[1] < 0] == IGNORED).all()


def test_a_packed_question_is_read_as_the_shipped_model_reads_it_alone(
    chat: ChatTokens,
    reader: Reader,
    captions: CaptionVocabulary,
    studio: Studio,
    text_folder: Path,
    tmp_path: Path,
) -> None:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from embedded_vision.data import pixels_of
    from embedded_vision.export import export
    from levelhead.models._embedded_vision import assemble

    training = new_training("small", captions)
    export(training, text_folder, tmp_path / "eyes")
    assemble(tmp_path / "eyes", text_folder, tmp_path / "whole")
    model = AutoModelForImageTextToText.from_pretrained(tmp_path / "whole")
    processor = AutoProcessor.from_pretrained(tmp_path / "whole")
    asked = [
        [Asked("read", "Read the text.", "Hello"), Asked("yes_no", "Is there a dog?", "No."), OWN[0]],
        [Asked("name", "What is this?", "An apple.")],
    ]
    pictures = [studio.picture(number) for number in range(2)]
    with torch.inference_mode():
        emitted, _ = training.eyes(pixels_of([picture.image for picture in pictures]))
        losses = []
        for row, picture in zip(asked, pictures, strict=True):
            for one in row:
                content = [{"type": "image"}, {"type": "text", "text": one.question}]
                head = processor.apply_chat_template(
                    [{"role": "user", "content": content}], add_generation_prompt=True
                )
                inputs = processor(text=head, images=picture.image, return_tensors="pt")
                answer = torch.tensor([chat.branch(one).answer])
                ids = torch.cat([inputs["input_ids"], answer], dim=1)
                logits = model(
                    input_ids=ids,
                    pixel_values=inputs["pixel_values"],
                    attention_mask=torch.ones_like(ids),
                    logits_to_keep=answer.shape[1] + 1,
                ).logits[0, :-1]
                losses += torch.nn.functional.cross_entropy(logits, answer[0], reduction="none").tolist()
        reading = reader.read(emitted, pack([[chat.branch(one) for one in row] for row in asked]))
    # The shipped weights are rounded to fp16.
    assert reading.loss.item() == pytest.approx(sum(losses) / len(losses), abs=5e-3)


def test_an_answer_counts_as_right_if_greedy_decoding_writes_it(
    chat: ChatTokens, reader: Reader, captions: CaptionVocabulary, text_folder: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(text_folder)
    tokenizer = AutoTokenizer.from_pretrained(text_folder)
    table = piece_embeddings(text_folder, captions)
    emitted = table[torch.tensor([captions.row('The picture shows the text "Hello".')])]
    question = Asked("read", "What does the picture say?", "")
    words = model.get_input_embeddings()
    head, tail = (words(torch.tensor([part])) for part in (chat.head, chat.branch(question).question))
    with torch.inference_mode():
        rows = model.generate(
            inputs_embeds=torch.cat([head, emitted, tail], dim=1), do_sample=False, max_new_tokens=12
        )
    written = tokenizer.decode(rows[0], skip_special_tokens=True)
    right = Asked("read", question.question, written, is_whole=int(rows[0, -1]) == tokenizer.eos_token_id)
    wrong = Asked("read", question.question, f"{written[:-2]}!?")
    with torch.inference_mode():
        assert reader.read(emitted, pack([[chat.branch(right), chat.branch(wrong)]])).is_right == [
            [True, False]
        ]


def test_the_frozen_model_copies_pieces_better_than_it_joins_them(
    chat: ChatTokens, reader: Reader, captions: CaptionVocabulary, text_folder: Path
) -> None:
    facts = [Writing("Uncovering fluency"), Writing("buildings dong"), Writing("tremor Mantle")]
    table = piece_embeddings(text_folder, captions)
    emitted = table[torch.tensor([captions.row(one.caption) for one in facts])]
    asked = [main_questions(one)[0] for one in facts]
    in_pieces = [[chat.branch(one)] for one in asked]
    # Plain questions are cut into the tokenizer's own tokens.
    in_own_tokens = [[chat.branch(replace(one, form=PLAIN))] for one in asked]
    nats = []
    for branches in (in_pieces, in_own_tokens):
        with torch.inference_mode():
            mean = reader.read(emitted, pack(branches)).loss.item()
        nats.append(mean * sum(len(branch.answer) for row in branches for branch in row))
    assert nats[0] < 0.7 * nats[1]


def test_steps_through_the_frozen_model_lower_the_loss_of_its_answers(
    chat: ChatTokens,
    reader: Reader,
    captions: CaptionVocabulary,
    studio: Studio,
    examiner: Examiner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SIZES, "tiny", TowerSize(width=32, layers=2, heads=2))
    new_training("tiny", captions).save(tmp_path / CHECKPOINT)
    training = next_stage(tmp_path / CHECKPOINT, captions, "projector")
    batch = AnswerBatches(studio, captions, chat, Lessons(examiner, OWN, 2), rows=1, direct_rows=1)[0]
    losses = [train_step(training, losses_of(training, reader, batch, 0.3), rate=1e-3) for _ in range(12)]
    assert losses[-1]["answer"] < 0.8 * losses[0]["answer"]


def test_a_batch_with_questions_follows_from_its_number(
    chat: ChatTokens, captions: CaptionVocabulary, studio: Studio, examiner: Examiner
) -> None:
    batches = AnswerBatches(studio, captions, chat, Lessons(examiner, OWN, 3), rows=2, direct_rows=1)
    here = batches[7]
    there = next(iter(batches.loader(7, 8, workers=1)))
    for part, other in zip(here[:3], there[:3], strict=True):
        assert torch.equal(part, other)
    assert torch.equal(here.questions.tokens, there.questions.tokens)
    assert len(here.pixels) == 3
    assert len(here.questions.tokens) == 2
