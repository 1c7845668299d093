"""What a model learns from: dialogues, and the file that holds them.

The file is JSONL in the `messages` form that trainers read: one object a line with `id`, `messages` (a list
of `role` and `content`), and where needed `images` (paths relative to the file), `raw` (the texts are joined
as they are, no chat template), `quoted` (places of assistant messages that are read, not learned) and
`metadata`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from levelhead.errors import UsageError
from levelhead.records import Image, JSONValue, Prompt, Turn
from levelhead.running import json_text, write_whole


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One example to learn from.

    Attributes:
        id: Unique in its data.
        prompt: The whole dialogue; it ends with an assistant's turn. Pictures belong to its first user turn.
        metadata: What else is known of it (task, label ...); no part of training.
        quoted: Places among the turns of assistant's turns that are only read. The others are learned.

    Raises:
        UsageError: If nothing in it is learned, or a quoted place is no assistant's turn.
    """

    id: str
    prompt: Prompt
    metadata: Mapping[str, JSONValue] = field(default_factory=dict)
    quoted: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        own = [place for place, turn in enumerate(self.prompt.turns) if turn.role == "assistant"]
        if not set(self.quoted) <= set(own):
            raise UsageError(
                f"The dialogue {self.id} quotes turns that are not the assistant's: {self.quoted}."
            )
        if not own or own[-1] != len(self.prompt.turns) - 1 or own[-1] in self.quoted:
            raise UsageError(
                f"The dialogue {self.id} does not end with a turn to be learned. Let it end with the "
                "assistant's."
            )

    def learned(self, place: int) -> bool:
        """Whether the turn at a place is learned."""
        return self.prompt.turns[place].role == "assistant" and place not in self.quoted


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    messages: list[_Message]
    images: list[str] = []
    raw: bool = False
    quoted: list[int] = []
    metadata: dict[str, JSONValue] = {}


def write_dialogues(path: Path, dialogues: Iterable[Dialogue]) -> None:
    """Write dialogues as JSONL, whole or not at all.

    Raises:
        UsageError: If a picture is held in memory.
        RunFolderError: If the file cannot be written.
    """
    write_whole(path, [json_text(_to_line(one, path.parent)) + "\n" for one in dialogues])


def read_dialogues(path: Path) -> list[Dialogue]:
    """Read what `write_dialogues` wrote.

    Raises:
        UsageError: If the file cannot be read, or a line has another form; the error names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The dialogues {path} cannot be read: {error}. Make them with: honesty build"
        ) from error
    found: list[Dialogue] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(_from_line(_Line.model_validate_json(line), path.parent))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the line"
            raise UsageError(f"Line {number} of {path} is no dialogue ({place}: {first['msg']}).") from error
        except (UsageError, ValueError) as error:
            raise UsageError(f"Line {number} of {path}: {error}") from error
    return found


def _to_line(dialogue: Dialogue, folder: Path) -> dict[str, object]:
    line: dict[str, object] = {
        "id": dialogue.id,
        "messages": [{"role": turn.role, "content": turn.text} for turn in dialogue.prompt.turns],
    }
    if dialogue.prompt.images:
        line["images"] = [_relative(dialogue.id, image, folder) for image in dialogue.prompt.images]
    if dialogue.prompt.raw:
        line["raw"] = True
    if dialogue.quoted:
        line["quoted"] = list(dialogue.quoted)
    if dialogue.metadata:
        line["metadata"] = dict(dialogue.metadata)
    return line


def _relative(name: str, image: Image, folder: Path) -> str:
    if image.path is None:
        raise UsageError(f"A picture of the dialogue {name} is held in memory. Save it to a file first.")
    return os.path.relpath(image.path.resolve(), folder.resolve())


def _from_line(line: _Line, folder: Path) -> Dialogue:
    prompt = Prompt(
        tuple(Turn(message.role, message.content) for message in line.messages),
        tuple(Image(path=folder / name) for name in line.images),
        raw=line.raw,
    )
    return Dialogue(line.id, prompt, line.metadata, tuple(line.quoted))
