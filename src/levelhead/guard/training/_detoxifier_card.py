"""What the model card of a detoxifier says beside the numbers of its tuning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from levelhead.guard._named_pairs import licence_of
from levelhead.guard.detoxifier._prompts import RewritingStyle
from levelhead.guard.training._detoxifier_data import DetoxifierData
from levelhead.guard.training._detoxifier_sets import SAFE_ANSWERS, forbidden_sources

_SIDES = ("read", "train, rewritten", "train, kept", "held out, rewritten", "held out, kept")
_LEFT_OUT = "left out, "


def detoxifier_sections(data: DetoxifierData, style: RewritingStyle) -> dict[str, str]:
    """Sections of the card: use, limits, sources with licences and counts, and what forbids to ship.

    Args:
        data: What is trained on; only counted.
        style: Wording of the prompt.
    """
    sections = {
        "Intended use": (
            "To rewrite answers of a language model that a harm detector has flagged, so that they are "
            "harmless: `levelhead guard rewrite`. The detector decides what is rewritten and judges the "
            "rewriting again; answers that it does not flag are never shown to these weights, and a "
            "rewriting that is still flagged is to be replaced by a refusal. It is no judge of answers or "
            "of people."
        ),
        "Limits": (
            f"It expects the prompt style `{style}`, which `tuning.json` names. English; one answer at a "
            "time; it sees no picture. It can leave harm in, add what is not true, drop harmless content, or "
            "decline where a rewriting was possible, and it repeats the judgements in its data. A small base "
            "writes as a small base does. Measure it behind your detector, on answers like yours."
        ),
        "Sources": "\n\n".join([_sources_table(data), *_left_out(data), _how_held_out(data)]),
    }
    if forbidden := forbidden_sources(data.counts):
        reasons = "; ".join(f"`{name}`: {why}" for name, why in forbidden.items())
        return {"Not to be shipped": f"Made for an experiment. {reasons}.", **sections}
    return sections


def source_facts(data: DetoxifierData) -> dict[str, Mapping[str, Any]]:
    """Licence and counts by source, for `tuning.json`."""
    return {
        name: {"licence": _licence(name), "counts": dict(counts)}
        for name, counts in sorted(data.counts.items())
    }


def _licence(source: str) -> str:
    return "not stated" if source == SAFE_ANSWERS else licence_of(source)


def _sources_table(data: DetoxifierData) -> str:
    head = ("source", "licence", *_SIDES)
    rows = [
        (name, _licence(name), *(f"{counts.get(side, 0):,}" for side in _SIDES))
        for name, counts in sorted(data.counts.items())
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


def _left_out(data: DetoxifierData) -> list[str]:
    found = [
        f"- {name}: {count:,} {what.removeprefix(_LEFT_OUT)}"
        for name, counts in sorted(data.counts.items())
        for what, count in sorted(counts.items())
        if what.startswith(_LEFT_OUT)
    ]
    return ["Left out:\n\n" + "\n".join(found)] if found else []


def _how_held_out(data: DetoxifierData) -> str:
    judged = "" if data.judge is None else f" What had no label was judged by `{data.judge}`."
    held = (
        "What is held out shares no goal with what was trained on."
        if data.held_out
        else "Nothing is held out."
    )
    return f"Of the harmless answers, as many as the share to keep asks for are used. {held}{judged}"
