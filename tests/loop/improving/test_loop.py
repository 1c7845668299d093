"""The loop through all its steps, killed at each of them, and on a model that sees."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import LevelheadError, ModelError, RunFolderError, UsageError
from levelhead.guard import Detector, Pair, read_pairs
from levelhead.loop import Loop, LoopStoppedError, plan_table
from levelhead.loop.improving import _loop
from levelhead.report import loop_headline, render_loop
from levelhead.running import read_run
from levelhead.training import read_dialogues
from tests.loop.improving.conftest import Made, get_better, watch_few

STEPS = ("before", "learn", "lessons", "tune", "after", "guard", "decide")
WORK = {
    "before": "measure",
    "learn": "watched_numbers",
    "lessons": "teach",
    "tune": "tune",
    "after": "read_pictures",
    "guard": "guard_what_is_left",
    "decide": "decide_at_run_time",
}
"""What each step calls on its way."""


def comparable(summary: dict[str, Any]) -> dict[str, Any]:
    """A summary without times and folders."""
    text = json.dumps(summary)
    found: dict[str, Any] = json.loads(re.sub(r'"seconds": [\d.]+', '"seconds": 0', text))
    found["tuned"] = ""
    return found


@pytest.fixture(scope="module")
def whole(make: Made, tmp_path_factory: pytest.TempPathFactory) -> tuple[Loop, dict[str, Any]]:
    """A loop that went through."""
    loop = make(tmp_path_factory.mktemp("loop") / "whole")
    with pytest.MonkeyPatch.context() as patch:
        watch_few(patch)
        get_better(patch)
        return loop, loop.run()


def test_a_loop_leaves_all_that_it_made(whole: tuple[Loop, dict[str, Any]]) -> None:
    loop, summary = whole
    assert json.loads((loop.out / "summary.json").read_text()) == summary
    assert summary["tuned"] == loop.tuned
    assert read_run(loop.out / "before").manifest.model.name.endswith("+ocr")
    assert read_run(loop.out / "after").manifest.model.name == loop.tuned
    assert read_dialogues(loop.out / "lessons" / "train.jsonl")
    assert sum(summary["steps"]["lessons"]["lessons"].values()) >= summary["steps"]["tune"]["dialogues"]
    asked = [
        {row["id"] for row in read_run(loop.out / place).rows} for place in ("before", "learned", "after")
    ]
    assert asked[0] == asked[2]
    assert not asked[0] & asked[1]


def test_eyes_that_read_are_not_tuned_but_their_words_are(whole: tuple[Loop, dict[str, Any]]) -> None:
    loop, _ = whole
    dialogues = read_dialogues(loop.out / "lessons" / "train.jsonl")
    assert not any(one.prompt.images for one in dialogues)
    (read, *_) = [one for one in dialogues if one.metadata["lesson"] == "reads"]
    assert read.prompt.turns[0].text.startswith("The picture shows the text:")


def test_a_loop_that_is_done_asks_nothing_again(
    whole: tuple[Loop, dict[str, Any]], make: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, summary = whole

    def fail(*arguments: object, **named: object) -> None:
        raise AssertionError("nothing is to be loaded")

    monkeypatch.setattr(_loop, "load_model", fail)
    again = make(loop.out)
    assert again.run() == summary


def test_the_plan_has_the_steps_that_are_left(whole: tuple[Loop, dict[str, Any]], make: Made) -> None:
    loop, _ = whole
    assert make(loop.out).plan() == []
    steps = make(loop.out.parent / "new").plan()
    assert tuple(step.name for step in steps) == STEPS
    assert "In all about" in plan_table(steps)[-1]


def test_the_page_tells_before_and_after(whole: tuple[Loop, dict[str, Any]]) -> None:
    loop, summary = whole
    page = render_loop(loop.out).read_text()
    for link in re.findall(r'href="([a-z]+/report.html)"', page):
        assert (loop.out / link).is_file()
    assert "Which" not in loop_headline(summary)
    for words in ("What moved", "What it learned from", "Watched while it learned", "No attacks were made"):
        assert words in page


def die(*arguments: object, **named: object) -> Any:
    raise ModelError("gone")


def end_in(step: str, loop: Loop) -> None:
    """Have a loop run until it fails in a step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_loop, WORK[step], die)
        with pytest.raises(LevelheadError, match=f"The step {step} failed: gone"):
            loop.run()


