"""A tuning that was killed goes on and ends with the same losses and weights, bit for bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from levelhead.errors import RunFolderError
from levelhead.models import Model
from levelhead.training import TuningReport, TuningSettings, tune
from tests.training.lessons import QUICK, sums

LONG = replace(QUICK, epochs=3, dropout=0.1, accumulate=2)
"""8 steps per epoch and two rows left over; dropout draws random numbers."""
DIALOGUES = sums(62)
COUNT = 24

SCRIPT = """
import sys, torch
from pathlib import Path
from tests.training.lessons import sums
from tests.training.test_resume import DIALOGUES, LONG, log_prob
from levelhead.training import tune
torch.set_num_threads(1)
base, out = sys.argv[1:]
tune(base, DIALOGUES, Path(out), LONG, evaluate=log_prob, progress="off")
"""


def full(settings: TuningSettings) -> TuningSettings:
    return replace(settings, method="full", learning_rate=1e-3)


def log_prob(model: Model, epoch: int) -> Mapping[str, float]:
    from levelhead.records import Prompt

    return {"log_prob": model.score([Prompt.complete("Question: 3\nAnswer:")], [" 6\n"])[0].log_prob}


def weights(out: Path) -> bytes:
    (file,) = out.glob("*.safetensors")
    return file.read_bytes()


def run(base: Path, out: Path, settings: TuningSettings = LONG) -> TuningReport:
    return tune(f"hf:{base}", DIALOGUES, out, settings, evaluate=log_prob, progress="off")


def same(a: TuningReport, b: TuningReport) -> bool:
    return replace(a, seconds=0.0) == replace(b, seconds=0.0)


@pytest.fixture(scope="module")
def whole(text_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TuningReport]:
    """A run that nobody killed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return out, run(text_folder, out)


class KilledError(Exception):
    """Stands for the end of the process."""


def kill_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """End the run behind a step, when its checkpoint, if one is due, was written."""
    from levelhead.training._callbacks import Progress

    before = Progress.on_step_begin

    def die(self: Progress, args: object, state: object, *rest: object, **more: object) -> None:
        if state.global_step == step:  # type: ignore[attr-defined]
            raise KilledError
        before(self, args, state, *rest, **more)

    monkeypatch.setattr(Progress, "on_step_begin", die)


def test_a_run_ended_by_sigterm_goes_on_bit_for_bit(
    whole: tuple[Path, TuningReport], text_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, f"hf:{text_folder}", str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
    )
    wait_for(lambda: len(list((out / "checkpoints").glob("checkpoint-*/trainer_state.json"))) > 0, child)
    child.send_signal(signal.SIGTERM)
    assert child.wait() == -signal.SIGTERM
    assert "report" not in json.loads((out / "tuning.json").read_text())
    assert same(run(text_folder, out), whole[1])
    assert weights(out) == weights(whole[0])
    assert not (out / "checkpoints").exists()


def test_all_weights_go_on_bit_for_bit_as_well(
    text_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(full(LONG), epochs=2)
    unharmed, out = tmp_path / "unharmed", tmp_path / "killed"
    report = run(text_folder, unharmed, settings)
    with monkeypatch.context() as patch:
        kill_after(patch, 13)
        with pytest.raises(KilledError):
            run(text_folder, out, settings)
    assert same(run(text_folder, out, settings), report)
    assert weights(out) == weights(unharmed)
    assert not (out / "checkpoints").exists()


def wait_for(ready: Callable[[], bool], child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not ready():
        assert child.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("step", [2, 8, 16, 19])
def test_wherever_it_is_killed_the_end_is_the_same(
    step: int,
    whole: tuple[Path, TuningReport],
    text_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        kill_after(patch, step)
        with pytest.raises(KilledError):
            run(text_folder, tmp_path / "out")
    report = run(text_folder, tmp_path / "out")
    assert report.steps == COUNT
    assert same(report, whole[1])
    assert weights(tmp_path / "out") == weights(whole[0])


def test_a_checkpoint_that_was_not_written_to_its_end_is_passed_over(
    whole: tuple[Path, TuningReport],
    text_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        kill_after(patch, 10)
        with pytest.raises(KilledError):
            run(text_folder, out)
    (last,) = (out / "checkpoints").glob("checkpoint-9")
    state = (last / "trainer_state.json").read_text()
    (last / "trainer_state.json").write_text(state[: len(state) // 2])
    assert same(run(text_folder, out), whole[1])


def test_an_evaluation_in_which_the_run_was_killed_is_made_up_for(
    whole: tuple[Path, TuningReport], text_folder: Path, tmp_path: Path
) -> None:
    def die(model: Model, epoch: int) -> Mapping[str, float]:
        raise KilledError

    settings = replace(LONG, save_steps=4)  # a checkpoint stands at the end of each epoch
    with pytest.raises(KilledError):
        tune(f"hf:{text_folder}", DIALOGUES, tmp_path / "out", settings, evaluate=die, progress="off")
    report = tune(
        f"hf:{text_folder}", DIALOGUES, tmp_path / "out", settings, evaluate=log_prob, progress="off"
    )
    assert report.evaluations == whole[1].evaluations


@pytest.mark.parametrize("steps", [12, 20])
def test_the_best_epoch_is_kept_wherever_the_run_was_killed(
    steps: int, text_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of three epochs of eight steps is the best."""

    def tuned(out: Path) -> TuningReport:
        return tune(
            f"hf:{text_folder}",
            DIALOGUES,
            out,
            LONG,
            evaluate=lambda model, epoch: {"told": (0.2, 0.5, 0.4)[epoch - 1]},
            goodness=lambda numbers: numbers["told"],
            progress="off",
        )

    straight = tuned(tmp_path / "straight")
    with monkeypatch.context() as patch:
        kill_after(patch, steps)
        with pytest.raises(KilledError):
            tuned(tmp_path / "killed")
    assert same(tuned(tmp_path / "killed"), straight)
    weights = [
        (tmp_path / name / "adapter_model.safetensors").read_bytes() for name in ("straight", "killed")
    ]
    assert weights[0] == weights[1]
    assert straight.kept_epoch == 2


def test_a_run_that_was_killed_is_not_gone_on_with_on_other_data(
    text_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        kill_after(patch, 5)
        with pytest.raises(KilledError):
            run(text_folder, tmp_path / "out")
    with pytest.raises(RunFolderError, match="its data differ"):
        tune(f"hf:{text_folder}", sums(61), tmp_path / "out", LONG, progress="off")


def test_a_folder_that_another_process_writes_to_is_left_alone(text_folder: Path, tmp_path: Path) -> None:
    def intrude(model: Model, epoch: int) -> Mapping[str, float]:
        with pytest.raises(RunFolderError, match=f"being written by process {os.getpid()}"):
            run(text_folder, tmp_path / "out")
        return {}

    tune(f"hf:{text_folder}", DIALOGUES, tmp_path / "out", LONG, evaluate=intrude, progress="off")
