"""Our detector as a custom action of NeMo Guardrails. Runs in its environment."""

from __future__ import annotations

import os
from typing import Any

from nemoguardrails.actions import action
from nemoguardrails.actions.rail_outcome import RailOutcome

from levelhead.guard import Pair, load_detector

_DETECTOR = load_detector(os.environ["BENCHMARK_DETECTOR"])


@action(name="detector_check")  # type: ignore[untyped-decorator]  # installed in its environment only
async def detector_check(text: str, **given: Any) -> RailOutcome:
    """Block what counts as harmful; what was not inspected is blocked as well, as in our gateway.

    Streams hand an action more than it asks for.
    """
    harmless = _DETECTOR.flags(_DETECTOR.judge([Pair("text", text)])[0]) is False
    return RailOutcome.allow() if harmless else RailOutcome.block()
