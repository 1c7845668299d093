"""Write the eyes as a GGUF file for llama.cpp, to be used beside the language model's own GGUF file.

`python -m embedded_vision.export_gguf --eyes DIR --out mmproj.gguf`

llama.cpp knows a vision tower without a class token and the projector of LLaVA ("mlp"), so nothing of the
eyes is left out. Two things differ a little: it computes GELU of the projector by its tanh formula, and it
scales pictures bilinearly.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from levelhead.models._embedded_vision import EYES_FILE

_LAYER = {
    "layer_norm1": "ln1",
    "layer_norm2": "ln2",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_out",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
}
_OTHERS = {
    "vision_tower.embeddings.patch_embedding": "v.patch_embd",
    "vision_tower.embeddings.position_embedding": "v.position_embd",
    "multi_modal_projector.linear_1": "mm.0",
    "multi_modal_projector.linear_2": "mm.2",
}
_LAYERS = "vision_tower.encoder.layers."
_UNUSED = "vision_tower.post_layernorm."
"""Behind the states that the projector reads."""


def export_gguf(eyes: Path, out: Path) -> None:
    """Write the file.

    Args:
        eyes: Folder of eyes.
        out: File to write.

    Raises:
        KeyError: If the eyes hold a weight of unknown name.
    """
    import gguf
    import numpy as np
    from safetensors.numpy import load_file
    from transformers import LlavaConfig

    config = LlavaConfig.from_pretrained(eyes)
    writer = gguf.GGUFWriter(str(out), "clip")
    _write_settings(writer, config)
    for name, weight in load_file(eyes / EYES_FILE).items():
        if name.startswith(_UNUSED):
            continue
        # Matrices as they are stored; vectors and the table of positions in the precision of the sums.
        is_matrix = name.endswith(".weight") and weight.ndim > 1 and "position" not in name
        writer.add_tensor(gguf_name(name), weight.astype(np.float16 if is_matrix else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_name(name: str) -> str:
    """What llama.cpp calls a weight.

    >>> gguf_name("vision_tower.encoder.layers.3.mlp.fc1.bias")
    'v.blk.3.ffn_up.bias'
    >>> gguf_name("multi_modal_projector.linear_2.weight")
    'mm.2.weight'
    """
    stem, _, kind = name.rpartition(".")
    if not stem.startswith(_LAYERS):
        return f"{_OTHERS[stem]}.{kind}"
    number, _, part = stem.removeprefix(_LAYERS).partition(".")
    return f"v.blk.{number}.{_LAYER[part]}.{kind}"


def _write_settings(writer: Any, config: Any) -> None:
    from embedded_vision.tower import DEVIATION, MEAN

    vision = config.vision_config
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.has_llava_projector", True)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.use_gelu", True)
    for name, value in (
        ("image_size", vision.image_size),
        ("patch_size", vision.patch_size),
        ("embedding_length", vision.hidden_size),
        ("feed_forward_length", vision.intermediate_size),
        ("projection_dim", config.text_config.hidden_size),
        ("block_count", vision.num_hidden_layers),
        ("attention.head_count", vision.num_attention_heads),
    ):
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", vision.layer_norm_eps)
    writer.add_array("clip.vision.image_mean", [MEAN] * 3)
    writer.add_array("clip.vision.image_std", [DEVIATION] * 3)
    # Named, since llama.cpp would stop one layer before the last, as LLaVA does.
    writer.add_array("clip.vision.feature_layer", [vision.num_hidden_layers])


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--eyes", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    export_gguf(arguments.eyes, arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
