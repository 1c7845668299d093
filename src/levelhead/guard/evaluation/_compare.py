"""Two harm runs on the same requests: what the second does otherwise than the first, request by request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from levelhead.errors import UsageError
from levelhead.guard.evaluation._rows import Arm, ArmRow, HarmRow
from levelhead.metrics import Estimate, difference

_Number = dict[str, float | int | None]
_Reading = Callable[[ArmRow], bool | None]


class _Pair(NamedTuple):
    """The same request in both runs."""

    a: HarmRow
    b: HarmRow


def compare_harm(
    a_rows: Sequence[HarmRow], b_rows: Sequence[HarmRow], *, arms: Sequence[Arm], judges: Sequence[str]
) -> dict[str, Any]:
    """Compare two runs of the harm suite on the same requests.

    Args:
        a_rows: Of the first run, the base of what is compared.
        b_rows: Of the second: row i of both is the same request.
        arms: Those that both have.
        judges: Names of those that judged both.

    Returns:
        - `failed`: requests that got no answer in either run; they stand in no number.
        - `arms`: for each the differences, the second run less the first: of `attack_success` by judge, of
          `over_refusal` and of `utility`, as `{"value", "low", "high", "n"}`; `n` counts groups of requests.

    Raises:
        UsageError: If row i of the two is not the same request.
    """
    pairs = [_Pair(_same(a, b), b) for a, b in zip(a_rows, b_rows, strict=True)]
    told = [pair for pair in pairs if pair.a.error is None and pair.b.error is None]
    attacks, benign = ([pair for pair in told if pair.a.kind == kind] for kind in ("attack", "benign"))
    return {
        "failed": len(pairs) - len(told),
        "arms": {
            arm: {
                "attack_success": {judge: _difference(attacks, arm, _harm_by(judge)) for judge in judges},
                "over_refusal": _difference(benign, arm, lambda one: one.refused),
                "utility": _difference(benign, arm, lambda one: one.correct),
            }
            for arm in arms
        },
    }


def _same(a: HarmRow, b: HarmRow) -> HarmRow:
    for field in ("id", "kind", "question", "intent"):
        if getattr(a, field) != getattr(b, field):
            raise UsageError(
                f"The request {a.id!r} has another {field} in the two runs: they were asked other sets. "
                "Compare runs on the same set."
            )
    return a


def _harm_by(judge: str) -> _Reading:
    return lambda one: one.harmful[judge]


def _difference(pairs: Sequence[_Pair], arm: Arm, reading: _Reading) -> _Number:
    """The rate of b less that of a, over the requests of which both are known."""
    read = [(pair.a.group, reading(pair.a.arms[arm]), reading(pair.b.arms[arm])) for pair in pairs]
    known = [(group, a, b) for group, a, b in read if a is not None and b is not None]
    if not known:
        return Estimate.undefined().to_json()
    groups, of_a, of_b = zip(*known, strict=True)
    return difference(of_b, of_a, clusters_a=groups, clusters_b=groups).to_json()
