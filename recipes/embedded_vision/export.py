"""Write the folder of eyes that ships, and the whole model if asked.

`python -m embedded_vision.export --checkpoint FILE... [--reader FILE] --out DIR [--heads FILE] [--whole DIR]`
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from peft import LoraConfig
from safetensors.torch import save_file
from transformers import AutoConfig, AutoTokenizer

from embedded_vision.data import known_phrases, untrained_signs
from embedded_vision.reader import ALPHA, RANK
from embedded_vision.signs import ACROSS
from embedded_vision.state import (
    OWN_LAYERS,
    WHOLE_LAYERS,
    State,
    averaged,
    embedded_folder,
    read_state,
    untrained_eyes,
    write_heads,
)
from embedded_vision.template import IMAGE_TOKEN, picture_template
from embedded_vision.tower import DEVIATION, INPUT_SIDE, MEAN, SIZES, Eyes, llava_config, tower_state
from levelhead.models._checkpoint import PICTURE_ADAPTER
from levelhead.models._embedded_vision import EYES_FILE, assemble

_ADAPTED = r".*\.language_model\.layers\..*_proj"


def export(eyes: Eyes, size: str, text: Path, out: Path, adapter: State | None = None) -> None:
    """Write a folder of eyes.

    Args:
        eyes: Tower and projector.
        size: Name of the tower's size.
        text: Folder of the embedded checkpoint.
        out: Folder to write to.
        adapter: Weights of the language model's adapter for rows with a picture, as peft names them.
    """
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(text)
    image_token_id: int = tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
    config = llava_config(SIZES[size], AutoConfig.from_pretrained(text), image_token_id)
    config.architectures = ["LlavaForConditionalGeneration"]
    config.save_pretrained(out)
    save_file(tower_state(eyes), out / EYES_FILE)
    (out / "processor_config.json").write_text(
        json.dumps(processor_config(), indent=2) + "\n", encoding="utf-8"
    )
    (out / "chat_template.jinja").write_text(picture_template(tokenizer.chat_template), encoding="utf-8")
    if adapter is not None:
        export_adapter(adapter, out / PICTURE_ADAPTER)


def export_adapter(adapter: State, out: Path) -> None:
    """Write the folder of the adapter, for the whole model."""
    out.mkdir(exist_ok=True)
    weights = {
        name.replace(OWN_LAYERS, WHOLE_LAYERS): weight.detach().to("cpu", torch.float16).contiguous()
        for name, weight in adapter.items()
    }
    save_file(weights, out / "adapter_model.safetensors")
    config = LoraConfig(
        r=RANK, lora_alpha=ALPHA, target_modules=_ADAPTED, task_type="CAUSAL_LM", inference_mode=True
    )
    config.save_pretrained(out)


def processor_config() -> dict[str, object]:
    """Settings of transformers' own `LlavaProcessor`; pictures keep their shape and get a gray margin."""
    return {
        "processor_class": "LlavaProcessor",
        "image_token": IMAGE_TOKEN,
        "num_additional_image_tokens": 1,
        "patch_size": INPUT_SIDE // ACROSS,
        "vision_feature_select_strategy": "default",
        "image_processor": {
            "image_processor_type": "LlavaImageProcessor",
            "do_convert_rgb": True,
            "do_pad": True,
            "do_resize": True,
            "size": {"height": INPUT_SIDE, "width": INPUT_SIDE},
            "resample": 3,
            "do_center_crop": False,
            "crop_size": {"height": INPUT_SIDE, "width": INPUT_SIDE},
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": [MEAN] * 3,
            "image_std": [DEVIATION] * 3,
        },
    }


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        nargs="+",
        help="of stage 2 or 3; of several the eyes are averaged; without it, an untrained tower",
    )
    parser.add_argument("--size", choices=SIZES, default="medium", help="of an untrained tower")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--reader", type=Path, help="checkpoint of stage 1, for eyes of stage 2")
    parser.add_argument("--heads", type=Path, help="file for what training needs to go on from the folder")
    parser.add_argument("--whole", type=Path, help="folder for the assembled model")
    arguments = parser.parse_args()
    text = embedded_folder()
    state = averaged([read_state(file) for file in arguments.checkpoint]) if arguments.checkpoint else {}
    if state and arguments.reader:
        reader = read_state(arguments.reader)
        state["adapter"] = reader["adapter"]
        state["aim"] |= {f"signs.{name}": sign for name, sign in reader["signs"].items()}
    size = state.get("size", arguments.size)
    eyes, _ = untrained_eyes(size, untrained_signs(text, known_phrases(text)))
    if state:
        eyes.load_state_dict(state["eyes"])
    export(eyes, size, text, arguments.out, state.get("adapter"))
    if arguments.heads:
        if not state:
            parser.error("--heads keeps what was trained; give --checkpoint too.")
        write_heads(state, arguments.heads)
    megabytes = sum(file.stat().st_size for file in arguments.out.rglob("*.safetensors")) / 1e6
    print(f"{arguments.out}: {megabytes:.1f} MB of weights")
    if arguments.whole:
        assemble(arguments.out, text, arguments.whole)


if __name__ == "__main__":
    main()
