"""What is to be trained on what, checked before the first weight is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from levelhead.errors import UsageError
from levelhead.models._checkpoint import Checkpoint
from levelhead.running import json_text
from levelhead.training._dialogues import Dialogue
from levelhead.training._loading import Device, encoder_of, locate_base
from levelhead.training._processes import process_count
from levelhead.training._settings import TuningSettings
from levelhead.training._tokens import Encoder, LossShare


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a training run needs, checked.

    Attributes:
        checkpoint: The base.
        encoder: From dialogues to batches.
        dialogues: Those that fit.
        lengths: Tokens of each, pictures included.
        left_out: Ids of those that are too long.
        loss: Tokens of the text, and how many of them are in the loss.
        settings: How.
    """

    checkpoint: Checkpoint
    encoder: Encoder
    dialogues: Sequence[Dialogue]
    lengths: Sequence[int] = field(repr=False)
    left_out: tuple[str, ...]
    loss: LossShare
    settings: TuningSettings


def make_plan(
    base: str, dialogues: Sequence[Dialogue], settings: TuningSettings, device: Device, threads: int | None
) -> Plan:
    """Find the base and tokenize the dialogues.

    Raises:
        UsageError: If the model cannot be tuned here, the data is empty, a dialogue does not suit the model,
            or all are too long.
        ImageError: If a picture cannot be read.
    """
    if not dialogues:
        raise UsageError("There is nothing to learn from: the data holds no dialogue.")
    if len({one.id for one in dialogues}) < len(dialogues):
        raise UsageError("Two dialogues have the same id. Give each its own.")
    checkpoint = locate_base(base, settings, device=device, threads=threads)
    encoder = encoder_of(checkpoint)
    encoded = [encoder.encode(dialogue) for dialogue in dialogues]
    lengths = [encoder.length(dialogue, row) for dialogue, row in zip(dialogues, encoded, strict=True)]
    kept = _fitting(lengths, checkpoint, settings)
    return Plan(
        checkpoint=checkpoint,
        encoder=encoder,
        dialogues=[dialogues[place] for place in kept],
        lengths=[lengths[place] for place in kept],
        left_out=tuple(dialogues[place].id for place in sorted(set(range(len(dialogues))) - set(kept))),
        loss=LossShare.of([encoded[place] for place in kept]),
        settings=settings,
    )


def identity(plan: Plan, facts: Mapping[str, object]) -> dict[str, Any]:
    """What makes one tuning another: base, data, settings and facts, as it comes back from JSON."""
    prompts = [[one.id, one.prompt.to_json(), one.quoted] for one in plan.dialogues]
    processes = process_count()
    made_of = {
        "schema": 1,
        "base": {"name": plan.checkpoint.name, "hash": plan.checkpoint.weights_hash()},
        "data": {
            "hash": hashlib.sha256(json_text(prompts).encode()).hexdigest(),
            "dialogues": len(plan.dialogues),
            "left_out": list(plan.left_out),
        },
        "settings": plan.settings.to_json(),
        **({"processes": processes} if processes > 1 else {}),
        "facts": dict(facts),
    }
    plain: dict[str, Any] = json.loads(json_text(made_of))
    return plain


def _fitting(lengths: Sequence[int], checkpoint: Checkpoint, settings: TuningSettings) -> list[int]:
    """The places of those that are not too long."""
    context = int(getattr(checkpoint.config.get_text_config(), "max_position_embeddings", 0) or 1 << 30)
    longest = min(context, settings.max_length or context)
    kept = [place for place, length in enumerate(lengths) if length <= longest]
    if not kept:
        raise UsageError(
            f"All {len(lengths):,} dialogues are longer than {longest:,} tokens (the shortest has "
            f"{min(lengths):,}); the context of {checkpoint.name} is {context:,}. Shorten them or raise "
            "--max-length."
        )
    return kept
