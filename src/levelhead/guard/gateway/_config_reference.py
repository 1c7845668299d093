"""The reference of the config file, written from the model itself, so that it cannot lag behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from levelhead.guard.gateway._config import GatewayConfig


def config_reference() -> str:
    """All settings as Markdown: by section, each with its default and what it does."""
    return "\n".join(_lines(GatewayConfig, "")) + "\n"


def _lines(model: type[BaseModel], path: str) -> Iterator[str]:
    sections: list[tuple[str, type[BaseModel], bool]] = []
    rows: list[str] = []
    for name, field in model.model_fields.items():
        inner = _section_in(field.annotation)
        if inner is not None:
            of_a_table = ".NAME" if get_origin(field.annotation) is dict else ""
            several = get_origin(field.annotation) is tuple
            sections.append((f"{path}{name}{of_a_table}", inner, several))
        else:
            rows.append(f"| `{name}` | {_default(field)} | {field.description or ''} |")
    if rows:
        yield from ("| setting | default | what it does |", "|---|---|---|", *rows, "")
    for name, inner, several in sections:
        yield from (f"### `[[{name}]]`" if several else f"### `[{name}]`", "")
        summary = (inner.__doc__ or "").strip().split("\n\n")[0]
        yield from (" ".join(summary.split()), "")
        yield from _lines(inner, f"{name}.")


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds: alone, in a tuple, as the values of a table, or None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        if (found := _section_in(argument)) is not None:
            return found
    return None


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "must be given"
    return "none" if value is None else f"`{_shown(value)}`"


def _shown(value: Any) -> str:
    """A value as it is written in TOML."""
    if isinstance(value, Enum):
        return _shown(value.value)
    if isinstance(value, tuple):
        return f"[{', '.join(_shown(one) for one in value)}]"
    return json.dumps(str(value) if isinstance(value, Path) else value)
