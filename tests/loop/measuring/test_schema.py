"""The form of `summary.json`: what is promised, and that measurements keep the promise."""

from __future__ import annotations

import json
from copy import deepcopy
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from levelhead.loop import NUMBERS, SUITES, Suite, summary_schema
from tests.loop.measuring.scripted import measured


def errors(summary: dict[str, Any]) -> list[str]:
    """What an independent validator finds wrong, by the schema that travels in the package."""
    schema = json.loads((files("levelhead.loop.measuring") / "summary.schema.json").read_text())
    validator = import_module("jsonschema").Draft202012Validator(schema)
    return [error.message for error in validator.iter_errors(summary)]


def test_the_schema_in_the_package_is_the_one_that_the_names_make() -> None:
    text = (files("levelhead.loop.measuring") / "summary.schema.json").read_text(encoding="utf-8")
    assert json.loads(text) == summary_schema(), "write summary_schema() into summary.schema.json again"


@pytest.mark.parametrize("suites", [SUITES, ("illusion",), ("honesty", "harm")], ids=str)
def test_a_measurement_keeps_to_the_schema(suites: tuple[Suite, ...], tmp_path: Path) -> None:
    summary = measured(tmp_path, suites=suites)
    assert errors(json.loads((tmp_path / "summary.json").read_text())) == []
    for one in NUMBERS.values():
        if one.suite in suites:
            assert summary[one.suite][one.key].keys() == {"value", "low", "high", "n"}, one.name


def test_the_schema_refuses_what_is_missing_or_out_of_range(tmp_path: Path) -> None:
    summary = measured(tmp_path, suites=("harm",))
    without = deepcopy(summary)
    del without["harm"]["over_refusal"]
    assert errors(without)
    beyond = deepcopy(summary)
    beyond["harm"]["over_refusal"]["value"] = 1.2
    assert errors(beyond)
    promised = {**summary, "suites": ["illusion", "harm"]}
    assert errors(promised)
