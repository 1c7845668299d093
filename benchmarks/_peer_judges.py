"""Answers judged by one peer, in the peer's own environment: for gateway_quality.py.

    python _peer_judges.py PEER < answers.json

The answers are a list of texts; the last line of the output is an object with a flag for each of them. This
file imports nothing of ours, and of the peers only the one that is asked for.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

Judge = Callable[[str], bool]
"""Whether a text is stopped."""

LITELLM_CATEGORIES = ("harmful_", "bias_", "denied_")
"""Beginnings of the names of its files about harm; others are about topics such as a company's rivals."""
NEMO_CONFIG = """
models: []
rails:
  config:
    injection_detection: {injections: [code, sqli, template, xss], action: reject}
  output: {flows: [injection detection]}
"""


def litellm() -> tuple[str, Judge]:
    """Its content filter with the categories that it ships, at the threshold of each file."""
    from litellm.proxy.guardrails.guardrail_hooks.litellm_content_filter.content_filter import (
        ContentFilterGuardrail,
    )
    from litellm.proxy.guardrails.guardrail_hooks.litellm_content_filter.patterns import (
        get_available_content_categories,
    )

    found = sorted(one["name"] for one in get_available_content_categories())
    names = [name for name in found if name.startswith(LITELLM_CATEGORIES)]
    categories: Any = [{"category": name, "enabled": True, "action": "BLOCK"} for name in names]
    guard = ContentFilterGuardrail(guardrail_name="filter", categories=categories)
    if set(names) - set(guard.loaded_categories):
        raise RuntimeError("LiteLLM did not load its categories.")
    return version("litellm"), lambda text: asyncio.run(_filtered(guard, text))


async def _filtered(guard: Any, text: str) -> bool:
    from fastapi import HTTPException

    try:
        await guard.apply_guardrail(inputs={"texts": [text]}, request_data={}, input_type="response")
    except HTTPException:
        return True
    return False


def llm_guard() -> tuple[str, Judge]:
    """Its substrings: the one list of harm that it ships without a model."""
    from llm_guard.input_scanners.ban_substrings import PROMPT_STOP_SUBSTRINGS
    from llm_guard.output_scanners import BanSubstrings

    scanner = BanSubstrings(PROMPT_STOP_SUBSTRINGS)
    return version("llm-guard"), lambda text: not scanner.scan("", text)[1]


def nemo() -> tuple[str, Judge]:
    """Its injection detection, the one output rail with rules of its own that asks no model."""
    from importlib import import_module

    from nemoguardrails import LLMRails, RailsConfig

    import_module("yara")  # without it the rail stops everything
    rails = LLMRails(RailsConfig.from_content(yaml_content=NEMO_CONFIG))

    def stopped(text: str) -> bool:
        said = [{"role": "user", "content": "-"}, {"role": "assistant", "content": text}]
        found = rails.generate(messages=said, options={"rails": ["output"], "log": {"activated_rails": True}})
        return any(rail.stop for rail in found.log.activated_rails)

    return version("nemoguardrails"), stopped


def main() -> None:
    answers = json.load(sys.stdin)
    release, judge = {"litellm": litellm, "llm-guard": llm_guard, "nemo": nemo}[sys.argv[1]]()
    began = time.monotonic()
    flags = [judge(text) for text in answers]
    seconds = time.monotonic() - began
    print()
    print(json.dumps({"flags": flags, "seconds": seconds, "version": release}), end="")


if __name__ == "__main__":
    main()
