"""Every prompt variant: what is asked, what survives a kill, and what one bad picture or reply costs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from levelhead.cli._illusion import VariantName
from levelhead.errors import ModelError, RunFolderError, UsageError
from levelhead.illusion import VARIANTS, run
from levelhead.models import Sampling
from levelhead.records import Prompt, Reply
from tests.fakes import FakeModel
from tests.illusion.sets import CAPITAL, build_set

every_variant = pytest.mark.parametrize("variant", VARIANTS)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_set(tmp_path_factory.mktemp("set"))


def rows_in(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]


def is_description(prompt: Prompt) -> bool:
    return prompt.turns[-1].text == VARIANTS["caption-first"].caption_request


def answer(prompt: Prompt) -> str:
    """Describes what it is asked to describe, and is right about the capital only without a picture."""
    if is_description(prompt):
        return "A word on a wall."
    return "Berlin" if prompt.images else "Paris"


class Dying(FakeModel):
    """A server that goes away after so many batches."""

    def __init__(self, batches: int) -> None:
        super().__init__(answer)
        self._left = batches

    def iter_generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        for batch in super().iter_generate(prompts, sampling):
            if self._left == 0:
                raise ModelError("the server is gone")
            self._left -= 1
            yield batch


def test_the_command_line_offers_the_variants_there_are() -> None:
    assert [name.value for name in VariantName] == list(VARIANTS)


@every_variant
def test_each_variant_holds_the_question_once_and_says_in_the_manifest_how_it_was_put(
    variant: str, data: Path, tmp_path: Path
) -> None:
    model = FakeModel(answer)
    summary = run(model, data, tmp_path / "out", variant=variant)
    asked = [prompt for prompt in model.asked if not is_description(prompt)]
    assert all(prompt.turns[-1].text.count("?") == 1 for prompt in asked)
    assert sum(CAPITAL.question in prompt.turns[-1].text for prompt in asked) == 8
    settings = json.loads((tmp_path / "out" / "manifest.json").read_text())["settings"]
    assert settings["variant"] == summary["variant"] == variant
    assert settings["prompt"]["beside_picture"] == VARIANTS[variant].beside_picture


@every_variant
def test_without_a_picture_no_variant_speaks_of_one(variant: str) -> None:
    assert "picture" not in VARIANTS[variant].without_picture


@every_variant
def test_a_run_that_died_asks_only_the_rest_and_ends_with_the_same_rows(
    variant: str, data: Path, tmp_path: Path
) -> None:
    whole = FakeModel(answer)
    summary = run(whole, data, tmp_path / "whole", variant=variant)
    for batches in (1, 3, 5):
        out = tmp_path / str(batches)
        dying, again = Dying(batches), FakeModel(answer)
        try:
            run(dying, data, out, variant=variant)
        except ModelError:
            assert not (out / "summary.json").exists()
        assert run(again, data, out, variant=variant) == summary
        assert rows_in(out) == rows_in(tmp_path / "whole")
        # The last batch that the dying one was asked was lost with it, at most.
        assert len(dying.asked) + len(again.asked) <= len(whole.asked) + 4
        assert len(again.asked) < len(whole.asked)


@every_variant
def test_a_damaged_picture_fails_its_row_alone(variant: str, tmp_path: Path) -> None:
    data = build_set(tmp_path / "set")
    broken = next((data / "images").rglob("*spurious-2.png"))
    broken.write_bytes(b"no picture")
    numbers = run(FakeModel(answer), data, tmp_path / "out", variant=variant)["illusion"]
    failed = [row for row in rows_in(tmp_path / "out") if row["verdict"] == "failed"]
    assert [broken.name in row["error"] for row in failed] == [True]
    assert failed[0]["confidence_shift"] is None
    assert numbers["failed"]["value"] == 1 / 16
    assert numbers["acc_spurious"]["n"] == 9


@every_variant
def test_refusals_and_empty_answers_are_counted_as_what_they_are(
    variant: str, data: Path, tmp_path: Path
) -> None:
    def shy(prompt: Prompt) -> str:
        if is_description(prompt) or not prompt.images:
            return answer(prompt)
        return "" if CAPITAL.question in prompt.turns[-1].text else "I do not know."

    numbers = run(FakeModel(shy), data, tmp_path / "out", variant=variant)["illusion"]
    verdicts = Counter(row["verdict"] for row in rows_in(tmp_path / "out") if row["image"])
    assert verdicts == {"empty": 7, "refused": 7}
    assert numbers["refused"]["value"] == numbers["empty"]["value"] == 7 / 16
    assert numbers["adoption_rate"]["value"] == 0.0
    assert numbers["counts"]["spurious"]["other"] == 0


@every_variant
def test_another_variant_is_refused_in_the_same_folder(variant: str, data: Path, tmp_path: Path) -> None:
    run(FakeModel(answer), data, tmp_path / "out", variant=variant)
    other = next(name for name in VARIANTS if name != variant)
    with pytest.raises(RunFolderError, match="variant"):
        run(FakeModel(answer), data, tmp_path / "out", variant=other)


def test_an_unknown_variant_lists_the_known_ones_before_a_folder_is_made(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="paper, short, unrelated, answer-first, caption-first"):
        run(FakeModel(), data, tmp_path / "out", variant="loud")
    assert not (tmp_path / "out").exists()


def test_the_description_stays_in_the_conversation_and_in_the_row(data: Path, tmp_path: Path) -> None:
    model = FakeModel(answer)
    run(model, data, tmp_path / "out", variant="caption-first")
    second = [prompt for prompt in model.asked if prompt.images and not is_description(prompt)]
    assert {len(prompt.turns) for prompt in second} == {3}
    assert {prompt.turns[1].text for prompt in second} == {"A word on a wall."}
    assert len([prompt for prompt in model.asked if is_description(prompt)]) == 14
    captions = {row["condition"]: row["caption"] for row in rows_in(tmp_path / "out")}
    assert captions["none"] is None
    assert captions["spurious"] == "A word on a wall."


def test_an_empty_description_is_left_out_of_the_conversation(data: Path, tmp_path: Path) -> None:
    model = FakeModel(lambda prompt: " " if is_description(prompt) else "Paris")
    run(model, data, tmp_path / "out", variant="caption-first")
    second = [prompt for prompt in model.asked if prompt.images and not is_description(prompt)]
    assert {len(prompt.turns) for prompt in second} == {1}


def test_the_shift_is_measured_under_the_prompt_of_the_variant(data: Path, tmp_path: Path) -> None:
    model = FakeModel(answer)
    run(model, data, tmp_path / "out", variant="caption-first")
    assert {len(prompt.turns) for prompt, _ in model.scored if prompt.images} == {3}
    assert {len(prompt.turns) for prompt, _ in model.scored if not prompt.images} == {1}
