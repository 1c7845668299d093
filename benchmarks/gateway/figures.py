"""From turns to numbers: added latency, time to the first text, requests per second, with intervals.

Intervals are 95% bootstrap intervals over rounds: whole rounds are drawn, those of a server and those of
`direct` together, since what disturbs the machine lasts longer than a request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gateway.measuring import DIRECT, Load, Servers, Turn

Samples: TypeAlias = NDArray[np.float64]
Pick: TypeAlias = Callable[[Turn], Sequence[float]]

PERCENTILES = (50, 95, 99)
_RESAMPLES = 300
_MILLISECONDS = 1e3


def percentile(samples: Samples, percent: float) -> float | None:
    """A percentile in the unit of the samples; None if fewer than one sample would lie above it."""
    if len(samples) * (100 - percent) < 100:
        return None
    return float(np.percentile(samples, percent))


def _pooled(turns: Sequence[Turn], rounds: NDArray[np.intp], pick: Pick) -> Samples:
    found = [np.asarray(pick(turns[number]), dtype=np.float64) for number in rounds]
    return np.concatenate(found) if found else np.empty(0)


def added(turns: Sequence[Turn], direct: Sequence[Turn], pick: Pick, percent: float) -> dict[str, Any]:
    """A percentile of a server less the same one of `direct`, in milliseconds, with its interval."""
    everything = np.arange(len(turns))
    mine, theirs = (percentile(_pooled(one, everything, pick), percent) for one in (turns, direct))
    if mine is None or theirs is None:
        return {"value": None, "low": None, "high": None}
    draw = np.random.default_rng(0)
    differences = []
    for _ in range(_RESAMPLES):
        rounds = draw.integers(0, len(turns), len(turns))
        differences.append(
            np.percentile(_pooled(turns, rounds, pick), percent)
            - np.percentile(_pooled(direct, rounds, pick), percent)
        )
    low, high = np.percentile(differences, (2.5, 97.5))
    return {
        "value": _rounded(mine - theirs),
        "low": _rounded(float(low)),
        "high": _rounded(float(high)),
    }


def of_load(name: str, servers: Servers, kind: Load) -> dict[str, Any]:
    """The numbers of one server under one load. Times are in milliseconds."""
    turns, direct = servers[name].turns[kind], servers[DIRECT].turns[kind]
    requests = sum(len(turn.seconds) for turn in turns)
    found: dict[str, Any] = {
        "requests": requests,
        "failures": sum(turn.failures for turn in turns),
        "requests_per_second": _rounded(requests / sum(turn.elapsed for turn in turns), 1),
        "cpu_ms_per_request": _rounded(sum(turn.cpu_seconds for turn in turns) / max(1, requests)),
        "latency_ms": _percentiles(turns, lambda turn: turn.seconds),
    }
    picks: dict[str, Pick] = {"": lambda turn: turn.seconds}
    if kind.mode != "plain":
        found["first_text_ms"] = _percentiles(turns, lambda turn: turn.first_text)
        found["worst_gap_ms"] = _percentiles(turns, lambda turn: turn.worst_gap)
        picks["first_text_"] = lambda turn: turn.first_text
    if name != DIRECT:
        for prefix, pick in picks.items():
            found[f"added_{prefix}ms"] = {
                f"p{percent}": added(turns, direct, pick, percent) for percent in PERCENTILES
            }
    return found


def _percentiles(turns: Sequence[Turn], pick: Pick) -> dict[str, float | None]:
    samples = _pooled(turns, np.arange(len(turns)), pick)
    found = {f"p{percent}": percentile(samples, percent) for percent in PERCENTILES}
    return {name: None if value is None else _rounded(value) for name, value in found.items()}


def _rounded(value: float, scale: float = _MILLISECONDS) -> float:
    return round(value * scale, 3)
