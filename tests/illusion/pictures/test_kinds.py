"""Kinds by name, and the prompts that some of them ask with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from levelhead.errors import UsageError
from levelhead.illusion import KINDS, KindSettings, Prompts, load_questions, make_kinds, read_prompts


def test_kinds_come_in_the_order_of_their_names_and_each_once() -> None:
    made = make_kinds(["pictogram", "typographic", "pictogram", "typographic-scene"])
    assert [kind.name for kind in made] == ["pictogram", "typographic", "typographic-scene"]


def test_an_unknown_name_or_none_is_refused_with_the_known_ones() -> None:
    for names in (["oil"], []):
        with pytest.raises(UsageError, match="Known are: " + ", ".join(KINDS)):
            make_kinds(names)


@pytest.mark.parametrize(
    ("name", "option"), [("diffusion", "--checkpoint"), ("api", "--server"), ("folder", "--photos")]
)
def test_a_kind_that_lacks_something_names_the_option(name: str, option: str) -> None:
    with pytest.raises(UsageError, match=option):
        make_kinds([name], KindSettings())


def test_every_category_of_the_bank_has_a_prompt_of_its_own_that_names_the_answer() -> None:
    prompts = Prompts()
    assert {question.category for question in load_questions()} <= set(prompts.by_category)
    assert all("zebra" in prompts.prompt("zebra", category) for category in prompts.by_category)
    assert prompts.prompt("zebra", "drugs") == prompts.default.format(answer="zebra")


def test_prompts_of_a_file_replace_those_they_name(tmp_path: Path) -> None:
    file = tmp_path / "prompts.json"
    file.write_text(json.dumps({"animal": "a drawing of {answer}"}))
    prompts = read_prompts(file)
    assert prompts.prompt("lion", "animal") == "a drawing of lion"
    assert prompts.prompt("Rome", "city") == Prompts().prompt("Rome", "city")
    file.write_text(json.dumps({"default": "just {answer}"}))
    assert read_prompts(file).prompt("Rome", "city") == "just Rome"


@pytest.mark.parametrize(
    "text", ["[]", '{"animal": 3}', "no json", '{"animal": "a lion"}', '{"a": "{answer} {b}"}']
)
def test_wrong_prompts_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prompts.json"
    file.write_text(text)
    with pytest.raises(UsageError):
        read_prompts(file)
