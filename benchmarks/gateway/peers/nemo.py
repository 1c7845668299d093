"""NeMo Guardrails' own server, with either of its engines. Its configs are YAML, of which JSON is a part."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from gateway.install import python_of
from gateway.peers._launch import APPS, KEY, NO_DETECTOR, NO_PICTURES, Launch, Setting, Skipped
from gateway.traffic import MODEL, patterns

_NOTES = (
    "passthrough; streams: stream_first off, so that nothing goes out unjudged, 16 tokens at a time (200 "
    "would hold the whole answer)."
)
_COLANG = """
define bot refuse to respond
  "I'm sorry, I can't respond to that."

define subflow detector check input
  $outcome = execute detector_check(text=$user_message)
  if $outcome.is_blocked
    bot refuse to respond
    stop

define subflow detector check output
  $outcome = execute detector_check(text=$bot_message)
  if $outcome.is_blocked
    bot refuse to respond
    stop
"""


def launch_iorails(setting: Setting) -> Launch | Skipped:
    """The engine for configs that use rails of its catalog only."""
    if setting.tier == "T2":
        return Skipped("This engine runs rails of its own catalog only, and custom actions are none of them.")
    return _launch(setting, {"NEMO_GUARDRAILS_IORAILS_ENGINE": "true"})


def launch_default(setting: Setting) -> Launch | Skipped:
    """The engine that a server uses if nothing is set."""
    return _launch(setting, {})


def _launch(setting: Setting, environ: dict[str, str]) -> Launch | Skipped:
    if setting.tier == "T3":
        return NO_PICTURES
    if setting.tier == "T2" and setting.detector is None:
        return NO_DETECTOR
    folder = setting.folder / "rails"
    folder.mkdir()
    (folder / "config.yml").write_text(json.dumps(_config(setting)))
    if setting.tier == "T2":
        (folder / "rails.co").write_text(_COLANG)
        shutil.copy(APPS / "nemo_actions.py", folder / "actions.py")
    command: list[str | Path] = [python_of(setting.environments, "nemo"), "-m", "nemoguardrails", "server"]
    command += ["--port", str(setting.port), "--config", folder, "--default-config-id", folder.name]
    environ = {
        "OPENAI_API_KEY": KEY,
        "NEMO_GUARDRAILS_NO_USAGE_STATS": "1",
        "BENCHMARK_DETECTOR": setting.detector or "",
        **environ,
    }
    return Launch([*command, "--disable-chat-ui"], environ, _NOTES)


def _config(setting: Setting) -> dict[str, Any]:
    main = {
        "type": "main",
        "engine": "openai",
        "model": MODEL,
        "parameters": {"base_url": setting.upstream},
    }
    config: dict[str, Any] = {"models": [main], "passthrough": True}
    if setting.tier == "T0":
        return config
    streaming = {"enabled": True, "stream_first": False, "chunk_size": 16, "context_size": 8}
    kind = "regex" if setting.tier == "T1" else "detector"
    rails = {
        "input": {"flows": [f"{kind} check input"]},
        "output": {"flows": [f"{kind} check output"], "streaming": streaming},
    }
    if kind == "regex":
        detection = {side: {"patterns": patterns()} for side in ("input", "output")}
        return {**config, "rails": {**rails, "config": {"regex_detection": detection}}}
    return {**config, "rails": rails}
