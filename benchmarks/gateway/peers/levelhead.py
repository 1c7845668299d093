"""Our own gateway, as `levelhead guard serve` starts it."""

from __future__ import annotations

import json

from gateway.install import python_of
from gateway.peers._launch import NO_DETECTOR, Launch, Setting, Skipped

_FLAGGED_FROM = 0.2
"""With this threshold one pattern is enough, as it is for the others; by its own, it wants more signs."""


def launch(setting: Setting) -> Launch | Skipped:
    """The gateway without an extra; at T3 it checks pictures, decodes them and hands on their bytes."""
    if setting.tier == "T2" and setting.detector is None:
        return NO_DETECTOR
    return _launch(setting, "levelhead", reading=False)


def launch_reading(setting: Setting) -> Launch | Skipped:
    """The gateway with the extra `ocr`, which also reads and judges the text in pictures."""
    if setting.tier != "T3":
        return Skipped("It differs from levelhead only where there are pictures.")
    return _launch(setting, "levelhead-ocr", reading=True)


def _launch(setting: Setting, environment: str, *, reading: bool) -> Launch:
    rails = setting.tier != "T0"
    config: dict[str, dict[str, object]] = {
        "upstream": {"url": setting.upstream},
        "listen": {"port": setting.port},
        "rails": {"input": rails, "output": rails, "pictures": reading},
        "detector": {"name": "lexical", "threshold": _FLAGGED_FROM},
    }
    if setting.tier == "T2" and setting.detector is not None:
        config["detector"] = {"name": setting.detector}
    file = setting.folder / "gateway.toml"
    file.write_text(_toml(config))
    python = python_of(setting.environments, environment)
    notes = "All defaults but rails.pictures = false: no extra `ocr`." if setting.tier in ("T1", "T2") else ""
    return Launch([python, "-m", "levelhead", "guard", "serve", "--config", file], {}, notes)


def _toml(config: dict[str, dict[str, object]]) -> str:
    return "".join(
        f"[{section}]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())
        for section, fields in config.items()
    )
