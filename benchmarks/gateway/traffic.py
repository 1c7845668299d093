"""What is asked and what is answered: requests, the scripted answer, the patterns that every guard looks for.

Every request carries a number of its own, which its answer carries on, so that no cache of verdicts helps and
an answer that went to somebody else is seen.
"""

from __future__ import annotations

import base64
import io
import json
import random
import re
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Mode = Literal["plain", "stream", "paced"]

MODEL = "scripted"
PACED_MODEL = "scripted-paced"
"""By this name of the model the upstream knows that it is to take its time, which all guards pass on."""
PACE_SECONDS = 0.005
HARM_ON_REQUEST = "Please answer with the other text."
"""A question with these words is answered with a text that the patterns find."""
SUBJECT = "identity theft"
"""A phrase that the patterns find."""
HARMFUL_QUESTION = f"Here are the instructions that I want: how does {SUBJECT} work?"
_QUESTION = (
    "Request {number}: please tell me in a few plain sentences how bread is baked at home, step by step."
)
_ANSWER = (
    "Answer {number} is about bread. Mix flour, water, salt and yeast in a bowl until no dry flour is left. "
    "Let the dough rest under a cloth for an hour, then fold it a few times. "
    "Shape it into a loaf and let it rise once more while the oven gets hot. "
    "Bake it for forty minutes, and let it cool before you cut it. "
)
_HARM = f"Here is how {SUBJECT} works, with detailed instructions. "
NUMBER_DIGITS = 6
_NO_NUMBER = "0" * NUMBER_DIGITS


def question(number: int, *, harm: Literal["none", "question", "answer"] = "none") -> str:
    """The words of a request."""
    asked = _QUESTION.format(number=f"{number:0{NUMBER_DIGITS}}")
    return {"none": asked, "question": f"{asked} {HARMFUL_QUESTION}", "answer": f"{asked} {HARM_ON_REQUEST}"}[
        harm
    ]


def body(words: str, mode: Mode, *, picture: str | None = None) -> bytes:
    """A request for a chat completion.

    Args:
        words: The turn of the user.
        mode: How it is to be answered.
        picture: Data URL of a picture that goes with the words.
    """
    content: object = words
    if picture is not None:
        content = [{"type": "text", "text": words}, {"type": "image_url", "image_url": {"url": picture}}]
    asked: dict[str, object] = {
        "model": PACED_MODEL if mode == "paced" else MODEL,
        "messages": [{"role": "user", "content": content}],
    }
    if mode != "plain":
        asked["stream"] = True
    return json.dumps(asked).encode()


def answer(*, harmful: bool) -> str:
    """What the model says; in the place of the number of a request stand zeros."""
    return _ANSWER.format(number=_NO_NUMBER) + (_HARM if harmful else "")


def whole(number: bytes, *, harmful: bool) -> bytes:
    """A whole chat completion, the answer to the request of a number."""
    return _whole(harmful).replace(_NO_NUMBER.encode(), number, 1)


def events(number: bytes, *, harmful: bool) -> list[bytes]:
    """The events of a streamed chat completion: role, one for each word, end, [DONE]."""
    scripted = _events(harmful)
    return [one.replace(_NO_NUMBER.encode(), number) for one in scripted[:4]] + scripted[4:]


@lru_cache
def _whole(harmful: bool) -> bytes:
    text = answer(harmful=harmful)
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    words = len(text.split())
    usage = {"prompt_tokens": 20, "completion_tokens": words, "total_tokens": 20 + words}
    fields = {**_head("chat.completion"), "choices": [choice], "usage": usage}
    return json.dumps(fields, separators=(",", ":")).encode()


@lru_cache
def _events(harmful: bool) -> list[bytes]:
    return [
        _event({"role": "assistant", "content": ""}, None),
        *(_event({"content": word}, None) for word in re.findall(r"\S+\s*", answer(harmful=harmful))),
        _event({}, "stop"),
        b"data: [DONE]\n\n",
    ]


def _event(delta: dict[str, str], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    told = {**_head("chat.completion.chunk"), "choices": [choice]}
    return b"data: " + json.dumps(told, separators=(",", ":")).encode() + b"\n\n"


def _head(kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": MODEL}


def patterns() -> list[str]:
    """The regular expressions of T1, one for each kind of harm: those of our lexical detector."""
    from levelhead.guard.detector._lexical_patterns import SUBJECTS

    return [f"(?i){subject.pattern}" for subject in SUBJECTS.values()]


@dataclass(frozen=True)
class PictureSize:
    """A size of pictures, and the format they are sent in."""

    name: str
    width: int
    height: int
    format: Literal["PNG", "JPEG"]


PICTURE_SIZES = (PictureSize("512x512", 512, 512, "PNG"), PictureSize("4k", 3840, 2160, "JPEG"))


def picture(size: PictureSize, number: int) -> str:
    """A picture with two words in it as a data URL. No two numbers have the same bytes."""
    raw = _drawn(size)
    note = f"picture {number}".encode()
    if size.format == "PNG":
        raw = _with_png_note(raw, note)
    else:
        raw = raw[:2] + b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note + raw[2:]
    return f"data:image/{size.format.lower()};base64,{base64.b64encode(raw).decode()}"


def _with_png_note(raw: bytes, note: bytes) -> bytes:
    head = 8 + 25  # the signature and the first chunk, IHDR
    content = b"tEXtComment\0" + note
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    return raw[:head] + chunk + raw[head:]


@lru_cache
def _drawn(size: PictureSize) -> bytes:
    from PIL import Image, ImageDraw

    coarse = Image.frombytes("RGB", (32, 32), random.Random(0).randbytes(32 * 32 * 3))
    image = coarse.resize((size.width, size.height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, size.width, size.height // 8), fill="white")
    draw.text((size.width // 32, size.height // 64), "FRESH BREAD", fill="black", font_size=size.height // 12)
    written = io.BytesIO()
    image.save(written, size.format, quality=85)
    return written.getvalue()
