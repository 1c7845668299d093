"""The guards that are compared: how each is set up and started at each tier. One module for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.peers import levelhead, litellm, llm_guard, nemo
from gateway.peers._launch import Launch, Setting, Skipped, Tier

LAUNCHES: Mapping[str, Callable[[Setting], Launch | Skipped]] = {
    "levelhead": levelhead.launch,
    "nemo-iorails": nemo.launch_iorails,
    "nemo-default": nemo.launch_default,
    "litellm": litellm.launch,
    "llm-guard": llm_guard.launch,
    "levelhead+ocr": levelhead.launch_reading,
}
TIERS: Mapping[Tier, str] = {
    "T0": "no rails: what the gateway alone costs",
    "T1": "the same regular expressions in questions and answers",
    "T2": "the same detector (lexical and encoder) in questions and answers",
    "T3": "questions with a picture",
}

__all__ = ["LAUNCHES", "TIERS", "Launch", "Setting", "Skipped", "Tier"]
