"""levelhead models: which models can be asked, and whether batching changes their answers."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from levelhead.cli import _options as options
from levelhead.cli._app import new_app

app = new_app(
    help="See which models can be asked, and check one.",
    no_args_is_help=True,
)

_FORMS = (
    (
        "embedded",
        "SmolLM2-135M-Instruct, weights in a package; no download",
        ("torch", "transformers", "gguf"),
    ),
    (
        "embedded-vision",
        "the same with small eyes, which read words and name things",
        ("torch", "transformers", "gguf"),
    ),
    ("hf:FOLDER or hf:OWNER/NAME", "a transformers checkpoint, text or vision", ("torch", "transformers")),
    ("hf:BASE+ADAPTER", "with a low-rank adapter; BASE may be embedded", ("torch", "transformers")),
    ("openai:MODEL@http://HOST/v1", "any OpenAI-compatible server; key in OPENAI_API_KEY", ("openai",)),
    ("NAME+ocr", "eyes that read text, for a text-only model", ("rapidocr", "onnxruntime")),
    ("NAME+contrast=ALPHA,BETA", "a local one that sees, against a blank picture", ("torch", "transformers")),
)


@app.command("list")
def list_models() -> None:
    """List the forms of model names, and what is missing for each."""
    for form, meaning, modules in _FORMS:
        missing = [module for module in modules if find_spec(module) is None]
        state = f"missing: {', '.join(missing)}" if missing else "ready"
        typer.echo(f"{form:30} {meaning:58} {state}")


@app.command()
def check(
    model: options.ModelName,
    questions: Annotated[int, typer.Option(min=2, help="How many questions are asked both ways.")] = 39,
    dtype: options.DType = options.DTypeName.AUTO,
    threads: options.Threads = None,
) -> None:
    """Ask questions in batches and one at a time, and count the answers that batching changes."""
    from levelhead.illusion import load_questions, select
    from levelhead.metrics import proportion
    from levelhead.models import Sampling, load_model
    from levelhead.records import Prompt

    prompts = [Prompt.ask(question.question) for question in select(load_questions(), questions)]
    sampling = Sampling(max_new_tokens=32)
    with load_model(model, dtype=dtype.value, threads=threads) as batched:
        together = batched.generate(prompts, sampling)
    with load_model(model, exact=True, threads=threads) as exact:
        alone = exact.generate(prompts, sampling)
    flips = [a.text != b.text for a, b in zip(together, alone, strict=True)]
    typer.echo(f"Answers that batching changes, against exact mode: {proportion(flips)}")
