"""What a client is told beside the answer: the field `levelhead`, and headers.

An answer that goes out as it is goes out byte for byte; the field is written into its last brace.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from levelhead.guard.gateway._choice import ChoiceOutcome
from levelhead.guard.gateway._config import ReplySettings
from levelhead.guard.gateway._decision import Decision
from levelhead.guard.gateway._strict_json import JSONObject

FIELD = "levelhead"


class Extension:
    """Tells what was decided about one request.

    Args:
        settings: What clients are told.
        request_id: Of the request.
        input_decisions: About the request.
    """

    def __init__(self, settings: ReplySettings, request_id: str, input_decisions: Sequence[Decision]) -> None:
        self._settings, self._request_id = settings, request_id
        self._input = max(input_decisions, key=lambda one: one.severity, default=None)

    def headers(self, outcomes: Sequence[ChoiceOutcome] = ()) -> dict[str, str]:
        """The headers of an answer; of a stream, whose end is not known yet, without outcomes."""
        if not self._settings.headers:
            return {}
        told = {"x-levelhead-request-id": self._request_id}
        if self._input is not None:
            told["x-levelhead-input"] = self._input.action
        if outcomes:
            strictest = max((one.decision for one in outcomes), key=lambda one: one.severity)
            told["x-levelhead-output"] = strictest.action
        return told

    def field(self, outcomes: Sequence[ChoiceOutcome] = ()) -> JSONObject:
        """The value of the field."""
        told: JSONObject = {"request_id": self._request_id}
        if self._input is not None:
            told["input"] = self._summary(self._input)
        if outcomes:
            told["output"] = [
                {"index": one.index, **self._summary(one.decision), **_sureness(one)} for one in outcomes
            ]
        return told

    def put(self, fields: JSONObject, outcomes: Sequence[ChoiceOutcome] = ()) -> JSONObject:
        """The answer with the field."""
        if not self._settings.extension:
            return {key: value for key, value in fields.items() if key != FIELD}
        return {**fields, FIELD: self.field(outcomes)}

    def encoded(self, fields: JSONObject, outcomes: Sequence[ChoiceOutcome] = ()) -> bytes:
        """The answer with the field, as it is sent."""
        return json.dumps(self.put(fields, outcomes), ensure_ascii=False).encode("utf-8")

    def splice(self, raw: str, fields: JSONObject, outcomes: Sequence[ChoiceOutcome]) -> str:
        """The answer as it came, with the field written in front of its last brace.

        Args:
            raw: A JSON object that is not empty.
            fields: The same, parsed. A field of this name that the upstream sent is replaced.
            outcomes: What was decided.
        """
        if FIELD in fields:
            return json.dumps(self.put(fields, outcomes), ensure_ascii=False)
        if not self._settings.extension:
            return raw
        told = json.dumps(self.field(outcomes))
        return f'{raw.rstrip()[:-1]},"{FIELD}":{told}}}'

    def _summary(self, decision: Decision) -> JSONObject:
        told: JSONObject = {
            "action": decision.action,
            "inspected": decision.inspected,
            "category": decision.category,
            "reason": decision.reason,
            "place": decision.place,
            "attempts": decision.attempts,
        }
        if self._settings.scores:
            told["p_harm"] = decision.p_harm
        else:
            # The reason of a failed rewriting holds a score as well.
            told["reason"] = None if decision.inspected else decision.reason
        return told


def _sureness(outcome: ChoiceOutcome) -> JSONObject:
    found = outcome.sureness
    if found is None:
        return {}
    told: JSONObject = {"p_sure": found.p_sure, "action": found.action, "reason": found.reason}
    if found.p_right is not None:
        told |= {"p_right": found.p_right, "same_without_picture": found.kept}
    return {"honesty": told}
