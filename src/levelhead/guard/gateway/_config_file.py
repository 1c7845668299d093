"""The config file: TOML, read once, and refused with a sentence for every field that is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from levelhead.errors import UsageError
from levelhead.guard.gateway._config import GatewayConfig


def read_config(
    path: Path | None, overrides: Mapping[str, Mapping[str, object]] | None = None
) -> GatewayConfig:
    """Read a TOML file.

    Args:
        path: The file; None for the defaults.
        overrides: By section, fields that hold whatever the file says.

    Raises:
        UsageError: If it cannot be read, is no TOML, or holds a field that is unknown or wrong.
    """
    name = "The settings" if path is None else str(path)
    try:
        fields = {} if path is None else tomllib.loads(path.read_text(encoding="utf-8"))
        for section, changes in (overrides or {}).items():
            held = fields.get(section, {})
            fields[section] = {**held, **changes} if isinstance(held, dict) else held
        return GatewayConfig.model_validate(fields)
    except OSError as error:
        raise UsageError(f"The file {path} cannot be read ({error.strerror}). Check the path.") from error
    except ValidationError as error:
        raise UsageError(f"{name}: {told(error)}") from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise UsageError(f"{path} is no TOML file ({error}).") from error


def told(error: ValidationError) -> str:
    """What is wrong with settings, in one sentence per field, without the values, which may be secret."""
    said = []
    for one in error.errors(include_input=False, include_url=False, include_context=False):
        place = ".".join(str(part) for part in one["loc"]) or "the file"
        if one["type"] == "extra_forbidden":
            said.append(f"there is no setting {place}")
        else:
            said.append(f"{place}: {one['msg'].removeprefix('Value error, ')}")
    return "; ".join(said) + ". The settings: levelhead guard serve --print-config-reference"
