"""What questions are asked about: situations that the operator lists, or topics to ask the model for some."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from levelhead.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A situation in which an assistant may be asked something.

    Attributes:
        text: A short phrase.
        category: What it belongs to: its topic, what the file says, else the phrase itself.
    """

    text: str
    category: str


def read_scenarios(path: Path) -> list[Scenario]:
    """Read a file of scenarios.

    Args:
        path: `.jsonl` with one `{"scenario", "category"?}` a line; any other name is text with one scenario
            a line. Blank lines do not count, and in text neither do those that begin with `#`.

    Returns:
        The scenarios in their order. One that stands twice is told later, as a duplicate.

    Raises:
        UsageError: If the file cannot be read, a line has another form, or there is no scenario.
    """
    if path.suffix != ".jsonl":
        return [Scenario(line, line) for line in read_topics(path)]
    found = [
        _scenario(line, number, path)
        for number, line in enumerate(_text(path).split("\n"), start=1)
        if line.strip()
    ]
    return _some(found, path)


def read_topics(path: Path) -> list[str]:
    """Read a file of topics, one a line; blank lines and those that begin with `#` do not count.

    Raises:
        UsageError: If the file cannot be read or holds no topic.
    """
    lines = [" ".join(line.split()) for line in _text(path).split("\n")]
    return _some([line for line in lines if line and not line.startswith("#")], path)


_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    scenario: _Words
    category: _Words | None = None


def _scenario(line: str, number: int, path: Path) -> Scenario:
    try:
        found = _Line.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = "".join(f"{part}: " for part in first["loc"])
        raise UsageError(
            f"Line {number} of {path} is no scenario ({place}{first['msg']}). Write a JSON object with the "
            'keys "scenario" and, if you like, "category".'
        ) from error
    return Scenario(found.scenario, found.category or found.scenario)


def _some(found: list[T], path: Path) -> list[T]:
    if not found:
        raise UsageError(f"{path} holds no line that could be used. Write one scenario or topic a line.")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"The file {path} cannot be read ({error.strerror}). Check the path.") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"The file {path} is not UTF-8 text (byte {error.start}). Save it as UTF-8."
        ) from error
