"""Write the folder of eyes that ships, and the whole model if asked.

`python -m embedded_vision.export --checkpoint FILE --out DIR [--whole DIR]`
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from safetensors.torch import save_file
from transformers import AutoConfig, AutoTokenizer

from embedded_vision.captions import CaptionVocabulary
from embedded_vision.grounds import SIDE
from embedded_vision.state import Training, embedded_folder, load_training, new_training
from embedded_vision.tower import DEVIATION, MEAN, PATCH, SIZES, llava_config, tower_state
from levelhead.models._embedded_vision import EYES_FILE, assemble

IMAGE_TOKEN = "<empty_output>"  # noqa: S105
"""A reserved token that SmolLM2 was never trained with, so the vocabulary stays as it is."""
_PLAIN_PART = "message['content']"
_PART = "(message['content'] if message['content'] is string else parts(message['content']))"
_PARTS = (
    "{% macro parts(content) %}{% for part in content %}"
    "{{ '" + IMAGE_TOKEN + "\\n' if part['type'] == 'image' else part['text'] }}"
    "{% endfor %}{% endmacro %}"
)


def export(training: Training, text: Path, out: Path) -> None:
    """Write a folder of eyes.

    Args:
        training: Holds the tower and projector.
        text: Folder of the embedded checkpoint.
        out: Folder to write to.
    """
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(text)
    image_token_id: int = tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
    config = llava_config(SIZES[training.size], AutoConfig.from_pretrained(text), image_token_id)
    config.architectures = ["LlavaForConditionalGeneration"]
    config.save_pretrained(out)
    save_file(tower_state(training.eyes), out / EYES_FILE)
    (out / "processor_config.json").write_text(
        json.dumps(processor_config(), indent=2) + "\n", encoding="utf-8"
    )
    (out / "chat_template.jinja").write_text(picture_template(tokenizer.chat_template), encoding="utf-8")


def processor_config() -> dict[str, object]:
    """Settings of transformers' own `LlavaProcessor`; pictures keep their shape and get a gray margin."""
    return {
        "processor_class": "LlavaProcessor",
        "image_token": IMAGE_TOKEN,
        "num_additional_image_tokens": 0,
        "patch_size": PATCH,
        "vision_feature_select_strategy": "full",
        "image_processor": {
            "image_processor_type": "LlavaImageProcessor",
            "do_convert_rgb": True,
            "do_pad": True,
            "do_resize": True,
            "size": {"height": SIDE, "width": SIDE},
            "resample": 3,
            "do_center_crop": False,
            "crop_size": {"height": SIDE, "width": SIDE},
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": [MEAN] * 3,
            "image_std": [DEVIATION] * 3,
        },
    }


def picture_template(template: str) -> str:
    """The chat template of the language model, made to take pictures too; texts come out as before.

    Raises:
        ValueError: If the template does not write a message's content in the known way.
    """
    before, found, after = template.rpartition(_PLAIN_PART)
    if not found:
        raise ValueError("The chat template has no message['content']; write the new one by hand.")
    return _PARTS + before + _PART + after


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="without it, an untrained tower")
    parser.add_argument("--size", choices=SIZES, default="large", help="of an untrained tower")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--whole", type=Path, help="folder for the assembled model")
    arguments = parser.parse_args()
    text = embedded_folder()
    captions = CaptionVocabulary(text / "tokenizer.json")
    if arguments.checkpoint:
        training = load_training(arguments.checkpoint, captions)
    else:
        training = new_training(arguments.size, captions)
    export(training, text, arguments.out)
    megabytes = (arguments.out / EYES_FILE).stat().st_size / 1e6
    print(f"{arguments.out}: {megabytes:.1f} MB of weights")
    if arguments.whole:
        assemble(arguments.out, text, arguments.whole)


if __name__ == "__main__":
    main()
