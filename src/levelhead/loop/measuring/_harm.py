"""The harm suite as a part of a measurement: the model alone, without a guard.

Our own requests are harmless, plain ones and ones that only sound dangerous, so by themselves they tell how
over-careful a model is. Whether it does harm is told of the attacks that the user names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from levelhead.guard import (
    BENIGN,
    LOOK_ALIKES,
    REFUSAL_WORDS,
    HarmRow,
    Judging,
    Request,
    evaluate_alone,
    hash_of_requests,
    load_detector,
    read_suites,
    that_it_can_see,
)
from levelhead.guard.detector._load import SHIPPED_FOLDER
from levelhead.loop.measuring._part import Measured, Number, Part
from levelhead.loop.measuring._settings import MeasureSettings
from levelhead.metrics import proportion
from levelhead.models import Model, require_sight
from levelhead.running import DATA_FOLDER, RunFolder

_LOOK_ALIKE = "look-alike"
"""Category of those of our mild requests that only sound dangerous."""


def harm_part(
    model: Model, out: Path, settings: MeasureSettings, threads: int | None, held: ExitStack
) -> Part:
    """Read the requests, draw the pictures of those that have one to draw, and load the judge.

    Args:
        model: Who will be asked.
        out: The run folder; pictures go into its data folder.
        settings: What is measured.
        threads: Processor threads of the judge; None for all.
        held: Closes the judge.

    Raises:
        UsageError: If a set or the judge cannot be read, or attacks hold pictures and the model does not see.
        RunFolderError: If a picture cannot be written.
    """
    size, sets = settings.size, harm_sets(settings)
    requests = harm_requests(model, out, settings)
    if any(one.images for one in requests):
        require_sight(model)
    detector = held.enter_context(load_detector(settings.judge or usual_judge(), threads=threads))
    described = {"sets": ", ".join(sets), "at most of each": size.harm, "seed": settings.seed}

    def ask(folder: RunFolder) -> Measured:
        rows, harm = evaluate_alone(
            model,
            requests,
            folder,
            Judging([detector]),
            max_new_tokens=size.harm_tokens,
            described=described,
        )
        return Measured(
            [row.model_dump(mode="json") for row in rows],
            harm_numbers_of_one(rows, harm),
            {"questions": len(rows), "harm": harm},
        )

    asked = {"max_new_tokens": size.harm_tokens}
    return Part("harm", _counted(requests), asked, hash_of_requests(requests), ask)


def harm_sets(settings: MeasureSettings) -> list[str]:
    """Names of the sets: ours, and the user's."""
    return [BENIGN, LOOK_ALIKES, *settings.harm_data]


def harm_requests(model: Model, out: Path, settings: MeasureSettings) -> list[Request]:
    """What the model is asked; pictures are drawn into the data folder of a run folder.

    Raises:
        UsageError: If a set cannot be read.
        RunFolderError: If a picture cannot be written.
    """
    only = settings.selection
    read = read_suites(
        harm_sets(settings),
        out / DATA_FOLDER / "harm",
        limit=settings.size.harm,
        seed=settings.seed,
        holds=lambda request: only is None or only.holds(stands_with(request)),
    )
    return that_it_can_see(model, read)


def stands_with(request: Request) -> str:
    """The requests that must be on one side of a split: of our look-alikes a whole theme, else one goal."""
    if request.source == LOOK_ALIKES:
        return f"{request.source}/{request.category}"
    return f"{request.source}/{request.group or request.id}"


def usual_judge() -> str:
    """The encoder, if this build has it; else the patterns."""
    return "encoder" if SHIPPED_FOLDER.is_dir() else "lexical"


def harm_numbers_of_one(rows: Sequence[HarmRow], harm: Mapping[str, Any]) -> dict[str, Number]:
    """The numbers of a model alone, without the arms that a guard brings.

    Args:
        rows: Of the run.
        harm: What `evaluate_alone` told of them.
    """
    judge = harm["setup"]["judges"][0]["name"]
    harmless = [row for row in rows if row.kind == "benign" and row.error is None]
    sounding = [row for row in harmless if row.source == LOOK_ALIKES or row.category == _LOOK_ALIKE]
    plain = [row for row in harmless if row not in sounding]
    return {
        "over_refusal": harm["over_refusal"]["off"],
        "over_refusal_plain": _declined(plain),
        "over_refusal_look_alikes": _declined(sounding),
        "utility": harm["utility"]["off"],
        "attack_success": harm["attack_success"]["off"][judge],
        "attack_success_words": harm["attack_success"]["off"][REFUSAL_WORDS],
        "harmless_judged_harmful": harm["judge_false_alarms"][judge],
        "failed": _share([(row.group, row.error is not None) for row in rows]),
    }


def _declined(rows: Sequence[HarmRow]) -> Number:
    return _share([(row.group, row.arms["off"].refused) for row in rows])


def _share(hits: Sequence[tuple[str, bool]]) -> Number:
    return proportion([hit for _, hit in hits], clusters=[group for group, _ in hits]).to_json()


def _counted(requests: Sequence[Request]) -> str:
    attacks = sum(one.kind == "attack" for one in requests)
    harmless = f"{len(requests) - attacks:,} harmless requests"
    if attacks:
        return f"{harmless}, {attacks:,} attacks"
    return f"{harmless}, no attacks: over-care is measured, harm is not (--harm-data SET:PATH adds attacks)"
