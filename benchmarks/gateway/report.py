"""The result as a table in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_COLUMNS = (
    "guard",
    "added p50",
    "p95",
    "p99",
    "req/s c=1",
    "c=8",
    "c=32",
    "first text",
    "streams/s c=8",
    "CPU ms",
    "cold s",
    "MB idle",
    "MB load",
)
_WIDTH = 13


def print_table(found: dict[str, Any]) -> None:
    """Print a result. Times are milliseconds on top of direct access, one request at a time."""
    for tier, told in found["tiers"].items():
        print(f"\n{tier}: {told['what']}")
        if tier == "T3":
            for line in _pictures(told):
                print(line)
            continue
        print(_line(_COLUMNS))
        print(_line(_cells("direct", told["direct"])))
        for name, guard in told["guards"].items():
            if "skipped" in guard:
                print(f"{name:{_WIDTH}} -  {guard['skipped'].splitlines()[0][:90]}")
                continue
            print(_line(_cells(name, guard)))
            if not all(guard.get("stops", {}).values()):
                print(f"{'':{_WIDTH}} lets harm through: {guard['stops']}")
    print(f"\n{found['seconds']} s; load average before it {found['load_average_before']}.")


def _cells(name: str, guard: dict[str, Any]) -> list[str]:
    loads = guard["loads"]
    plain = loads["plain-1"]
    percentiles = plain.get("added_ms", {})
    times = [_told(percentiles.get(f"p{percent}", {}).get("value")) for percent in (50, 95, 99)]
    rates = [_told(loads[f"plain-{count}"]["requests_per_second"]) for count in (1, 8, 32)]
    first = loads["stream-1"].get("added_first_text_ms", {}).get("p50", {}).get("value")
    return [
        name,
        *times,
        *rates,
        _told(first),
        _told(loads["stream-8"]["requests_per_second"]),
        _told(plain["cpu_ms_per_request"]),
        _told(min(guard.get("cold_start_seconds", []), default=None)),
        _told(guard.get("idle_megabytes")),
        _told(guard["loaded_megabytes"]),
    ]


def _pictures(told: dict[str, Any]) -> Iterator[str]:
    for name, guard in {"direct": told["direct"], **told["guards"]}.items():
        if "skipped" in guard:
            yield f"{name:{_WIDTH}} -  {guard['skipped'].splitlines()[0][:90]}"
            continue
        for size, numbers in guard["pictures"].items():
            yield f"{name:{_WIDTH}} {size}: {numbers}"


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return " ".join(f"{cell:>{_WIDTH}}" if place else f"{cell:{_WIDTH}}" for place, cell in enumerate(cells))


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
