"""From a detoxifier's name to the detoxifier: the one place that knows the spelling of names.

template                 a plain refusal; needs nothing
local                    the adapter that came with this package, on the embedded model
local:MODEL              a local model: embedded, hf:FOLDER_OR_ID, embedded+ADAPTER, hf:BASE+ADAPTER
remote:MODEL@URL         any OpenAI-compatible model; the key comes from OPENAI_API_KEY
"""

from __future__ import annotations

import json
from pathlib import Path

from levelhead.errors import UsageError
from levelhead.guard.detoxifier._detoxifier import Detoxifier
from levelhead.guard.detoxifier._generative import NEW_TOKENS, GenerativeDetoxifier
from levelhead.guard.detoxifier._prompts import STYLES, RewritingStyle
from levelhead.guard.detoxifier._template import REFUSAL, TemplateDetoxifier
from levelhead.models import Model

SHIPPED_ADAPTER = Path(__file__).parents[1] / "detoxifier_adapter"
"""Where the adapter lies that comes with the package. It stands on the embedded model."""

_KNOWN = "template, local, local:MODEL, local:BASE+ADAPTER, remote:MODEL@URL"


def load_detoxifier(
    name: str,
    *,
    refusal: str = REFUSAL,
    style: RewritingStyle | None = None,
    max_new_tokens: int = NEW_TOKENS,
    seed: int = 0,
    threads: int | None = None,
    concurrency: int = 16,
) -> Detoxifier:
    """Load a detoxifier by its name.

    Args:
        name: See the head of this module.
        refusal: What `template` writes.
        style: Wording of the prompt; None takes what an adapter was trained in, else `levelhead`.
        max_new_tokens: Room for a rewriting, in tokens.
        seed: Of the sampling of further attempts.
        threads: Local models: threads of torch; None leaves torch's own choice.
        concurrency: Servers: requests under way at once.

    Raises:
        UsageError: If the name is of no known form, or something that it names is not there.
        MissingExtraError: If the needed extra is not installed.
        ModelError: If weights are damaged or a server does not answer.
    """
    kind, _, rest = name.partition(":")
    match kind:
        case "template" if name == kind:
            return TemplateDetoxifier(refusal)
        case "local" if name == kind:
            located = _shipped()
        case "local" if rest.startswith("openai:"):
            raise UsageError(f"{name!r} is a server: write remote:{rest.removeprefix('openai:')}")
        case "local" if rest:
            located = rest
        case "remote" if rest:
            located = f"openai:{rest}"
        case _:
            raise UsageError(f"There is no detoxifier {name!r}. Give one of: {_KNOWN}.")
    from levelhead.models import load_model

    model = load_model(located, threads=threads, concurrency=concurrency)
    return GenerativeDetoxifier(
        model, name=name, style=style or _trained_style(model), max_new_tokens=max_new_tokens, seed=seed
    )


def _shipped() -> str:
    if not SHIPPED_ADAPTER.is_dir():
        raise UsageError(
            "This build of levelhead has no detoxifier in it. Give an adapter that training wrote, as "
            "local:embedded+FOLDER, or another detoxifier: " + _KNOWN
        )
    return f"embedded+{SHIPPED_ADAPTER}"


def _trained_style(model: Model) -> RewritingStyle:
    """The style in the `tuning.json` beside the weights, if they were trained to rewrite; else ours."""
    path = model.details.get("tuning")
    if not isinstance(path, str):
        return "levelhead"
    try:
        facts = json.loads(Path(path).read_text(encoding="ascii"))["facts"]
        found = facts["rewriting"]["style"] if "rewriting" in facts else "levelhead"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} cannot be read ({error!r}). Copy the folder of the adapter again."
        ) from error
    if found not in STYLES:
        raise UsageError(
            f"{path} names the rewriting style {found!r}, which this release does not know. Use the release "
            "that the adapter was trained with."
        )
    style: RewritingStyle = found
    return style
