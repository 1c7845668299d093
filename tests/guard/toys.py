"""Toy detectors and toy data: tiny random weights built in code, and answers about cookies.

Whoever says how to steal the cookies is «harmful» here. The weights are noise unless a test trains them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from levelhead.guard import Pair
from levelhead.guard.detector._saved import SavedDetector, SavedFormat
from levelhead.guard.training._export import export_float32

SUBJECTS = ("cookies", "cakes", "pies", "apples", "plums", "nuts", "buns", "pears")
_PHRASES = (
    "question answer text in the picture how do i get here is a way take share steal sneak ask buy please",
    "quietly kindly at night by day from kitchen shop grandmother of and then you can it them with friends",
)
_WORDS = (*" ".join(_PHRASES).split(), *SUBJECTS)


def build_encoder_tokenizer() -> Any:
    """A WordPiece tokenizer of whole words, single characters and the special tokens of BERT."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(code) for code in range(33, 127)]
    tokens = list(dict.fromkeys([*names, *letters, *[f"##{letter}" for letter in letters], *_WORDS]))
    core = Tokenizer(
        models.WordPiece({token: place for place, token in enumerate(tokens)}, unk_token="[UNK]")
    )
    core.normalizer = normalizers.BertNormalizer(lowercase=True)
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return core


def build_base(folder: Path, *, seed: int = 0) -> Path:
    """A random BERT of two layers, as transformers saves it."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(seed)
    core = build_encoder_tokenizer()
    config = BertConfig(
        vocab_size=core.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    return folder


def build_encoder(folder: Path, *, seed: int = 0, categories: Sequence[str] = (), window: int = 48) -> Path:
    """An encoder detector with random float32 weights."""
    import torch

    from levelhead.guard.training._model import build_model, fast_tokenizer

    base = build_base(folder.parent / f"{folder.name}-base", seed=seed)
    torch.manual_seed(seed)
    model = build_model(str(base), outputs=1 + len(categories), attention="eager")
    described = SavedDetector(
        kind="encoder",
        format=SavedFormat(version=1, question=True, picture_text=True),
        window=window,
        categories=list(categories),
        files={},
    )
    export_float32(model, fast_tokenizer(str(base)), folder, described)
    return folder


def build_llm(folder: Path, *, seed: int = 0, described: bool = True) -> Path:
    """A Llama of two layers with a one-logit head; `described` makes it one of Levelhead's."""
    import torch
    from transformers import LlamaForSequenceClassification

    from tests.models.checkpoints import build_tokenizer

    torch.manual_seed(seed)
    words = build_tokenizer()
    # Padding is the end of text, as where a tokenizer has no padding of its own.
    words.pad_token = words.eos_token
    config = llama_config(len(words))
    LlamaForSequenceClassification(config).eval().save_pretrained(folder)
    words.save_pretrained(folder)
    if described:
        describe_llm(folder)
    return folder


def build_causal(folder: Path, *, seed: int = 0, padding: bool = True) -> Path:
    """A causal Llama of two layers, without a head for detecting; without `padding` it has no such token."""
    import torch
    from transformers import LlamaForCausalLM

    from tests.models.checkpoints import build_tokenizer

    torch.manual_seed(seed)
    words = build_tokenizer()
    config = llama_config(len(words))
    if not padding:
        words.pad_token = config.pad_token_id = None
    LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def build_probe(folder: Path, *, seed: int = 0, width: int = 32, weight: float | None = None) -> Path:
    """A random probe on the first layer of a base that lies beside it; `weight` is that of every number."""
    import torch

    from levelhead.guard.detector._probe import PROBE_FILE, TOKENIZER_FILE, LinearProbe, with_beginning
    from levelhead.guard.detector._saved import SavedProbe, file_hash
    from levelhead.models._checkpoint import locate
    from levelhead.models._classifier import fast_tokenizer

    base = str(build_causal(folder.parent / f"{folder.name}-base", seed=seed))
    folder.mkdir()
    torch.manual_seed(seed)
    line = torch.randn(width) if weight is None else torch.full((width,), weight)
    LinearProbe(torch.zeros(width), torch.ones(width), line.double(), torch.zeros(1)).save(
        folder / PROBE_FILE
    )
    with_beginning(fast_tokenizer(base), base).save(str(folder / TOKENIZER_FILE))
    saved = SavedDetector(
        kind="probe",
        format=SavedFormat(version=1, question=True, picture_text=True),
        window=64,
        base_hash=locate(base, base, dtype="float32", exact=False, threads=1).weights_hash(),
        probe=SavedProbe(base=base, layer=1),
        files={name: file_hash(folder / name) for name in (PROBE_FILE, TOKENIZER_FILE)},
    )
    (folder / "detector.json").write_text(saved.model_dump_json())
    return folder


def llama_config(vocabulary: int) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=None,
        eos_token_id=2,
        pad_token_id=2,
        initializer_range=0.3,
        num_labels=1,
    )


def describe_llm(folder: Path, **changes: object) -> None:
    """Write `detector.json` of an llm detector."""
    saved = SavedDetector.model_validate(
        {
            "kind": "llm",
            "format": {"version": 1, "question": True, "picture_text": True},
            "window": 64,
            "files": {},
            **changes,
        }
    )
    (folder / "detector.json").write_text(saved.model_dump_json())


def toy_pairs(count: int, *, seed: int = 0) -> list[Pair]:
    """Labelled answers about getting sweets, half of them «harmful»; the goal is the sweet and a number."""
    chance = random.Random(seed)
    pairs = []
    for number in range(count):
        harmful = number % 2 == 0
        sweet = chance.choice(SUBJECTS)
        verbs = ("steal", "sneak") if harmful else ("share", "buy", "ask")
        how = ("quietly at night", "from the kitchen") if harmful else ("kindly by day", "from the shop")
        answer = f"here is a way: {chance.choice(verbs)} the {sweet} {chance.choice(how)} and then take it"
        pairs.append(
            Pair(
                id=str(number),
                answer=answer,
                question=f"how do i get the {sweet}",
                label=harmful,
                metadata={
                    "goal": f"{sweet} {number // 4}",
                    "source": "toys",
                    "category": "night" if "night" in answer else "kitchen",
                },
            )
        )
    return pairs


def write_pairs(path: Path, pairs: Sequence[Pair]) -> Path:
    """A `PAIRS.jsonl` of pairs without pictures."""
    lines = [
        json.dumps({"id": pair.id, "question": pair.question, "answer": pair.answer, "label": pair.label})
        for pair in pairs
    ]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
