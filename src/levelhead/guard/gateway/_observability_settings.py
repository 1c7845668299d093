"""What the gateway tells of itself: its page, its logs, its traces."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from levelhead.errors import UsageError

MIN_KEY_CHARACTERS = 16


class UISettings(BaseModel):
    """The part `ui`: the page for people at /ui. Without `key_env` or `key_file` it is off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_env: str | None = Field(
        default=None, description="Environment variable with the page's own key, 16 characters or more."
    )
    key_file: Path | None = Field(
        default=None, description="File with the page's own key; blanks at its ends do not count."
    )
    session_hours: float = Field(
        default=12.0, gt=0, le=24 * 30, description="Hours after which a person must give the key again."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.key_env is not None and self.key_file is not None:
            raise ValueError("give at most one of key_env and key_file")
        return self

    def read_key(self) -> str | None:
        """The page's key; None if the page is off.

        Raises:
            UsageError: If the environment or the file does not hold it, or it is too short.
        """
        if self.key_env is not None:
            place, key = f"The environment variable {self.key_env}", os.environ.get(self.key_env)
        elif self.key_file is not None:
            place, key = f"The file {self.key_file}", _text_of(self.key_file)
        else:
            return None
        if key is None or len(key.strip()) < MIN_KEY_CHARACTERS:
            raise UsageError(
                f"{place} must hold the key of the page /ui, of {MIN_KEY_CHARACTERS} characters or more. "
                'One can be made with: python3 -c "import secrets; print(secrets.token_urlsafe())"'
            )
        return key.strip()


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The file {path} with the key of the page /ui cannot be read ({error}).") from error


class LogSettings(BaseModel):
    """The part `logs`: one JSON object a line, on the standard error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="Least important messages that are written. Decisions are told at info, those that let "
        "a text through at debug.",
    )
    content: bool = Field(
        default=False, description="Write texts too. Without it: hashes, categories and scores."
    )
    queue_messages: int = Field(
        default=10_000, ge=1, description="Messages that may wait to be written; further ones are dropped."
    )


class TelemetrySettings(BaseModel):
    """The part `telemetry`: traces for OpenTelemetry (extra `telemetry`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    traces: bool = Field(default=False, description="Make traces.")
    exporter: str = Field(
        default="otlp_proto_http",
        description="Where they go: OpenTelemetry's name of an exporter that is installed, such as console. "
        "The environment variables of OpenTelemetry hold, such as OTEL_EXPORTER_OTLP_ENDPOINT.",
    )
    sample_ratio: float = Field(
        default=1.0, ge=0, le=1, description="Share of requests that are traced, where a client says nothing."
    )
