"""Tune a model on dialogues: TRL and peft behind one function.

    report = tune("embedded", dialogues, Path("adapter"), TuningSettings(epochs=1))

The folder first holds `tuning.json` (what is tuned, on what, how) and `checkpoints/`; a run that was killed
goes on from the last of them and gives the same losses and weights, bit for bit. A finished folder holds the
weights, `losses.csv`, `tuning.json` and a model card, and is returned as it is if asked for again.

Under `accelerate launch` every process calls `tune`; the first one writes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from levelhead.errors import RunFolderError, UsageError
from levelhead.models import Model
from levelhead.models._checkpoint import TUNING_FILE, Checkpoint
from levelhead.running import ProgressStyle, choose_style, hold_lock, json_text, write_whole
from levelhead.training._dialogues import Dialogue
from levelhead.training._loading import encoder_of, locate_base, require_tune_extra
from levelhead.training._settings import TuningSettings
from levelhead.training._tokens import Encoder, LossShare, LossSpan

Evaluate = Callable[[Model, int], Mapping[str, float]]
"""From the model in training and the epoch that ended (1, 2 ...) to named numbers."""
CHECKPOINTS = "checkpoints"
_LOCK = "tuning.lock"


@dataclass(frozen=True, slots=True)
class TuningReport:
    """What tuning did.

    Attributes:
        steps: Optimizer steps in all.
        losses: Mean loss per learned token at each step, in nats.
        evaluations: What `evaluate` returned, by epoch.
        dialogues: How many were trained on.
        left_out: Ids of those that were too long.
        loss: Tokens, and how many of them are in the loss.
        seconds: Time of the last start.
    """

    steps: int
    losses: tuple[float, ...]
    evaluations: Mapping[str, Mapping[str, float]]
    dialogues: int
    left_out: tuple[str, ...]
    loss: LossShare
    seconds: float


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that a training run needs, checked."""

    checkpoint: Checkpoint
    encoder: Encoder
    dialogues: Sequence[Dialogue]
    left_out: tuple[str, ...]
    loss: LossShare
    settings: TuningSettings
    lengths: Sequence[int] = field(repr=False)


def tune(
    base: str,
    dialogues: Sequence[Dialogue],
    out: Path,
    settings: TuningSettings | None = None,
    *,
    evaluate: Evaluate | None = None,
    facts: Mapping[str, object] | None = None,
    progress: ProgressStyle | None = None,
) -> TuningReport:
    """Tune a model.

    Args:
        base: Name of a local model, as `load_model` takes it. An adapter in it is merged first.
        dialogues: What it learns from; their assistant's turns are in the loss, quoted ones left out.
        out: Where the adapter (or, with `full`, the checkpoint) goes.
        settings: How; None for the usual settings.
        evaluate: Called after each epoch with the model as it is then.
        facts: What else belongs into `tuning.json` and the card: method, data, prompt format.
        progress: As from `choose_style`.

    Raises:
        UsageError: If the model cannot be tuned here, a dialogue does not suit it, or all are too long.
        RunFolderError: If the folder holds something else, or another tuning.
        MissingExtraError: If TRL, peft or datasets is not installed.
    """
    settings = settings or TuningSettings()
    require_tune_extra()
    plan = _plan(base, dialogues, settings)
    identity = _identity(plan, facts or {})
    _make(out)
    with hold_lock(out / _LOCK) if _is_first_process() else _nothing():
        if (finished := _earlier(out, identity)) is not None:
            return finished
        if _is_first_process():
            write_whole(out / TUNING_FILE, [json_text(identity, indent=2), "\n"])
        from levelhead.training._trainer import train

        report = train(plan, out, evaluate, choose_style(progress))
        if _is_first_process():
            _finish(out, plan, identity, report)
    return report


def loss_spans(base: str, dialogue: Dialogue) -> list[LossSpan]:
    """The tokens of a dialogue as the model is trained on them, those in the loss apart from the others.

    Raises:
        UsageError: If no token is in the loss, or the model cannot take the dialogue.
    """
    return encoder_of(locate_base(base)).spans(dialogue)


def loss_share(base: str, dialogues: Sequence[Dialogue]) -> LossShare:
    """How many tokens of some dialogues are in the loss; pictures are not counted.

    Raises:
        UsageError: If a dialogue has no token in the loss, or the model cannot take it.
    """
    encoder = encoder_of(locate_base(base))
    encoded = [encoder.encode(dialogue) for dialogue in dialogues]
    return LossShare(sum(len(row.token_ids) for row in encoded), sum(row.in_loss for row in encoded))


