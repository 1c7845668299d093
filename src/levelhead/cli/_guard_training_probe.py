"""Options of guard train-detector that only the kind probe has."""

from __future__ import annotations

from typing import Annotated

import typer

Layer = Annotated[
    list[int] | None,
    typer.Option(
        "--layer",
        help="probe: after which layer states are read; of several the held-out goals choose. Repeatable. "
        "[default: 16 20]",
    ),
]
Penalty = Annotated[
    list[float] | None,
    typer.Option(
        "--l2",
        help="probe: penalty on its weights; of several the held-out goals choose. Repeatable. "
        "[default: 0.03 0.3 3.0]",
    ),
]
