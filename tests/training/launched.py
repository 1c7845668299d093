"""What the processes of `test_launch.py` run: a script for `accelerate launch`, given paths.

    accelerate launch --config_file CONFIG launched.py BASE FOLDER KEY=VALUE ...

A start takes long for its imports, so all that is asked of one config is done in one.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from levelhead.errors import LevelheadError
from levelhead.models import Model
from levelhead.training import TuningReport, TuningSettings, tune
from levelhead.training._callbacks import Progress
from levelhead.training._loading import require_tune_extra
from tests.training.lessons import QUICK, sums

DIALOGUES = sums(30)
"""Three whole steps of eight and one of six, in which the second process has less to learn."""
SETTINGS = replace(QUICK, batch_size=4)
ALL_WEIGHTS = replace(SETTINGS, method="full", learning_rate=1e-3)
KILLED_BEHIND = 5
"""In the middle of the second epoch; the last checkpoint is that of step 3."""


class KilledError(Exception):
    """Stands for the end of a process."""


def ended_early(base: str, out: Path, settings: TuningSettings) -> None:
    """Begin a tuning and end it behind a step, as if the processes were killed."""
    before = Progress.on_step_begin

    def die(self: Progress, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step == KILLED_BEHIND:
            raise KilledError

    Progress.on_step_begin = die
    try:
        tune(base, DIALOGUES, out, settings, progress="off")
    except KilledError:
        return
    finally:
        Progress.on_step_begin = before
    raise AssertionError("the tuning went to its end")


def told(report: TuningReport) -> dict[str, Any]:
    """A report as plain data."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(report)))
    return plain


def by_process(model: Model, epoch: int) -> Mapping[str, float]:
    """An evaluation that says which process asked."""
    return {"process": float(os.environ["RANK"])}


def refused(base: str, out: Path, settings: TuningSettings, **more: Any) -> str:
    """The error with which a tuning is refused."""
    try:
        tune(base, DIALOGUES, out, settings, progress="off", **more)
    except LevelheadError as error:
        return str(error)
    raise AssertionError("the tuning was not refused")


def run_ddp(base: str, folder: Path) -> dict[str, Any]:
    """A whole tuning, the same asked for again, one left for one process, and one that one process left."""
    whole = tune(base, DIALOGUES, folder / "whole", SETTINGS, evaluate=by_process, progress="plain")
    again = tune(base, DIALOGUES, folder / "whole", SETTINGS, evaluate=by_process, progress="plain")
    ended_early(base, folder / "of two", SETTINGS)
    resumed = tune(base, DIALOGUES, folder / "of one", replace(SETTINGS, batch_size=8), progress="off")
    return {
        "whole": told(whole),
        "again": told(again),
        "resumed": told(resumed),
        "refused": refused(base, folder / "whole", replace(SETTINGS, seed=1)),
    }


def run_fsdp(base: str, folder: Path) -> dict[str, Any]:
    """All weights whole, and of both methods one left for one process and one of one process.

    Evaluations are refused, which shows that FSDP runs: under DDP they are not.
    """
    found: dict[str, Any] = {
        "refused": refused(base, folder / "asked", SETTINGS, evaluate=by_process),
        "whole": told(tune(base, DIALOGUES, folder / "whole", ALL_WEIGHTS, progress="off")),
    }
    for settings in (SETTINGS, ALL_WEIGHTS):
        place = folder / settings.method
        ended_early(base, place / "of two", settings)
        own = replace(settings, batch_size=8)
        found[settings.method] = told(tune(base, DIALOGUES, place / "of one", own, progress="off"))
    return found


def run_deepspeed(base: str, folder: Path) -> dict[str, Any]:
    """A whole tuning, one that two go on with, one left for one process, and one refused that one left."""
    from deepspeed import ops  # type: ignore[import-not-found,import-untyped,unused-ignore]

    # A faster all-reduce for processors, which takes minutes to compile; without it they talk through gloo.
    ops.__compatible_ops__["deepspeed_shm_comm"] = False
    whole = tune(base, DIALOGUES, folder / "whole", SETTINGS, evaluate=by_process, progress="off")
    ended_early(base, folder / "of two", SETTINGS)
    resumed = tune(base, DIALOGUES, folder / "of two", SETTINGS, progress="off")
    ended_early(base, folder / "left", SETTINGS)
    return {
        "whole": told(whole),
        "resumed": told(resumed),
        "refused": refused(base, folder / "of one", replace(SETTINGS, batch_size=8)),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    require_tune_extra()
    gc.freeze()  # each training collects several times, and would go through all that imports left
    kind, base, folder = sys.argv[1:]
    run = {"ddp": run_ddp, "fsdp": run_fsdp, "deepspeed": run_deepspeed}[kind]
    result = run(base, Path(folder))
    (Path(folder) / f"{os.environ['RANK']}.json").write_text(json.dumps(result))
