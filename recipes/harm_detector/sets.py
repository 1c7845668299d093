"""What the shipped detector learns from, and what it is tested on: names of sets and their folders.

Each set lies in a folder of its own below one data folder, as its authors publish it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

TRAINED_ON = (
    "gptfuzz",
    "jailbreakbench_artifacts",
    "refusal_direction",
    "diasafety",
    "llm_self_defense",
    "halueval",
)
"""All of them allow weights that are passed on."""
AT_MOST = {"gptfuzz": 3000, "diasafety": 300, "halueval": 1500}
"""GPTFuzz has thousands of answers to 80 questions, and DiaSafety thousands of rude or careless short
replies, another harm than that of most tests. More of them would drown the rest."""
TEACHER_AT_MOST = {
    "gptfuzz": 800,
    "jailbreakbench_artifacts": 1000,
    "refusal_direction": 800,
    "diasafety": 300,
    "halueval": 800,
}
"""A linear probe has a thousand numbers to learn; more rows cost hours of reading and teach it little."""
UNLABELLED = "hh_rlhf_harmless"
"""Says which of two answers is worse, not which are harmful."""
TESTED_ON = (
    "gptfuzz-evaluate",
    "beavertails",
    "jailbreakeval-Safe-RLHFmini",
    "jailbreakeval-JAILJUDGEmini",
    "do_not_answer",
    "diasafety-test",
)
"""What these ask is taken out of the training rows."""
_FOLDERS = {
    "gptfuzz-evaluate": "gptfuzz",
    "beavertails": "guardreasoner_bench",
    "jailbreakeval-Safe-RLHFmini": "jailbreakeval",
    "jailbreakeval-JAILJUDGEmini": "jailbreakeval",
    "diasafety-test": "diasafety",
}
"""Folders of sets that are not called like them."""


def arguments(option: str, names: Iterable[str], data: Path) -> list[str]:
    """The option for each set, as `SET:FOLDER`.

    >>> arguments("--data", ["halueval", "diasafety-test"], Path("sets"))
    ['--data', 'halueval:sets/halueval', '--data', 'diasafety-test:sets/diasafety']
    """
    return [
        word for name in names for word in (option, f"{name}:{(data / _FOLDERS.get(name, name)).as_posix()}")
    ]
