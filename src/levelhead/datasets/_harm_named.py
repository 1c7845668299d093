"""The harm sets by name: how each is read, its licence, and whether weights that ship may learn from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from levelhead.datasets._harm_evaluation import read_beavertails, read_do_not_answer, read_jailbreakeval
from levelhead.datasets._harm_responses import (
    read_diasafety,
    read_gptfuzz,
    read_halueval_benign,
    read_llm_self_defense,
)
from levelhead.datasets._hh_rlhf import read_hh_rlhf
from levelhead.datasets._jailbreakbench import (
    read_jailbreakbench_artifacts,
    read_refusal_direction,
    read_refusal_direction_harmless,
)
from levelhead.datasets._labelled_answer import LabelledAnswer
from levelhead.errors import UsageError


@dataclass(frozen=True, slots=True)
class HarmSet:
    """A set of labelled answers.

    Attributes:
        read: From the folder of the set to its answers.
        licence: Of the data.
        forbidden: Why weights that ship must not learn from it; None if they may.
    """

    read: Callable[[Path], list[LabelledAnswer]]
    licence: str
    forbidden: str | None = None


def _read_diasafety_for_training(folder: Path) -> list[LabelledAnswer]:
    return [*read_diasafety(folder, "train"), *read_diasafety(folder, "val")]


_KEPT_FOR_TEST = "it is kept for evaluation"
_NON_COMMERCIAL = "its licence is non-commercial"

HARM_SETS: dict[str, HarmSet] = {
    "gptfuzz": HarmSet(partial(read_gptfuzz, part="train"), "MIT"),
    "gptfuzz-evaluate": HarmSet(partial(read_gptfuzz, part="evaluate"), "MIT", _KEPT_FOR_TEST),
    "jailbreakbench_artifacts": HarmSet(read_jailbreakbench_artifacts, "MIT"),
    "refusal_direction": HarmSet(read_refusal_direction, "Apache-2.0"),
    "refusal_direction-harmless": HarmSet(
        read_refusal_direction_harmless,
        "prompts CC-BY-NC-4.0",
        "the licence of its prompts is non-commercial",
    ),
    "diasafety": HarmSet(_read_diasafety_for_training, "Apache-2.0"),
    "diasafety-test": HarmSet(partial(read_diasafety, part="test"), "Apache-2.0", _KEPT_FOR_TEST),
    "hh_rlhf_harmless": HarmSet(read_hh_rlhf, "MIT"),
    "llm_self_defense": HarmSet(read_llm_self_defense, "BSD-3-Clause"),
    "halueval": HarmSet(read_halueval_benign, "MIT"),
    "do_not_answer": HarmSet(read_do_not_answer, "CC-BY-NC-SA-4.0", _NON_COMMERCIAL),
    "jailbreakeval-Safe-RLHFmini": HarmSet(
        partial(read_jailbreakeval, part="Safe-RLHFmini"), "data CC-BY-NC-4.0", _NON_COMMERCIAL
    ),
    "jailbreakeval-JAILJUDGEmini": HarmSet(
        partial(read_jailbreakeval, part="JAILJUDGEmini"), "data not stated", "its data states no licence"
    ),
    "beavertails": HarmSet(read_beavertails, "data CC-BY-NC-4.0", _NON_COMMERCIAL),
}
"""By name, which is the `source` of its answers."""

TRAINABLE: frozenset[str] = frozenset(name for name, one in HARM_SETS.items() if one.forbidden is None)
"""The sets that weights which ship may learn from."""


def read_harm_set(name: str) -> list[LabelledAnswer]:
    """Read a harm set by its name.

    Args:
        name: `SET:FOLDER`, with a set of `HARM_SETS`.

    Raises:
        UsageError: If there is no such set, or a file cannot be read or is malformed.
    """
    chosen, colon, folder = name.partition(":")
    if not colon or not folder:
        raise UsageError(f"{name!r} names no folder. Write SET:FOLDER, such as gptfuzz:data/gptfuzz.")
    _require_known([chosen])
    return HARM_SETS[chosen].read(Path(folder))


def require_trainable(names: Iterable[str]) -> None:
    """Check that weights which ship may learn from the sets.

    Args:
        names: Of sets, as the `source` of answers gives them.

    Raises:
        UsageError: If a set is not known or may only be evaluated on; each such one is named with the reason.
    """
    given = sorted(set(names))
    _require_known(given)
    refused = [f"{name} ({HARM_SETS[name].forbidden})" for name in given if name not in TRAINABLE]
    if refused:
        raise UsageError(
            f"Not for training: {', '.join(refused)}. Train on some of: {', '.join(sorted(TRAINABLE))}."
        )


def _require_known(names: Iterable[str]) -> None:
    if unknown := [name for name in names if name not in HARM_SETS]:
        raise UsageError(
            f"There is no harm set {', '.join(unknown)}. There are: {', '.join(sorted(HARM_SETS))}."
        )
