# ruff: noqa: A005 - tests mirror src; this folder is never on the path itself
