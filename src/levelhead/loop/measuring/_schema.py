"""The JSON Schema of `summary.json`, made from the names; `summary.schema.json` beside it holds the same."""

from __future__ import annotations

from typing import Any

from levelhead.loop.measuring._names import NUMBERS, MeasuredNumber, Scale
from levelhead.loop.measuring._settings import SIZES, SUITES, Suite

_RANGES: dict[Scale, tuple[float, float] | None] = {"share": (0, 1), "difference": (-1, 1), "nats": None}


def summary_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of what `levelhead measure` writes to `summary.json`.

    A summary may hold more than the schema names: tables by category, and `details`, which change freely.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Summary of levelhead measure",
        "type": "object",
        "required": ["schema", "levelhead", "model", "size", "suites", "verdicts"],
        "properties": {
            "schema": {"const": 1, "description": "Version of this form."},
            "levelhead": {"type": "string", "description": "Version of Levelhead that wrote it."},
            "model": {"type": "string"},
            "size": {"enum": list(SIZES)},
            "suites": {"type": "array", "items": {"enum": list(SUITES)}, "minItems": 1, "uniqueItems": True},
            **{suite: _part(suite) for suite in SUITES},
            "verdicts": {"type": "object", "additionalProperties": {"$ref": "#/$defs/verdict"}},
            "details": {"type": "object"},
        },
        "allOf": [_required_if_measured(suite) for suite in SUITES],
        "$defs": {
            **{scale: _estimate(bounds) for scale, bounds in _RANGES.items()},
            "verdict": {
                "type": "object",
                "required": ["question", "verdict", "grade", "sentence", "note"],
                "properties": {
                    "question": {"type": "string"},
                    "verdict": {"type": "string"},
                    "grade": {"enum": ["good", "mixed", "bad", "open"]},
                    "sentence": {"type": "string"},
                    "note": {"type": "string"},
                },
            },
        },
    }


def _part(suite: Suite) -> dict[str, Any]:
    numbers = [one for one in NUMBERS.values() if one.suite == suite]
    return {
        "type": "object",
        "required": [one.key for one in numbers],
        "properties": {one.key: _reference(one) for one in numbers},
    }


def _reference(number: MeasuredNumber) -> dict[str, str]:
    return {"$ref": f"#/$defs/{number.scale}", "description": number.meaning}


def _required_if_measured(suite: Suite) -> dict[str, Any]:
    return {
        "if": {"properties": {"suites": {"contains": {"const": suite}}}},
        "then": {"required": [suite]},
    }


def _estimate(bounds: tuple[float, float] | None) -> dict[str, Any]:
    limits = {} if bounds is None else {"minimum": bounds[0], "maximum": bounds[1]}
    number = {"type": ["number", "null"], **limits}
    return {
        "type": "object",
        "required": ["value", "low", "high", "n"],
        "properties": {
            "value": {**number, "description": "Null where the answers do not tell it."},
            "low": {**number, "description": "Lower end of the 95% interval."},
            "high": {**number, "description": "Upper end of the 95% interval."},
            "n": {"type": "integer", "minimum": 0, "description": "How many observations it rests on."},
        },
        "additionalProperties": False,
    }
