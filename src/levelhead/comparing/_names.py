"""Which run is which: by its model, else by what else sets it apart, else by its folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from levelhead.comparing._comparison import NamedRun
from levelhead.errors import UsageError
from levelhead.running import Run, read_run


def open_runs(folders: Sequence[Path]) -> tuple[NamedRun, ...]:
    """Read runs and name them.

    Raises:
        UsageError: If none is given, one is given twice, or a folder is no run.
        RunFolderError: If a run has not finished or is damaged.
    """
    if not folders:
        raise UsageError("No run was given. Give the folders of finished runs.")
    return name_runs([read_run(folder) for folder in folders])


def name_runs(runs: Sequence[Run]) -> tuple[NamedRun, ...]:
    """Name each run by its model; where two have the same, with the variant and mode that set it apart.

    Where these do not either, with as much of the run's path as tells them apart.

    Raises:
        UsageError: If a run is given twice.
    """
    folders = [run.path.resolve() for run in runs]
    if twice := [folder for place, folder in enumerate(folders) if folder in folders[:place]]:
        raise UsageError(f"The run {twice[0]} is given twice. Give each run once.")
    parts = 1
    while len({folder.parts[-parts:] for folder in folders}) < len(folders):
        parts += 1
    models = Counter(run.manifest.model.name for run in runs)
    ways = Counter((run.manifest.model.name, _way(run)) for run in runs)
    named = []
    for run, folder in zip(runs, folders, strict=True):
        name, way = run.manifest.model.name, _way(run)
        if models[name] > 1:
            name = f"{name}, {way}" if ways[name, way] == 1 else f"{name} ({'/'.join(folder.parts[-parts:])})"
        named.append(NamedRun(name, run))
    return tuple(named)


def _way(run: Run) -> str:
    """How the model was asked, in words: its prompt variant and, unless it is the usual one, the mode."""
    settings = run.manifest.settings
    variant = [f"{settings['variant']} prompt"] if settings.get("variant") else []
    return ", ".join([*variant, *["paper mode"] * (settings.get("mode") == "paper")]) or "corrected mode"
