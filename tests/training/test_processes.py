"""How the dialogues of a step are shared out, and who goes on from a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import UsageError
from levelhead.training._checkpoints import require_readable
from levelhead.training._processes import Share, share_out

COUNT = st.integers(1, 12)


@given(size=COUNT, accumulate=COUNT, begun_with=COUNT, processes=COUNT)
def test_a_step_stays_as_large_with_any_number_of_processes_or_the_start_is_refused(
    size: int, accumulate: int, begun_with: int, processes: int
) -> None:
    rows = size * accumulate * begun_with
    if rows % processes:
        with pytest.raises(UsageError, match=f"divides {rows}"):
            share_out(size, accumulate, begun_with=begun_with, processes=processes)
        return
    share = share_out(size, accumulate, begun_with=begun_with, processes=processes)
    assert share.step_rows == rows
    assert share.batch_size <= size  # what fitted into memory still fits


@given(size=COUNT, accumulate=COUNT, processes=COUNT)
def test_those_that_began_go_on_as_the_settings_say(size: int, accumulate: int, processes: int) -> None:
    share = share_out(size, accumulate, begun_with=processes, processes=processes)
    assert share == Share(processes, size, accumulate)


@pytest.mark.parametrize(
    ("parts", "deepspeed", "processes", "advice"),
    [
        (0, False, 1, None),
        (0, False, 3, None),
        (2, True, 2, None),
        (2, True, 3, "Start again with DeepSpeed and 2 processes"),
        (2, False, 2, "Start again with DeepSpeed and 2 processes"),
        (0, True, 2, "Start again without DeepSpeed"),
    ],
)
def test_only_deepspeed_with_as_many_processes_goes_on_from_its_checkpoint(
    parts: int, deepspeed: bool, processes: int, advice: str | None, tmp_path: Path
) -> None:
    (tmp_path / "global_step3").mkdir()
    for part in range(parts):
        (tmp_path / "global_step3" / f"zero_pp_rank_{part}_mp_rank_00_optim_states.pt").touch()
    if advice is None:
        require_readable(tmp_path, deepspeed=deepspeed, processes=processes)
        return
    with pytest.raises(UsageError, match=advice):
        require_readable(tmp_path, deepspeed=deepspeed, processes=processes)