def _plan(base: str, dialogues: Sequence[Dialogue], settings: TuningSettings) -> _Plan:
    if not dialogues:
        raise UsageError("There is nothing to learn from: the data holds no dialogue.")
    if len({one.id for one in dialogues}) < len(dialogues):
        raise UsageError("Two dialogues have the same id. Give each its own.")
    checkpoint = locate_base(base, settings)
    encoder = encoder_of(checkpoint)
    context = int(getattr(checkpoint.config.get_text_config(), "max_position_embeddings", 0) or 1 << 30)
    longest = min(context, settings.max_length or context)
    encoded = [encoder.encode(dialogue) for dialogue in dialogues]
    kept = [place for place, row in enumerate(encoded) if len(row.token_ids) <= longest]
    if not kept:
        shortest = min(len(row.token_ids) for row in encoded)
        raise UsageError(
            f"All {len(dialogues):,} dialogues are longer than {longest:,} tokens (the shortest has "
            f"{shortest:,}); the context of {base} is {context:,}. Shorten them or raise --max-length."
        )
    rows = [encoded[place] for place in kept]
    return _Plan(
        checkpoint=checkpoint,
        encoder=encoder,
        dialogues=[dialogues[place] for place in kept],
        left_out=tuple(one.id for place, one in enumerate(dialogues) if place not in set(kept)),
        loss=LossShare(sum(len(row.token_ids) for row in rows), sum(row.in_loss for row in rows)),
        settings=settings,
        lengths=[len(row.token_ids) for row in rows],
    )


def _identity(plan: _Plan, facts: Mapping[str, object]) -> dict[str, Any]:
    """What makes one tuning another: base, data, settings and facts, as it comes back from JSON."""
    prompts = [[one.id, one.prompt.to_json(), one.quoted] for one in plan.dialogues]
    identity = {
        "schema": 1,
        "base": {"name": plan.checkpoint.name, "hash": plan.checkpoint.base_hash()},
        "data": {
            "hash": hashlib.sha256(json_text(prompts).encode()).hexdigest(),
            "dialogues": len(plan.dialogues),
            "left_out": list(plan.left_out),
        },
        "settings": plan.settings.to_json(),
        "facts": dict(facts),
    }
    plain: dict[str, Any] = json.loads(json_text(identity))
    return plain


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        names = {entry.name for entry in out.iterdir()}
    except OSError as error:
        raise RunFolderError(
            f"The folder {out} cannot be used: {error.strerror}. Give another --out."
        ) from error
    if names - {_LOCK} and TUNING_FILE not in names:
        raise RunFolderError(
            f"{out} holds {min(names - {_LOCK})!r} but no {TUNING_FILE}, so it is no folder of a tuning. "
            "Nothing was written. Give an --out that is empty or does not exist yet."
        )


def _earlier(out: Path, identity: Mapping[str, Any]) -> TuningReport | None:
    """The report of a finished tuning that is the same; None if it has yet to begin or to go on."""
    path = out / TUNING_FILE
    if not path.is_file():
        return None
    try:
        earlier = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read ({error}). Remove {out} to tune anew.") from error
    differing = [key for key in identity if earlier.get(key) != identity[key]]
    if differing:
        raise RunFolderError(
            f"{out} holds another tuning: its {', '.join(differing)} differ. Give another --out, or remove "
            "the folder to tune anew."
        )
    if "report" not in earlier:
        return None
    found = earlier["report"]
    return TuningReport(
        **{
            **found,
            "losses": tuple(found["losses"]),
            "left_out": tuple(found["left_out"]),
            "loss": LossShare(**found["loss"]),
        }
    )


def _finish(out: Path, plan: _Plan, identity: Mapping[str, Any], report: TuningReport) -> None:
    """Write what remains, and last `tuning.json` with the report, which marks the folder as finished."""
    from levelhead.training._card import model_card

    lines = [f"{step},{loss!r}\n" for step, loss in enumerate(report.losses, start=1)]
    write_whole(out / "losses.csv", ["step,loss\n", *lines])
    write_whole(out / "README.md", [model_card(identity, report)])
    whole = {**identity, "report": asdict(report)}
    write_whole(out / TUNING_FILE, [json_text(whole, indent=2), "\n"])
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)


def _is_first_process() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _nothing() -> Any:
    from contextlib import nullcontext

    return nullcontext()
