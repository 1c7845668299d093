"""Levelhead inside Inspect: the illusion set as a task, and every model we can load as a model of Inspect.

    inspect eval levelhead/illusion -T data=set --model levelhead/embedded+ocr
    inspect eval levelhead/illusion -T data=set --model mistral/...        # a model that only Inspect has
    inspect eval some/other_task --model levelhead/hf:org/vision-model      # pictures included

Inspect finds these names by the entry point `inspect_ai`, which loads this module. The same replies give
the same numbers here and in `levelhead illusion run`; a test holds that. This room asks, judges and counts
nothing itself: it only translates.
"""

from __future__ import annotations

from importlib.util import find_spec

from levelhead.errors import MissingExtraError

if find_spec("inspect_ai") is None:
    raise MissingExtraError("The tasks and models for Inspect", extra="inspect", module="inspect_ai")

from levelhead.inspect._metrics import illusion_numbers_of
from levelhead.inspect._provider import levelhead
from levelhead.inspect._scorer import illusion_verdict
from levelhead.inspect._solver import put_as
from levelhead.inspect._tasks import illusion

__all__ = ["illusion", "illusion_numbers_of", "illusion_verdict", "levelhead", "put_as"]
