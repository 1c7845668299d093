"""What a picture model is asked for: one prompt per category, with `{answer}` where the answer goes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter

from levelhead.errors import UsageError

_PHOTO = "a photograph of {answer}, in the middle of the picture, natural light, no text, no letters"
BY_CATEGORY: Mapping[str, str] = {
    "animal": "a photograph of a {answer}, the whole animal in its habitat, natural light, no text",
    "art": "a photograph that shows {answer}, as in an art book, no text",
    "city": "a photograph of the city of {answer}, its best known place, daylight, no text",
    "color": "a photograph of a plain object that is {answer} all over, on a neutral ground, no text",
    "country": "a photograph of a typical place in {answer}, with its flag, daylight, no text",
    "food": "a photograph of {answer} on a plate, seen from above, natural light, no text",
    "geography": "a landscape photograph of {answer}, seen from afar, daylight, no text",
    "history": "a picture of {answer}, as in a history book, no text",
    "material": "a close photograph of a piece of {answer}, its surface well visible, no text",
    "music": "a photograph of {answer}, on a stage, no text",
    "plant": "a photograph of a {answer} plant, leaves and flowers well visible, no text",
    "sport": "a photograph of {answer}, the sport being played, daylight, no text",
    "technology": "a photograph of a {answer}, the whole device on a table, no text",
}
"""The prompts of the built-in categories."""
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Prompts:
    """Prompts by category.

    Attributes:
        by_category: Templates with `{answer}`.
        default: For categories without one.
    """

    by_category: Mapping[str, str] = field(default_factory=lambda: dict(BY_CATEGORY))
    default: str = _PHOTO

    def __post_init__(self) -> None:
        for template in (self.default, *self.by_category.values()):
            _check(template)

    def prompt(self, answer: str, category: str) -> str:
        """What to ask for."""
        return self.by_category.get(category, self.default).format(answer=answer)

    def to_json(self) -> str:
        """The prompts as text that is equal for equal ones."""
        return json.dumps({**self.by_category, _DEFAULT: self.default}, sort_keys=True)


def read_prompts(path: Path) -> Prompts:
    """Read prompts from a JSON file: `{"animal": "a drawing of {answer}", "default": "..."}`.

    Categories that it does not name take its default; without one, the built-in prompts.

    Raises:
        UsageError: If it is no such file, or a prompt lacks `{answer}`.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UsageError(f"The prompts {path} cannot be read as JSON ({error}).") from error
    if not isinstance(data, dict) or not all(isinstance(text, str) for text in data.values()):
        raise UsageError(f'The prompts {path} must be one JSON object, as in {{"animal": "a {{answer}}"}}.')
    default = data.pop(_DEFAULT, None)
    return Prompts({**BY_CATEGORY, **data}) if default is None else Prompts(data, default)


def _check(template: str) -> None:
    try:
        fields = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise UsageError(f"The prompt {template!r} is malformed: {error}.") from error
    if set(fields) != {"answer"}:
        raise UsageError(f"The prompt {template!r} must hold {{answer}}, and no other name in braces.")
