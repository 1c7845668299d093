"""`python -m levelhead` is the command line."""

from __future__ import annotations

from levelhead.cli import main

if __name__ == "__main__":
    main()
