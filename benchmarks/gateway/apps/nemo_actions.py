"""Our detector as a custom action of NeMo Guardrails. Runs in its environment."""

from __future__ import annotations

import os

from nemoguardrails.actions import action

from levelhead.guard import Pair, load_detector

_DETECTOR = load_detector(os.environ["BENCHMARK_DETECTOR"])


@action(name="detector_check")  # type: ignore[untyped-decorator]  # installed in its environment only
async def detector_check(text: str) -> bool:
    """Whether a text counts as harmful; one that was not inspected does, as in our gateway."""
    return _DETECTOR.flags(_DETECTOR.judge([Pair("text", text)])[0]) is not False
