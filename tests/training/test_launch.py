"""One tuning on several processes, through `accelerate launch` and the files in `configs/accelerate`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from levelhead.training import tune
from tests.training.lessons import QUICK, sums

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "accelerate"
SETTINGS = replace(QUICK, batch_size=4)
DIALOGUES = sums(32)

SCRIPT = """
import json, os, sys
from dataclasses import asdict
from pathlib import Path

import torch

from levelhead.models import Model
from levelhead.training import tune
from tests.training.test_launch import DIALOGUES, SETTINGS

def evaluate(model: Model, epoch: int) -> dict[str, float]:
    return {"process": float(os.environ["RANK"])}

torch.set_num_threads(1)
base, out = sys.argv[1:]
report = tune(base, DIALOGUES, Path(out), SETTINGS, evaluate=evaluate, progress="plain")
Path(f"{out}-{os.environ['RANK']}.json").write_text(json.dumps(asdict(report)))
"""


def launch(base: Path, out: Path, script: Path) -> subprocess.CompletedProcess[str]:
    script.write_text(SCRIPT)
    command = ["-m", "accelerate.commands.launch", "--main_process_port", "0"]
    command += ["--config_file", str(CONFIGS / "ddp_cpu.yaml")]
    return subprocess.run(
        [sys.executable, *command, str(script), f"hf:{base}", str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_two_processes_learn_what_one_learns_with_the_doubled_batch(
    text_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "two"
    done = launch(text_folder, out, tmp_path / "script.py")
    assert done.returncode == 0, done.stderr
    alone = tune(
        f"hf:{text_folder}", DIALOGUES, tmp_path / "one", replace(SETTINGS, batch_size=8), progress="off"
    )
    first, second = (json.loads((tmp_path / f"two-{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    assert first["steps"] == alone.steps == 2 * 4
    assert first["losses"] == pytest.approx(alone.losses, rel=1e-4)
    assert first["evaluations"] == {"1": {"process": 0.0}, "2": {"process": 0.0}}
    assert done.stderr.count("tuning: 8 of 8") == 1
    assert not (out / "checkpoints").exists()
    assert json.loads((out / "tuning.json").read_text())["processes"] == 2
    # Started again, all processes see that it is done.
    again = launch(text_folder, out, tmp_path / "script.py")
    assert again.returncode == 0, again.stderr
    assert json.loads((tmp_path / "two-1.json").read_text()) == second


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_accelerate_knows_every_key_of_a_config(path: Path) -> None:
    from accelerate.commands.config.config_args import (  # type: ignore[import-untyped]
        load_config_from_file,
    )

    assert load_config_from_file(str(path)).num_processes == (2 if path.stem == "ddp_cpu" else 8)
