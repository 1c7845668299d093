"""Tunings on two processes, through `accelerate launch` and the files in `configs/accelerate`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import UsageError
from levelhead.training import TuningSettings, tune
from tests.training.launched import ALL_WEIGHTS, DIALOGUES, SETTINGS, ended_early

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "accelerate"
STEPS = 2 * 4


def launch(kind: str, base: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run what `launched.py` has for a config file, on two processes of processors."""
    command = ["-m", "accelerate.commands.launch", "--main_process_port", "0", "--num_processes", "2"]
    command += ["--config_file", str(CONFIGS / f"{kind}.yaml")]
    return subprocess.run(
        [sys.executable, *command, str(Path(__file__).with_name("launched.py")), kind, f"hf:{base}", folder],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "DS_ACCELERATOR": "cpu"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def results(folder: Path) -> dict[str, Any]:
    """What the two processes found, which must be the same."""
    first, second = (json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1))
    assert without_times(first) == without_times(second)
    found: dict[str, Any] = first
    return found


def without_times(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: without_times(value) for key, value in found.items() if key != "seconds"}
    return found


def alone(base: Path, out: Path, settings: TuningSettings) -> Sequence[float]:
    """The losses of one process that sees what two see."""
    own = replace(settings, batch_size=2 * settings.batch_size)
    return tune(f"hf:{base}", DIALOGUES, out, own, progress="off").losses


@pytest.fixture(scope="module")
def alone_losses(text_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Sequence[float]:
    """What one process that sees what two see loses with SETTINGS."""
    return alone(text_folder, tmp_path_factory.mktemp("alone") / "out", SETTINGS)


@pytest.fixture(scope="module")
def left_by_one(text_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process with SETTINGS left when it was ended."""
    out = tmp_path_factory.mktemp("ended") / "of one"
    ended_early(f"hf:{text_folder}", out, replace(SETTINGS, batch_size=8))
    return out


def same_losses(losses: Sequence[float]) -> Any:
    """Equal but for the order in which numbers are added up."""
    assert len(losses) == STEPS
    return pytest.approx(losses, rel=1e-4)


def test_with_ddp_two_processes_learn_what_one_learns_and_each_goes_on_where_the_other_ended(
    text_folder: Path, left_by_one: Path, alone_losses: Sequence[float], tmp_path: Path
) -> None:
    shutil.copytree(left_by_one, tmp_path / "of one")
    done = launch("ddp", text_folder, tmp_path)
    assert done.returncode == 0, done.stderr
    found, losses = results(tmp_path), alone_losses
    assert found["whole"]["losses"] == same_losses(losses)
    assert found["whole"]["evaluations"] == {"1": {"process": 0.0}, "2": {"process": 0.0}}
    assert found["again"] == found["whole"]  # all processes saw that it was done
    assert "holds another tuning" in found["refused"]  # found by the first process, told by both
    assert done.stderr.count("tuning: 8 of 8") == 1
    assert "do not match" not in done.stderr  # that another share goes on is no reason for a warning
    assert not (tmp_path / "whole" / "checkpoints").exists()
    assert json.loads((tmp_path / "whole" / "tuning.json").read_text())["processes"] == 2
    # The two go on with what one began, and one with what the two began.
    assert found["resumed"]["losses"] == same_losses(losses)
    assert (tmp_path / "of two" / "checkpoints" / "checkpoint-3").is_dir()
    resumed = tune(f"hf:{text_folder}", DIALOGUES, tmp_path / "of two", SETTINGS, progress="off")
    assert resumed.losses == same_losses(losses)
    assert json.loads((tmp_path / "of two" / "tuning.json").read_text())["processes"] == 2


def test_with_fsdp_two_processes_learn_what_one_learns_and_each_goes_on_where_the_other_ended(
    text_folder: Path, left_by_one: Path, alone_losses: Sequence[float], tmp_path: Path
) -> None:
    shutil.copytree(left_by_one, tmp_path / SETTINGS.method / "of one")
    out = tmp_path / ALL_WEIGHTS.method / "of one"
    ended_early(f"hf:{text_folder}", out, replace(ALL_WEIGHTS, batch_size=8))
    done = launch("fsdp", text_folder, tmp_path)
    assert done.returncode == 0, done.stderr
    found = results(tmp_path)
    assert "Leave the evaluation out" in found["refused"]
    for settings in (SETTINGS, ALL_WEIGHTS):
        place = tmp_path / settings.method
        expected = alone_losses if settings is SETTINGS else alone(text_folder, place / "alone", settings)
        losses = same_losses(expected)
        assert found[settings.method]["losses"] == losses
        assert (
            tune(f"hf:{text_folder}", DIALOGUES, place / "of two", settings, progress="off").losses == losses
        )
    assert found["whole"]["losses"] == losses


@pytest.mark.skipif(find_spec("deepspeed") is None, reason="needs the extra deepspeed")
def test_with_deepspeed_two_processes_learn_what_one_learns_and_go_on_as_two(
    text_folder: Path, left_by_one: Path, alone_losses: Sequence[float], tmp_path: Path
) -> None:
    shutil.copytree(left_by_one, tmp_path / "of one")
    done = launch("deepspeed", text_folder, tmp_path)
    assert done.returncode == 0, done.stderr
    found, losses = results(tmp_path), alone_losses
    assert found["whole"]["losses"] == same_losses(losses)
    assert found["whole"]["evaluations"] == {"1": {"process": 0.0}, "2": {"process": 0.0}}
    assert found["resumed"]["losses"] == same_losses(losses)
    assert "written without DeepSpeed" in found["refused"]
    with pytest.raises(UsageError, match="Start again with DeepSpeed and 2 processes"):
        tune(f"hf:{text_folder}", DIALOGUES, tmp_path / "left", SETTINGS, progress="off")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_accelerate_knows_every_key_of_a_config(path: Path) -> None:
    from accelerate.commands.config.config_args import (  # type: ignore[import-untyped]
        load_config_from_file,
    )

    assert load_config_from_file(str(path)).num_processes == 8
