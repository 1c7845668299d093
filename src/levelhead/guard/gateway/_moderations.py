"""Our detector in the protocol of /v1/moderations: texts in, scores by kind of harm out.

The kinds are those of the detector, beside `harm`, which stands for all of them. A text that could not be
judged is an error of the whole request: «not flagged» would be a verdict.
"""

from __future__ import annotations

from typing import Any

from levelhead.guard._pair import Pair
from levelhead.guard.detector._judgement import Judgement
from levelhead.guard.gateway._batcher import Failure, QueueFullError
from levelhead.guard.gateway._config import LimitSettings
from levelhead.guard.gateway._judges import Judges
from levelhead.guard.gateway._message_parts import bad
from levelhead.guard.gateway._request_error import RequestError, busy
from levelhead.guard.gateway._requests import read_json
from levelhead.guard.gateway._strict_json import JSONObject

MAX_INPUTS = 1_000


async def moderate(
    raw: bytes, judges: Judges, limits: LimitSettings, *, detector: str, request_id: str
) -> JSONObject:
    """Judge the texts of one request.

    Args:
        raw: The body: `input` is a text, a list of texts, or a list of parts of the type text, which are one
            text together.
        judges: Who judges.
        limits: What a request may be.
        detector: Name of the detector.
        request_id: Of the request.

    Raises:
        RequestError: If the request is malformed, too much is waiting, or a text could not be judged.
    """
    texts = _texts(read_json(raw, limits).get("input"))
    if sum(len(text) for text in texts) > limits.max_text_characters:
        raise bad("input", f"the texts have more than {limits.max_text_characters:,} characters")
    try:
        found = await judges.judge([Pair(str(number), text) for number, text in enumerate(texts)])
    except QueueFullError as error:
        raise busy("Too many texts wait to be judged.") from error
    return {
        "id": f"modr-{request_id}",
        "model": f"levelhead:{detector}",
        "results": [_result(one, judges.threshold) for one in found],
    }


def _texts(given: Any) -> list[str]:
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_INPUTS:
        raise bad("input", f"it must be a text, or a list of 1 to {MAX_INPUTS:,} of them")
    if all(isinstance(one, str) for one in given):
        return given
    for number, one in enumerate(given):
        if not isinstance(one, dict) or one.get("type") != "text" or not isinstance(one.get("text"), str):
            raise bad(f"input[{number}]", "only texts, and parts of the type text, are judged here")
    return ["\n".join(one["text"] for one in given)]


def _result(found: Judgement | Failure, threshold: float) -> JSONObject:
    if isinstance(found, Failure) or found.p_harm is None:
        raise RequestError(
            503,
            "not_inspected",
            "A text could not be judged, so there is no verdict.",
            type="server_error",
            detail=found.reason or "",
        )
    flagged = found.p_harm >= threshold
    kinds = ["harm", *([found.category] if found.category else [])]
    return {
        "flagged": flagged,
        "categories": dict.fromkeys(kinds, flagged),
        "category_scores": dict.fromkeys(kinds, found.p_harm),
        "category_applied_input_types": {kind: ["text"] for kind in kinds},
    }
