"""Tiny random checkpoints, built in code: a text model and three vision families. Nothing is downloaded.

The weights are random, so the answers are noise; what the tests look at is that every backend treats them
alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_CHAT_TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
"""A plain template; IMAGE stands for the marker of the family."""


def build_tokenizer(*special: str, template: bool = True) -> Any:
    """A tokenizer of one token per ASCII character, so that every row of tokens is the tokenization of its
    text.

    With merges, random weights would write texts whose own tokenization is another one, and no
    log-probability could be compared.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = ["<|pad|>", "<|start|>", "<|end|>", "<|unknown|>", *special]
    characters = [
        "\u010a",
        "\u0120",
        *map(chr, range(33, 127)),
    ]  # newline and space as byte-level tokenizers write them
    vocabulary = {token: index for index, token in enumerate([*names, *characters])}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<|unknown|>"))
    core.add_special_tokens(names)
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        unk_token="<|unknown|>",
        additional_special_tokens=list(special),
        chat_template=_CHAT_TEMPLATE.replace("IMAGE", "") if template else None,
    )


def _text_sizes(vocabulary: int) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": None,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "initializer_range": 0.5,  # large, so that answers of random weights differ between prompts
    }


def _save(model: Any, owner: Any, folder: Path) -> Path:
    model.generation_config.eos_token_id = 2
    model.generation_config.pad_token_id = 0
    model.eval().save_pretrained(folder)
    owner.save_pretrained(folder)
    return folder


def build_text(folder: Path, *, template: bool = True) -> Path:
    """A Llama with two layers."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    words = build_tokenizer(template=template)
    return _save(LlamaForCausalLM(LlamaConfig(**_text_sizes(len(words)))), words, folder)


def build_llava(folder: Path) -> Path:
    """LLaVA: a CLIP tower of 28 pixels (4 patches), a projector, a Llama."""
    import torch
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    torch.manual_seed(0)
    words = build_tokenizer("<image>")
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=28,
        patch_size=14,
        projection_dim=32,
        initializer_factor=5.0,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=LlamaConfig(**_text_sizes(len(words))),
        image_token_id=words.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
    )
    processor = LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}),
        words,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_CHAT_TEMPLATE.replace("IMAGE", "<image>"),
    )
    return _save(LlavaForConditionalGeneration(config), processor, folder)


def build_qwen2_vl(folder: Path) -> Path:
    """Qwen2-VL: pictures of any size, three-part rotary positions."""
    import torch
    from transformers import (
        Qwen2VLConfig,
        Qwen2VLForConditionalGeneration,
        Qwen2VLImageProcessorPil,
    )

    torch.manual_seed(0)
    marks = ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>")
    words = build_tokenizer(*marks)
    ids = {mark: words.convert_tokens_to_ids(mark) for mark in marks}
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
    config = Qwen2VLConfig(
        text_config={**_text_sizes(len(words)), "rope_parameters": rope},
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": 32,
            "num_heads": 4,
            "mlp_ratio": 2,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "initializer_range": 0.5,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    processor = _register_pictures_only_processor()(
        Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28, "longest_edge": 56 * 56}),
        words,
        chat_template=_CHAT_TEMPLATE.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"),
    )
    return _save(Qwen2VLForConditionalGeneration(config), processor, folder)


def _register_pictures_only_processor() -> Any:
    """Qwen2-VL's processor without its video half, which cannot be loaded where torchvision is not
    installed."""
    from transformers import AutoProcessor, Qwen2VLConfig, Qwen2VLProcessor

    class PicturesOnlyProcessor(Qwen2VLProcessor):  # type: ignore[misc]  # untyped library
        def __init__(self, image_processor: Any, tokenizer: Any, chat_template: str | None = None) -> None:
            self.image_token, self.video_token = "<|image_pad|>", "<|video_pad|>"
            self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
            self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
            super(Qwen2VLProcessor, self).__init__(image_processor, tokenizer, chat_template=chat_template)

    AutoProcessor.register(Qwen2VLConfig, PicturesOnlyProcessor, exist_ok=True)
    return PicturesOnlyProcessor


def build_idefics3(folder: Path) -> Path:
    """Idefics3, the family of SmolVLM: a SigLIP-like tower, pixel shuffle, a Llama."""
    import torch
    from transformers import (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessorPil,
        Idefics3Processor,
    )

    torch.manual_seed(0)
    words = build_tokenizer("<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>")
    config = Idefics3Config(
        text_config={"model_type": "llama", **_text_sizes(len(words))},
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 28,
            "patch_size": 14,
            "initializer_range": 0.5,
        },
        image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=0,
    )
    processor = Idefics3Processor(
        Idefics3ImageProcessorPil(
            size={"longest_edge": 28}, max_image_size={"longest_edge": 28}, do_image_splitting=False
        ),
        words,
        image_seq_len=1,
        chat_template=_CHAT_TEMPLATE.replace("IMAGE", "<image>"),
    )
    return _save(Idefics3ForConditionalGeneration(config), processor, folder)
