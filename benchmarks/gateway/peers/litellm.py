"""LiteLLM's proxy, without its data base. Its config is YAML, of which JSON is a part."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from gateway.install import python_of
from gateway.peers._launch import APPS, KEY, NO_DETECTOR, NO_PICTURES, Launch, Setting, Skipped
from gateway.traffic import MODEL, PACED_MODEL, patterns

_NOTES = (
    "One worker, a master key, no data base, no cache; its content filter at T1, a CustomGuardrail at T2."
)


def launch(setting: Setting) -> Launch | Skipped:
    """The proxy."""
    if setting.tier == "T3":
        return NO_PICTURES
    if setting.tier == "T2" and setting.detector is None:
        return NO_DETECTOR
    file = setting.folder / "config.yaml"
    file.write_text(json.dumps(_config(setting)))
    if setting.tier == "T2":
        shutil.copy(APPS / "litellm_detector.py", setting.folder / "litellm_detector.py")
    program = python_of(setting.environments, "litellm").with_name("litellm")
    environ = {
        "LITELLM_MASTER_KEY": KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "BENCHMARK_DETECTOR": setting.detector or "",
    }
    command: list[str | Path] = [
        program,
        "--config",
        file,
        "--host",
        "127.0.0.1",
        "--port",
        str(setting.port),
    ]
    return Launch([*command, "--num_workers", "1", "--telemetry", "False"], environ, _NOTES)


def _config(setting: Setting) -> dict[str, Any]:
    models = [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{name}", "api_base": setting.upstream, "api_key": "none"},
        }
        for name in (MODEL, PACED_MODEL)
    ]
    config: dict[str, Any] = {"model_list": models, "litellm_settings": {"telemetry": False}}
    if setting.tier == "T0":
        return config
    rail: dict[str, Any] = {"mode": ["pre_call", "post_call"], "default_on": True}
    if setting.tier == "T1":
        rail["guardrail"] = "litellm_content_filter"
        rail["patterns"] = [
            {"pattern_type": "regex", "name": f"kind_{place}", "pattern": pattern, "action": "BLOCK"}
            for place, pattern in enumerate(patterns())
        ]
    else:
        rail["guardrail"] = "litellm_detector.DetectorGuardrail"
    return {**config, "guardrails": [{"guardrail_name": "benchmark", "litellm_params": rail}]}
