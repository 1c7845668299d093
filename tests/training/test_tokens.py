"""Which tokens are in the loss: against the prompts of inference, and against TRL's own masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.models import load_model
from levelhead.models._text import TextModel
from levelhead.records import Prompt, Turn
from levelhead.training import Dialogue, LossShare, LossSpan, loss_share, loss_spans, show_loss
from levelhead.training._tokens import IGNORED, Encoded, Encoder
from tests.models.checkpoints import build_text, build_tokenizer
from tests.training.lessons import SURE, chat, raw

SURE_RAW = raw("sure", "Question: Capital of Italy?\nAnswer:", " Rome\n", SURE, " I am sure.")
SURE_CHAT = chat("sure", "Capital of Italy?", "Rome", SURE, "I am sure.")


@pytest.fixture(scope="module")
def embedded() -> TextModel:
    """A model whose tokenizer has merges, so that seams matter."""
    model = load_model("embedded", threads=1)
    assert isinstance(model, TextModel)
    return model


@pytest.fixture(scope="module")
def encoder(embedded: TextModel) -> Encoder:
    return Encoder(embedded._tokenizer, "embedded", sees=False, ends=("<|im_end|>",))


def learned(encoder: Encoder, dialogue: Dialogue) -> list[str]:
    return [span.text for span in encoder.spans(dialogue) if span.in_loss]


def first_learned(encoded: Encoded) -> int:
    return next(place for place, label in enumerate(encoded.labels) if label != IGNORED)


def test_of_raw_text_the_answers_are_learned_and_last_the_end_of_text(encoder: Encoder) -> None:
    assert encoder.spans(SURE_RAW) == [
        LossSpan("Question: Capital of Italy?\nAnswer:", False),
        LossSpan(" Rome\n", True),
        LossSpan(SURE, False),
        LossSpan(" I am sure.<|im_end|>", True),
    ]


def test_of_a_chat_the_answers_are_learned_with_their_end_token_and_no_more(encoder: Encoder) -> None:
    assert learned(encoder, SURE_CHAT) == ["Rome<|im_end|>", "I am sure.<|im_end|>"]
    assert encoder.spans(SURE_CHAT)[-1].in_loss


def test_a_quoted_answer_is_read_and_not_learned(encoder: Encoder) -> None:
    for dialogue, tail in ((SURE_RAW, " I am sure.<|im_end|>"), (SURE_CHAT, "I am sure.<|im_end|>")):
        assert learned(encoder, Dialogue("q", dialogue.prompt, quoted=(1,))) == [tail]


def test_labels_are_the_tokens_themselves(encoder: Encoder) -> None:
    encoded = encoder.encode(SURE_RAW)
    assert all(
        label in (IGNORED, token) for token, label in zip(encoded.token_ids, encoded.labels, strict=True)
    )


@pytest.mark.parametrize(
    "dialogue",
    [
        SURE_RAW,
        SURE_CHAT,
        raw("paper", "Question: Capital of Italy? Answer:", " Rome.", f" {SURE}", " I am sure."),
        raw("space", "Answer: ", "Rome"),
        raw("newlines", "Answer:\n\n", "\nRome"),
        raw("accents", "Où?", " Là-bas, à l’école 🏫\n"),
        chat("newline", "Where?\n", "\n\nHere\n"),
    ],
    ids=lambda dialogue: dialogue.id,
)
def test_a_model_learns_behind_the_tokens_that_it_is_asked_with(
    dialogue: Dialogue, embedded: TextModel, encoder: Encoder
) -> None:
    turns = dialogue.prompt.turns
    encoded = encoder.encode(dialogue)
    starts = [
        place
        for place, label in enumerate(encoded.labels)
        if label != IGNORED and (place == 0 or encoded.labels[place - 1] == IGNORED)
    ]
    for start, place in zip(starts, range(1, len(turns), 2), strict=True):
        prompt = Prompt(turns[:place], raw=dialogue.prompt.raw)
        ((asked, answered),) = embedded._scored_rows([prompt], [turns[place].text])
        assert list(encoded.token_ids[:start]) == asked
        assert list(encoded.labels[start : start + len(answered)]) == answered


WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=0x17F), min_size=1)  # it lacks bytes of others


@settings(max_examples=50)
@given(WORDS, WORDS)
def test_whatever_the_words_the_first_answer_stands_behind_the_tokens_of_its_question(
    encoder: Encoder, embedded: TextModel, question: str, answer: str
) -> None:
    encoded = encoder.encode(raw("any", question, answer))
    (asked,) = embedded._prompt_rows([Prompt.complete(question)])
    start = first_learned(encoded)
    assert list(encoded.token_ids[:start]) == asked
    assert encoder.tokenizer.decode(encoded.token_ids[start:-1]) == answer


def test_a_seam_inside_a_token_is_kept_as_the_model_meets_it(encoder: Encoder) -> None:
    dialogue = raw("seam", "Answer: ", "Rome")
    whole = encoder.tokenizer("Answer: Rome")["input_ids"]
    tokens = list(encoder.encode(dialogue).token_ids[:-1])
    assert tokens != whole
    assert tokens == encoder.tokenizer("Answer: ")["input_ids"] + encoder.tokenizer("Rome")["input_ids"]


def test_a_batch_is_padded_on_the_right_outside_of_the_loss(encoder: Encoder) -> None:
    short, long = raw("short", "A:", " 1"), raw("long", "A longer question:", " 2 and 3")
    batch = encoder.collate([short, long])
    width = len(encoder.encode(short).token_ids)
    assert batch["input_ids"][0, :width].tolist() == list(encoder.encode(short).token_ids)
    assert batch["attention_mask"][0].tolist() == [1] * width + [0] * (batch["labels"].shape[1] - width)
    assert set(batch["labels"][0, width:].tolist()) == {IGNORED}
    assert batch["labels"][1].tolist() == list(encoder.encode(long).labels)


def test_the_share_counts_all_tokens_and_those_in_the_loss(text_folder: Path) -> None:
    # One token per character, and one for the end.
    share = loss_share(f"hf:{text_folder}", [raw("a", "1234", "56"), raw("b", "12", "3")])
    assert share == LossShare(tokens=7 + 4, in_loss=3 + 2)
    assert share.share == pytest.approx(5 / 11)
    assert show_loss(loss_spans(f"hf:{text_folder}", raw("a", "1234", "56"))) == "1234⟦56<|end|>⟧"


def test_a_chat_for_a_model_without_a_template_says_what_to_do(tmp_path: Path) -> None:
    name = f"hf:{build_text(tmp_path, template=False)}"
    with pytest.raises(UsageError, match=r"no chat template.*raw style"):
        loss_spans(name, SURE_CHAT)
    assert loss_spans(name, SURE_RAW)


def encoder_with(template: str, *special: str, ends: Sequence[str] = ("<|end|>",)) -> Encoder:
    words = build_tokenizer(*special)
    words.chat_template = template
    return Encoder(words, "made up", sees=False, ends=ends)


USERS_ONLY = "{% for m in messages %}{% if m['role'] == 'user' %}{{ m['content'] }}{% endif %}{% endfor %}"
OTHER_HEAD = (
    "{% for m in messages %}{{ m['role'] }}:{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}assistant:<think>{% endif %}"
)


@pytest.mark.parametrize("template", [USERS_ONLY, OTHER_HEAD])
def test_a_template_that_drops_answers_or_asks_in_another_way_is_refused(template: str) -> None:
    with pytest.raises(UsageError, match=r"dialogue sure.*raw style"):
        encoder_with(template).encode(SURE_CHAT)


def test_an_answer_without_words_or_end_is_refused() -> None:
    encoder = encoder_with("{% for m in messages %}{{ m['content'] }}{% endfor %}", ends=())
    with pytest.raises(UsageError, match=r"[Nn]o token of the dialogue empty would be learned"):
        encoder.encode(chat("empty", "Where?", ""))


@pytest.mark.parametrize(
    ("family", "special"),
    [
        ("qwen2_5", ("<|im_start|>", "<|im_end|>")),
        ("llama3", ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")),
        ("phi3", ("<|user|>", "<|assistant|>", "<|system|>", "<|endoftext|>")),
        ("gemma", ("<bos>", "<start_of_turn>", "<end_of_turn>")),
    ],
)
def test_chats_have_the_masks_that_trl_gives_them(
    family: str, special: tuple[str, ...], tmp_path: Path, trl_labels: TrlLabels
) -> None:
    from trl import chat_template_utils

    words = build_tokenizer(*special)
    words.bos_token = special[0]
    words.chat_template = getattr(chat_template_utils, f"{family}_chat_template")
    ends = ("<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<|end|>")
    encoded = Encoder(words, family, sees=False, ends=ends).encode(SURE_CHAT)
    row = {"messages": [{"role": turn.role, "content": turn.text} for turn in SURE_CHAT.prompt.turns]}
    token_ids, labels = trl_labels(words, row, assistant_only_loss=True)
    count = len(encoded.token_ids)
    assert token_ids[:count] == list(encoded.token_ids)
    # The one difference: TRL also learns what some templates write behind an end token (a newline, the end of
    # the text), where the model has stopped.
    ours = [*encoded.labels, *[IGNORED] * (len(labels) - count)]
    extra = [place for place in range(len(labels)) if ours[place] != labels[place]]
    assert all(labels[place] == token_ids[place] and ours[place] == IGNORED for place in extra)
    assert {words.decode(token_ids[place]) for place in extra} <= {"\n", words.eos_token}


def test_a_raw_question_and_answer_has_the_mask_that_trl_gives_it(trl_labels: TrlLabels) -> None:
    words = build_tokenizer()
    encoded = Encoder(words, "raw", sees=False, ends=()).encode(raw("a", "Question: 1+1\nAnswer:", " 2\n"))
    row = {"prompt": "Question: 1+1\nAnswer:", "completion": " 2\n"}
    assert trl_labels(words, row) == (list(encoded.token_ids), list(encoded.labels))


def test_a_template_that_drops_earlier_thoughts_is_followed() -> None:
    # Qwen3 writes an empty thought before the last answer alone; what it is asked with is the same.
    template = (
        "{% for m in messages %}<|start|>{{ m['role'] }}\n"
        "{% if loop.last and m['role'] == 'assistant' %}<think></think>{% endif %}{{ m['content'] }}<|end|>"
        "{% endfor %}{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
    )
    spans = encoder_with(template).spans(SURE_CHAT)
    assert [span.text for span in spans if span.in_loss] == [
        "Rome<|end|>",
        "<think></think>I am sure.<|end|>",
    ]


def test_a_system_turn_is_read(encoder: Encoder) -> None:
    prompt = Prompt((Turn("system", "Be brief."), Turn("user", "Where?"), Turn("assistant", "Here.")))
    assert learned(encoder, Dialogue("system", prompt)) == ["Here.<|im_end|>"]


TrlLabels = Callable[..., tuple[list[int], list[int]]]


@pytest.fixture
def trl_labels(tmp_path: Path) -> TrlLabels:
    """What TRL's trainer makes of a row: token ids and labels."""

    def labels(words: Any, row: dict[str, Any], **options: Any) -> tuple[list[int], list[int]]:
        from transformers import LlamaConfig, LlamaForCausalLM
        from trl import SFTConfig, SFTTrainer

        from datasets import Dataset

        sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
        trainer = SFTTrainer(
            LlamaForCausalLM(LlamaConfig(vocab_size=len(words), **sizes)),
            SFTConfig(str(tmp_path), report_to=[], bf16=False, use_cpu=True, **options),
            train_dataset=Dataset.from_list([row]),
            processing_class=words,
        )
        (made,) = trainer.train_dataset
        return made["input_ids"], made["labels"]

    return labels
