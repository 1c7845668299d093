"""Our runner and Inspect on the same set: one scripted model, identical verdicts and identical numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")
from inspect_ai import eval as run_inspect
from inspect_ai.log import EvalLog
from inspect_ai.model import get_model

from levelhead import models
from levelhead.illusion import VARIANTS, Mode, run
from levelhead.inspect import illusion
from levelhead.records import Prompt, Reply
from tests.fakes import FakeModel
from tests.illusion.sets import CAPITAL, build_set

NUMBERS = (
    "acc_none",
    "acc_blank",
    "acc_factual",
    "acc_spurious",
    "acc_drop",
    "harm_gap",
    "help_gap",
    "flip_rate",
    "adoption_rate",
    "refused",
    "empty",
    "failed",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_set(tmp_path_factory.mktemp("set"))


def scripted(data: Path) -> FakeModel:
    """Knows the capital; is fooled by some pictures, refuses one, says nothing to one, fails at one."""
    rows = map(json.loads, (data / "metadata.jsonl").read_text().splitlines())
    shown = {row["sha256"]: row["pictured"] for row in rows}

    def answer(prompt: Prompt) -> str | Reply:
        seen = shown[prompt.images[0].sha256()] if prompt.images else ""
        special: dict[str, str | Reply] = {
            "Berlin": "The picture says Berlin, but it is Paris.",
            "Rome": "I do not know.",
            "Madrid": "",
            "plum": Reply.failed("The server was tired."),
            "Oslo": "Comparisons aside, Oslo.",
        }
        if seen in special:
            return special[seen]
        known = "Paris" if CAPITAL.question in prompt.turns[-1].text else "a banana"
        return f"It is {seen or known}."

    return FakeModel(answer)


def through_inspect(
    data: Path, logs: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> tuple[EvalLog, FakeModel]:
    model = scripted(data)
    monkeypatch.setattr(models, "load_model", lambda name, **how: model)
    [log] = run_inspect(
        illusion(str(data), **settings),
        model=get_model("levelhead/scripted", memoize=False),
        log_dir=str(logs),
        display="none",
        log_images=False,
    )
    assert log.status == "success", log.error
    return log, model


def metrics_of(log: EvalLog) -> dict[str, float]:
    assert log.results is not None
    return {name: metric.value for name, metric in log.results.scores[0].metrics.items()}


def same(number: float, expected: float | None) -> bool:
    return number != number if expected is None else number == expected


@pytest.mark.parametrize(
    ("mode", "variant"), [("corrected", "paper"), ("paper", "short"), ("corrected", "caption-first")]
)
def test_inspect_gives_the_numbers_of_our_runner(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode, variant: str
) -> None:
    assert variant in VARIANTS
    ours = run(scripted(data), data, tmp_path / "ours", mode=mode, variant=variant, with_shift=False)[
        "illusion"
    ]
    log, _ = through_inspect(data, tmp_path / "logs", monkeypatch, mode=mode, variant=variant)
    found = metrics_of(log)
    for name in NUMBERS:
        for suffix, key in (("", "value"), ("_low", "low"), ("_high", "high"), ("_n", "n")):
            assert same(found[name + suffix], ours[name][key]), f"{name}{suffix}"


def test_every_sample_gets_the_verdict_of_our_row(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(scripted(data), data, tmp_path / "ours", with_shift=False)
    rows = map(json.loads, (tmp_path / "ours" / "rows.jsonl").read_text().splitlines())
    ours = {row["id"]: (row["verdict"], row["paper_correct"], row["reply"]) for row in rows}
    log, _ = through_inspect(data, tmp_path / "logs", monkeypatch)
    theirs = {}
    for sample in log.samples or []:
        score = (sample.scores or {})["illusion_verdict"]
        assert score.metadata is not None
        theirs[sample.id] = (score.metadata["verdict"], score.metadata["paper_correct"], score.answer)
    assert theirs == ours
    assert {verdict for verdict, _, _ in ours.values()} == {
        "correct", "pictured", "other", "refused", "empty", "failed",
    }  # fmt: skip


def test_the_model_is_asked_the_same_prompts_with_the_same_pictures(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key(model: FakeModel) -> list[str]:
        return sorted(json.dumps(prompt.to_json()) for prompt in model.asked)

    for variant in VARIANTS:
        direct = scripted(data)
        run(direct, data, tmp_path / variant, variant=variant, with_shift=False)
        _, through = through_inspect(data, tmp_path / "logs", monkeypatch, variant=variant)
        # Our runner asks a prompt once, however often it occurs.
        assert sorted(set(key(through))) == key(direct), variant


def test_only_the_first_questions_are_asked_if_so_wished(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _ = through_inspect(data, tmp_path / "logs", monkeypatch, questions=1)
    assert len(log.samples or []) == 8
