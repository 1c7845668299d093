"""What can go wrong, sorted by whose turn it is.

Every message says what was given, why it cannot work and what to do. The command line turns `UsageError` into
exit status 2 and every other `LevelheadError` into exit status 1; neither prints a traceback.
"""

from __future__ import annotations


class LevelheadError(Exception):
    """Something failed in a way that we can explain to the user."""


class UsageError(LevelheadError):
    """The caller asked for something that cannot be: a wrong name, a missing file, a setting out of range."""


class MissingExtraError(UsageError):
    """A heavy optional part is not installed.

    Args:
        what: What the user was trying to do, as the subject of a sentence ("Local models").
        extra: The extra that brings it in, as in ``pip install "levelhead[extra]"``.
        module: The module that could not be imported.
    """

    def __init__(self, what: str, *, extra: str, module: str) -> None:
        super().__init__(
            f"{what} need the module {module!r}, which is not installed. Run: pip install "
            f'"levelhead[{extra}]"'
        )


class ImageError(LevelheadError):
    """A picture that cannot be used: missing, not a picture, or past the pixel limit. Belongs to one row."""


class ModelError(LevelheadError):
    """The model or its server failed, for all rows: wrong key, no connection, out of memory, not a model."""


class FailedRowsError(LevelheadError):
    """The work went to its end, but some rows got no answer. They are counted and shown as failed."""


class BrokenGateError(LevelheadError):
    """The work went to its end, and a number lies beyond a limit that the caller set."""


class InterruptedRunError(LevelheadError):
    """The user or the operating system ended a run. What was answered is kept."""


class RunFolderError(LevelheadError):
    """The run folder cannot be used: locked by another process, other settings, unwritable, disk full."""
