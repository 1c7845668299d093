"""The command line: thin, no logic of its own. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from levelhead.cli._main import main

__all__ = ["main"]
