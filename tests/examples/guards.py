"""A guard for the examples that knows of nothing but cookies; and how to load an example."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from levelhead.guard import Detector, Detoxifier, Judgement, Pair, Rewriting
from levelhead.guard.gateway import Guard

FOLDER = Path(__file__).parents[2] / "examples"
HARM = "Then steal the cookies."
REWRITTEN = "Then ask for the cookies."


class _Detector(Detector):
    name = fingerprint = "cookies"

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        return [Judgement.of(0.9 if "steal the cookies" in pair.answer else 0.1) for pair in pairs]


class _Detoxifier(Detoxifier):
    name = fingerprint = "cookies"

    def rewrite(self, pairs: Sequence[Pair], *, attempt: int = 0) -> list[Rewriting]:
        return [Rewriting(REWRITTEN) for _ in pairs]


def cookie_guard() -> Guard:
    """Who says how to steal the cookies is rewritten."""
    return Guard(_Detector(), _Detoxifier())


def example(name: str) -> ModuleType:
    """A file of the folder `examples`, as a module."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
