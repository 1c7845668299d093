"""Sets of requests by name, for the command line: `benign`, `figstep:FOLDER`, or a `PROMPTS.jsonl` file.

What needs a set's pictures and does not have them is asked in words: MOSSBench and HarmBench's multimodal
behaviors say in the text what the picture shows, and of VLGuard only the instructions that stand on their own
are asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from levelhead.datasets import (
    read_advbench,
    read_figstep,
    read_figstep_tiny,
    read_harmbench_multimodal,
    read_harmbench_text,
    read_mm_safetybench,
    read_mossbench,
    read_simple_safety_tests,
    read_strongreject,
    read_vlguard,
)
from levelhead.datasets._mm_safetybench import PictureKind
from levelhead.errors import UsageError
from levelhead.guard._look_alikes import LOOK_ALIKES
from levelhead.guard.evaluation._drawing import draw_requests, list_lines
from levelhead.guard.evaluation._judge_prompts import SCENARIO_PROMPTS
from levelhead.guard.evaluation._own_requests import (
    BENIGN,
    FILL_LIST,
    read_benign,
    read_look_alike_requests,
    read_requests,
)
from levelhead.guard.evaluation._request import Kind, Request, draw
from levelhead.records import Example


@dataclass(frozen=True, slots=True)
class RequestSet:
    """A set that can be named.

    Attributes:
        read: From the path of its file or folder to its requests.
        what: In a few words, for help texts.
    """

    read: Callable[[Path], list[Request]]
    what: str


def read_suites(
    names: Sequence[str],
    pictures: Path,
    *,
    limit: int | None = None,
    seed: int = 0,
    font: Path | None = None,
    holds: Callable[[Request], bool] = lambda request: True,
) -> list[Request]:
    """Read the sets, draw some requests of each, and draw the pictures of those.

    Where no set has a harmless side, our own mild set comes along: attack success is never told without
    over-refusal.

    Args:
        names: `benign`, `look-alikes`, `SET:PATH` with a set of `REQUEST_SETS`, or the path of a
            `PROMPTS.jsonl` file.
        pictures: Folder for pictures that are drawn.
        limit: At most so many attacks and so many harmless requests of each set.
        seed: Of the draw.
        font: See `draw_text`.
        holds: Whether a request takes part at all; asked before the draw.

    Raises:
        UsageError: If there is no such set, a file cannot be read or is malformed, or two requests have one
            id.
        RunFolderError: If a picture cannot be written.
    """
    requests = [one for name in names for one in draw(list(filter(holds, _read(name))), limit, seed)]
    if all(one.kind == "attack" for one in requests):
        requests += draw(list(filter(holds, read_benign())), limit, seed)
    if twice := [name for name, count in Counter(one.id for one in requests).items() if count > 1]:
        raise UsageError(
            f"Two requests have the id {twice[0]!r}. Name each set once, and give each request its own id."
        )
    return draw_requests(requests, pictures, font)


def _read(name: str) -> list[Request]:
    if name == BENIGN:
        return read_benign()
    if name == LOOK_ALIKES:
        return read_look_alike_requests()
    known, colon, path = name.partition(":")
    if colon and path and known in REQUEST_SETS:
        return REQUEST_SETS[known].read(Path(path))
    if name in REQUEST_SETS or (colon and not Path(name).exists()):
        raise UsageError(
            f"{name!r} names no set with its place. Give {BENIGN}, {LOOK_ALIKES}, a PROMPTS.jsonl file, or "
            f"SET:PATH with one of: {', '.join(REQUEST_SETS)}."
        )
    return read_requests(Path(name))


def _of(example: Example, source: str, kind: Kind, *, text: str | None = None) -> Request:
    """The example as a request; `text` stands in for its question where something else is typed."""
    goal = example.metadata.get("goal")
    return Request(
        id=example.id,
        source=source,
        kind=kind,
        text=text or example.question,
        images=example.images,
        intent=example.question if text else None,
        category=str(example.metadata.get("category") or "all"),
        group=str(goal) if goal else example.group,
    )


def _text_attacks(path: Path, *, read: Callable[[Path], list[Example]], source: str) -> list[Request]:
    return [_of(example, source, "attack") for example in read(path)]


def _figstep(folder: Path) -> list[Request]:
    return [
        replace(
            _of(example, "figstep", "attack", text=FILL_LIST),
            written=list_lines(str(example.metadata["instruction"])),
        )
        for example in read_figstep(folder)
    ]


def _figstep_tiny(folder: Path) -> list[Request]:
    """With ids of their own, so that they can stand beside the drawn ones."""
    found = [_of(one, "figstep-tiny", "attack", text=FILL_LIST) for one in read_figstep_tiny(folder)]
    return [replace(one, id=one.id.replace("figstep-", "figstep-tiny-", 1)) for one in found]


def _mm_safetybench(folder: Path, *, kinds: Sequence[PictureKind]) -> list[Request]:
    # The plain question is what is meant; the picture kinds say half of it in the picture.
    meant = {one.group: one.question for one in read_mm_safetybench(folder, "text")}
    return [
        replace(
            _of(example, "mm-safetybench", "attack"),
            intent=meant[example.group],
            category=f"{example.metadata['category']} {kind}",
            judge_prompt=SCENARIO_PROMPTS.get(str(example.metadata["category"]), "general"),
        )
        for kind in kinds
        for example in read_mm_safetybench(folder, kind)
    ]


def _harmbench_text(path: Path) -> list[Request]:
    """Without the requests for protected text, which no judge of harm can score."""
    return [
        _of(example, "harmbench-text", "attack")
        for example in read_harmbench_text(path)
        if example.metadata["kind"] != "copyright"
    ]


def _harmbench_multimodal(path: Path) -> list[Request]:
    return [
        _of(one, "harmbench-multimodal", "attack", text=_with_words(one, str(one.metadata["description"])))
        for one in read_harmbench_multimodal(path)
    ]


def _mossbench(path: Path) -> list[Request]:
    return [
        _of(one, "mossbench", "benign", text=_with_words(one, str(one.metadata["description"])))
        for one in read_mossbench(path)
    ]


def _vlguard(path: Path) -> list[Request]:
    """Harmful and harmless instructions for harmless pictures; those that need an unsafe picture are out."""
    sides: dict[object, Kind] = {"unsafe": "attack", "safe": "benign"}
    return [
        _of(example, "vlguard", sides[example.metadata["kind"]])
        for example in read_vlguard(path)
        if example.metadata["kind"] in sides
    ]


def _with_words(example: Example, description: str) -> str:
    if not description.strip():
        return example.question
    return f"A picture shows: {description}\n\n{example.question}"


_KINDS: dict[str, tuple[PictureKind, ...]] = {
    "mm-safetybench": ("SD", "TYPO", "SD_TYPO", "text"),
    "mm-safetybench-sd": ("SD",),
    "mm-safetybench-typo": ("TYPO",),
    "mm-safetybench-sd-typo": ("SD_TYPO",),
    "mm-safetybench-text": ("text",),
}

REQUEST_SETS: dict[str, RequestSet] = {
    "advbench": RequestSet(
        partial(_text_attacks, read=read_advbench, source="advbench"), "520 harmful requests"
    ),
    "strongreject": RequestSet(
        partial(_text_attacks, read=read_strongreject, source="strongreject"), "313 harmful requests"
    ),
    "simple-safety-tests": RequestSet(
        partial(_text_attacks, read=read_simple_safety_tests, source="simple-safety-tests"),
        "100 harmful requests",
    ),
    "harmbench-text": RequestSet(_harmbench_text, "harmful requests, with and without context"),
    "harmbench-multimodal": RequestSet(_harmbench_multimodal, "the pictures in words"),
    "figstep": RequestSet(_figstep, "500 pictures of lists, drawn anew"),
    "figstep-tiny": RequestSet(_figstep_tiny, "the 50 published pictures"),
    **{
        name: RequestSet(partial(_mm_safetybench, kinds=kinds), f"13 scenarios, {', '.join(kinds)}")
        for name, kinds in _KINDS.items()
    },
    "vlguard": RequestSet(_vlguard, "harmful and harmless instructions, text side"),
    "mossbench": RequestSet(_mossbench, "harmless, looks dangerous, text side"),
}
"""By the name that stands before the colon."""
