"""From a model's name to the model: the one place that knows the spelling of names.

embedded                          SmolLM2-135M-Instruct, whose weights came with a Python package
embedded-vision                   the same with small eyes of our own, which see
embedded-vision:FOLDER            the same with the eyes in a folder, which the recipe exported
hf:FOLDER or hf:OWNER/NAME        a transformers checkpoint, text or vision
hf:BASE+ADAPTER                   one with the folder of a low-rank adapter merged into it; BASE may be
                                  `embedded`, and a further +ADAPTER one that was made on the merged
                                  weights
openai:MODEL@http://HOST/v1       any OpenAI-compatible server; the key comes from OPENAI_API_KEY
NAME+ocr                          eyes that read text, for a model that has none
NAME+contrast=ALPHA,BETA          a local model that sees, whose pictures are set against blank ones while it
                                  decodes; ALPHA and BETA may be left out
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from levelhead.errors import UsageError
from levelhead.models._model import Model

if TYPE_CHECKING:
    from levelhead.models._checkpoint import Checkpoint

DType = Literal["auto", "float32", "bfloat16"]

ADAPTER_CONFIG = "adapter_config.json"
_CONTRAST = "+contrast"
_EYES = "embedded-vision:"
_KNOWN = (
    "embedded, hf:<folder or hub id>, hf:<base>+<adapter folder>, openai:<model>@<base url>, "
    "embedded-vision, embedded-vision:<folder of eyes>, or one of these with +ocr appended, and after a "
    "local one that sees +contrast"
)


def load_model(
    name: str,
    *,
    dtype: DType = "auto",
    exact: bool = False,
    threads: int | None = None,
    concurrency: int = 16,
    replicas: int | None = None,
) -> Model:
    """Load a model by its name.

    Args:
        name: `embedded`, `hf:<folder or hub id>`, `openai:<model>@<base url>`, `embedded-vision`; `+ocr`
            after any text-only one, `+contrast` after any local one that sees.
        dtype: Precision of a local model; `auto` is bfloat16 where the processor computes in it, else
            float32.
        exact: Local models: float32 and one prompt at a time, so that no answer depends on its neighbours.
        threads: Local models: threads of torch; None leaves torch's own choice.
        concurrency: Servers: requests under way at once.
        replicas: Local models: so many copies of it, on Ray. None asks one, in this process.

    Raises:
        UsageError: If the name is of no known form or the checkpoint is not there.
        MissingExtraError: If the needed extra is not installed.
        ModelError: If the model cannot be loaded or the server does not answer.
    """
    if (place := name.rfind(_CONTRAST)) > 0 and name[place + len(_CONTRAST) :][:1] in ("", "="):
        from levelhead.models._contrast import Contrast, ContrastModel

        if replicas is not None:
            raise UsageError(
                f"{name} contrasts every step, which copies on Ray do not. Leave out --engine ray."
            )
        contrast = Contrast.parse(name[place + len(_CONTRAST) :].removeprefix("="))
        seeing = load_model(name[:place], dtype=dtype, exact=exact, threads=threads, concurrency=concurrency)
        return ContrastModel(seeing, contrast)
    if name.endswith("+ocr"):
        from levelhead.models._ocr import OCRModel, TextReader
        from levelhead.user_cache import cache_folder

        inner = load_model(
            name.removesuffix("+ocr"),
            dtype=dtype,
            exact=exact,
            threads=threads,
            concurrency=concurrency,
            replicas=replicas,
        )
        return OCRModel(inner, TextReader(cache=cache_folder() / "read_words.sqlite3"))
    if replicas is not None:
        from levelhead.models._replicated import ReplicatedModel

        return ReplicatedModel(name, replicas, dtype=dtype, exact=exact, threads=threads)
    if name.startswith("openai:"):
        from levelhead.models._openai import OpenAIModel

        return OpenAIModel.from_name(name, concurrency=concurrency)
    from levelhead.models._transformers import open_checkpoint

    return open_checkpoint(locate_model(name, dtype=dtype, exact=exact, threads=threads))


def locate_model(
    name: str, *, dtype: DType = "auto", exact: bool = False, threads: int | None = None
) -> Checkpoint:
    """Find the checkpoint behind the name of a local model, without loading it.

    Raises:
        UsageError: If the name is of no local model, or the checkpoint or adapter is not there.
        MissingExtraError: If torch or transformers is not installed.
        ModelError: If the embedded model cannot be unpacked.
    """
    from levelhead.models._checkpoint import locate

    base, adapters = _split_adapters(name)
    if base in ("embedded", "hf:embedded"):
        from levelhead.models._embedded import embedded_checkpoint

        location = str(embedded_checkpoint())
    elif base == "embedded-vision" or (base.startswith(_EYES) and len(base) > len(_EYES)):
        from levelhead.models._embedded_vision import embedded_vision_checkpoint

        folder = base.removeprefix(_EYES)
        location = str(embedded_vision_checkpoint(Path(folder) if folder != base else None))
    elif base.startswith("hf:") and len(base) > len("hf:"):
        location = base.removeprefix("hf:")
    else:
        raise UsageError(f"There is no model {name!r}. Give {_KNOWN}.")
    return locate(name, location, dtype=dtype, exact=exact, threads=threads, adapters=adapters)


def _split_adapters(name: str) -> tuple[str, tuple[Path, ...]]:
    """The name of the base and the folders of its adapters. A folder's own name may hold a plus sign."""
    adapters: list[Path] = []
    while "+" in name and not Path(name.removeprefix("hf:").removeprefix(_EYES)).is_dir():
        places = [place for place, letter in enumerate(name) if letter == "+"]
        found = [place for place in places if (Path(name[place + 1 :]) / ADAPTER_CONFIG).is_file()]
        if not found:
            folder = name[places[0] + 1 :]
            raise UsageError(
                f"There is no adapter in {folder}: it holds no {ADAPTER_CONFIG}. Give the folder that "
                "`levelhead honesty tune --out` or peft wrote, as hf:BASE+FOLDER."
            )
        adapters.insert(0, Path(name[found[0] + 1 :]))
        name = name[: found[0]]
    return name, tuple(adapters)