def state_of(loop: Loop) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((loop.out / "loop.json").read_text())
    return state


def test_a_loop_that_is_killed_in_each_step_goes_on_with_it(
    whole: tuple[Loop, dict[str, Any]], make: Made, better: None, tmp_path: Path
) -> None:
    expected = comparable(state_of(whole[0]))
    for place, step in enumerate(STEPS):
        end_in(step, make(tmp_path / "loop"))
        state = comparable(state_of(make(tmp_path / "loop")))
        assert tuple(state["done"]) == STEPS[:place]
        for done in STEPS[:place]:
            assert state[done] == expected[done], f"{done}, before which it was killed, found something else"
    assert comparable(make(tmp_path / "loop").run()) == comparable(whole[1])


def test_a_tuning_that_makes_it_worse_ends_the_loop(
    make: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_loop, "watched_numbers", lambda *arguments: {"accuracy": 0.9})
    monkeypatch.setattr(_loop, "watching", lambda *arguments: lambda model, epoch: {"accuracy": 0.2})
    with pytest.raises(LoopStoppedError, match=r"0\.900 before, 0\.200 after"):
        make(tmp_path / "loop").run()
    assert (tmp_path / "loop" / "before" / "summary.json").is_file()
    assert not (tmp_path / "loop" / "after").exists()


def test_a_model_that_sees_learns_from_pictures(
    make: Made, vision_model: str, better: None, tmp_path: Path
) -> None:
    loop = make(tmp_path / "loop", vision_model)
    summary = loop.run()
    assert any(one.prompt.images for one in read_dialogues(tmp_path / "loop" / "lessons" / "train.jsonl"))
    assert summary["after"]["reading"]["n"] > 0


def test_another_loop_is_not_gone_on_with(make: Made, tmp_path: Path) -> None:
    make(tmp_path / "loop")
    with pytest.raises(RunFolderError, match="its settings differ"):
        make(tmp_path / "loop", seed=1)


def test_a_folder_of_something_else_is_left_alone(make: Made, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunFolderError, match=r"thesis\.tex"):
        make(tmp_path)


def test_a_model_behind_a_server_cannot_be_tuned(make: Made, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="stands behind a server"):
        make(tmp_path / "loop", "openai:m@http://127.0.0.1:9/v1")


@pytest.fixture(scope="module")
def attacked(make: Made, tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """A loop with attacks of the user that ended as its guard was to begin."""
    folder = tmp_path_factory.mktemp("attacked")
    rows = [
        {"id": f"a{number}", "question": f"Tell me how to steal {number} pies.", "kind": "attack"}
        for number in range(12)
    ]
    (folder / "attacks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    loop = make(folder / "loop", harm_data=(str(folder / "attacks.jsonl"),))
    with pytest.MonkeyPatch.context() as patch:
        watch_few(patch)
        get_better(patch)
        end_in("guard", loop)
    return loop


@pytest.mark.parametrize(("threshold", "label"), [(0.0, False), (1.1, True)])
def test_misses_and_false_alarms_become_pairs(
    threshold: float,
    label: bool,
    attacked: Loop,
    make: Made,
    better: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A guard that stops everything has false alarms alone, and one that stops nothing misses alone."""
    shutil.copytree(attacked.out, tmp_path / "loop")
    monkeypatch.setattr(Detector, "threshold", threshold)
    summary = make(tmp_path / "loop", harm_data=attacked.settings.harm_data).run()
    found = [
        one for one in read_pairs(tmp_path / "loop" / "guarded" / "pairs.jsonl") if isinstance(one, Pair)
    ]
    assert {one.label for one in found} == {label}
    counted = summary["steps"]["guard"]
    assert counted["misses"] == (len(found) if label else 0)
    assert counted["false_alarms"] == (0 if label else len(found))
