"""From a model's name to the model: the one place that knows the spelling of names.

embedded                          SmolLM2-135M-Instruct, whose weights came with a Python package
hf:FOLDER or hf:OWNER/NAME        a transformers checkpoint, text or vision
openai:MODEL@http://HOST/v1       any OpenAI-compatible server; the key comes from OPENAI_API_KEY
NAME+ocr                          eyes that read text, for a model that has none
"""

from __future__ import annotations

from typing import Literal

from levelhead.errors import UsageError
from levelhead.models._model import Model

DType = Literal["auto", "float32", "bfloat16"]

_KNOWN = "embedded, hf:<folder or hub id>, openai:<model>@<base url>, or one of these with +ocr appended"


def load_model(
    name: str,
    *,
    dtype: DType = "auto",
    exact: bool = False,
    threads: int | None = None,
    concurrency: int = 16,
) -> Model:
    """Load a model by its name.

    Args:
        name: `embedded`, `hf:<folder or hub id>`, `openai:<model>@<base url>`; `+ocr` after any text-only
            one.
        dtype: Precision of a local model; `auto` is bfloat16 where the processor computes in it, else
            float32.
        exact: Local models: float32 and one prompt at a time, so that no answer depends on its neighbours.
        threads: Local models: threads of torch; None leaves torch's own choice.
        concurrency: Servers: requests under way at once.

    Raises:
        UsageError: If the name is of no known form or the checkpoint is not there.
        MissingExtraError: If the needed extra is not installed.
        ModelError: If the model cannot be loaded or the server does not answer.
    """
    if name.endswith("+ocr"):
        from levelhead.models._ocr import OCRModel

        inner = load_model(
            name.removesuffix("+ocr"), dtype=dtype, exact=exact, threads=threads, concurrency=concurrency
        )
        return OCRModel(inner)
    if name.startswith("openai:"):
        from levelhead.models._openai import OpenAIModel

        return OpenAIModel.from_name(name, concurrency=concurrency)
    if name == "embedded":
        from levelhead.models._embedded import embedded_checkpoint
        from levelhead.models._transformers import load_checkpoint

        return load_checkpoint(
            str(embedded_checkpoint()), name=name, dtype=dtype, exact=exact, threads=threads
        )
    if name.startswith("hf:") and len(name) > len("hf:"):
        from levelhead.models._transformers import load_checkpoint

        return load_checkpoint(name.removeprefix("hf:"), name=name, dtype=dtype, exact=exact, threads=threads)
    raise UsageError(f"There is no model {name!r}. Give {_KNOWN}.")
