"""The model card that lies beside tuned weights."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levelhead.running import json_text

if TYPE_CHECKING:
    from levelhead.training._report import TuningReport


def model_card(
    identity: Mapping[str, Any],
    report: TuningReport,
    command: Sequence[str],
    sections: Mapping[str, str] | None = None,
) -> str:
    """The card as Markdown with a head that hubs read.

    Args:
        identity: What `tuning.json` says of base, data, settings and facts.
        report: What tuning did.
        command: The command line.
        sections: Sections on what the weights are for, from heading to Markdown; without them stands a
            sentence on models that were taught what they know.
    """
    from levelhead.running import installed_versions

    base, data, settings = identity["base"], identity["data"], identity["settings"]
    name = public_name(base["name"])
    kind = "LoRA adapter" if settings["method"] == "lora" else "checkpoint"
    loss = report.loss
    parts = [
        f"---\nbase_model: {name}\ntags: [levelhead, {settings['method']}]\n---\n",
        f"# A {kind} for {name}\n",
        f"Made by `levelhead` for this base alone (SHA-256 of its weights: `{base['hash']}`).\n",
        *_sections(sections),
        "## Data\n",
        f"- {report.dialogues:,} dialogues, {len(report.left_out):,} left out as too long; SHA-256 "
        f"`{data['hash']}`\n"
        f"- {loss.in_loss:,} of {loss.tokens:,} tokens in the loss ({loss.share:.1%})\n",
        *_facts(identity["facts"]),
        "## Training\n",
        _table(("setting", "value"), settings.items()),
        f"\n{report.steps:,} steps; loss {_mean(report.losses[:10]):.3f} over the first ten, "
        f"{_mean(report.losses[-10:]):.3f} over the last ten (`losses.csv`).\n",
        *_evaluations(report.evaluations),
        "## Libraries\n",
        _table(("library", "version"), installed_versions().items()),
        f"\nCommand: `{shlex.join(command)}`\n",
    ]
    return "\n".join(parts)


def public_name(name: str) -> str:
    """What a model is called outside of this machine: a folder by its own name alone.

    >>> public_name("hf:/home/ada/models/small+/home/ada/adapters/first")
    'small+first'
    >>> public_name("hf:owner/name")
    'owner/name'
    """
    parts = [Path(part) for part in name.removeprefix("hf:").split("+")]
    return "+".join(part.name if part.is_absolute() or part.exists() else str(part) for part in parts)


def _sections(sections: Mapping[str, str] | None) -> list[str]:
    if not sections:
        return [
            "It knows no more than its data taught it, and what it says about its own certainty holds for "
            "questions like those it was tuned on; measure it on yours.\n"
        ]
    return [f"## {heading}\n\n{text}\n" for heading, text in sections.items()]


def _facts(facts: Mapping[str, Any]) -> list[str]:
    if not facts:
        return []
    rows = [
        (name, value if isinstance(value, str) else f"`{json_text(value)}`") for name, value in facts.items()
    ]
    return [_table(("fact", "value"), rows), ""]


def _evaluations(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    if not found:
        return []
    names = list(dict.fromkeys(name for numbers in found.values() for name in numbers))
    rows = [
        (epoch, *(f"{numbers[name]:.3f}" if name in numbers else "" for name in names))
        for epoch, numbers in found.items()
    ]
    return ["## After each epoch, on what was held out\n", _table(("epoch", *names), rows), ""]


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values) if values else float("nan")
