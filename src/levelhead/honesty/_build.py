"""Build: what a probe found becomes dialogues that teach a model to say what it does not know.

    report = build([Path("probe")], Path("data"), BuildSettings(method="sure"))

The steps stand in `_build_steps.py`, the labels in `_labels.py`, the texts in `_targets.py`, the files in
`_build_folder.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levelhead._version import __version__
from levelhead.errors import UsageError
from levelhead.honesty._build_folder import (
    LOCK,
    BuildFacts,
    LossFacts,
    OwnFacts,
    TaskCounts,
    check_folder,
    write_build,
)
from levelhead.honesty._build_settings import BuildSettings
from levelhead.honesty._build_steps import Selection, select
from levelhead.honesty._label_noise import label_noise
from levelhead.honesty._labels import by_task
from levelhead.honesty._probe_folders import Probed, read_other_probes, read_probes, tunable_base
from levelhead.honesty._prompts import PromptFormat
from levelhead.honesty._rows import ProbeRow
from levelhead.honesty._targets import dialogues_of
from levelhead.honesty._tuned_probe import ProbeModel, Workshop
from levelhead.running import hold_lock
from levelhead.training import LossShare, TuningSettings, loss_share, loss_spans, show_loss, write_dialogues


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build made.

    Attributes:
        facts: The content of `build.json`.
        example: One dialogue with the tokens in the loss marked, and one with a quoted answer if there is
            any.
        noise: The content of `label_noise.json`; `label_noise_table` makes a table of it.
    """

    facts: BuildFacts
    example: str
    noise: dict[str, Any]


def build(
    probes: Sequence[Path],
    out: Path,
    settings: BuildSettings,
    *,
    base: str | None = None,
    form: PromptFormat | None = None,
    compare: Sequence[Path] = (),
    probe_model: ProbeModel | None = None,
    tuning: TuningSettings | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> BuildReport:
    """Make training data of probe runs.

    Args:
        probes: Run folders of `levelhead honesty probe`, all of one model; each may hold another task.
        out: The folder of the data; one that an interrupted build left is gone on with.
        settings: What is taught, and how labels are made.
        base: Name of the model to be tuned; None for the one that was probed.
        form: The format to tune in; None for that of the probes.
        compare: Further probes of the same questions, for the report on label noise alone.
        probe_model: Probes a tuned model; needed by `sure-crossfit`, `sure-own` and the conflict filter.
        tuning: How the models on the way are tuned; None for the usual settings.
        say: Called with a sentence before each long step.

    Returns:
        What was made.

    Raises:
        UsageError: If the probes do not fit together, lack what the method needs, give only one of the two
            labels, or no token would be learned from.
        RunFolderError: If a probe has not finished, or the folder holds something else.
        MissingExtraError: If what training needs is not installed.
        LevelheadError: If a model on the way cannot be tuned or probed.
    """
    probed = read_probes(probes)
    others = read_other_probes(compare)
    name = tunable_base(probed, base)
    form = form or probed.form
    if form is None:
        raise UsageError(
            "The probe runs asked in different formats (style or worked examples), and a model is tuned in "
            "one. Name it: --style, --shots."
        )
    tuning = (tuning or TuningSettings()) if settings.tunes else None
    workshop = Workshop(name, form, tuning, probe_model, settings.seed, say)
    check_folder(out)
    with hold_lock(out / LOCK):
        selection = select(probed.rows, settings, workshop, out)
        dialogues = dialogues_of(selection.kept, settings.method, form, settings.seed)
        loss = loss_share(name, dialogues)  # refuses a dialogue without a token in the loss
        shown = [dialogues[0], *[one for one in dialogues if one.quoted][:1]]
        example = "\n\n".join(show_loss(loss_spans(name, one)) for one in shown)
        noise = label_noise(
            probed.rows, rule=settings.rule, threshold=settings.threshold or 0.5, others=others
        )
        facts = write_build(
            out,
            lambda path: write_dialogues(path, dialogues),
            lambda data_hash: _facts(probed, settings, workshop, selection, loss, data_hash),
            noise,
        )
    return BuildReport(facts, example, noise)


def _facts(
    probed: Probed,
    settings: BuildSettings,
    workshop: Workshop,
    selection: Selection,
    loss: LossShare,
    data_hash: str,
) -> BuildFacts:
    return BuildFacts(
        schema=1,
        method=settings.method,
        settings=settings.to_json(),
        format=workshop.form.to_json(),
        base=workshop.base,
        fingerprint=probed.fingerprint,
        probes=probed.sources,
        tuning=None if workshop.tuning is None else workshop.tuning.to_json(),
        tasks=_counts(probed.rows, selection),
        loss=LossFacts(tokens=loss.tokens, in_loss=loss.in_loss),
        crossfit=selection.crossfit,
        own_answers=_own_facts(selection),
        static_conflicts=selection.static_conflicts,
        data_hash=data_hash,
        version=__version__,
    )


def _own_facts(selection: Selection) -> OwnFacts | None:
    if selection.own_answers is None:
        return None
    quoted = sum(len(one.own or ()) for one in selection.kept)
    return OwnFacts(partitions=selection.own_answers, quoted=quoted)


def _counts(rows: Sequence[ProbeRow], selection: Selection) -> dict[str, TaskCounts]:
    labels = Counter((one.row.task, one.sure) for one in selection.kept)
    reasons: dict[str, Counter[str]] = {}
    for one in selection.dropped:
        reasons.setdefault(one.row.task, Counter())[one.reason] += 1
    return {
        task: TaskCounts(
            questions=len(members),
            sure=labels[task, True],
            unsure=labels[task, False],
            unlabelled=labels[task, None],
            dropped=dict(reasons.get(task, {})),
        )
        for task, members in by_task(rows).items()
    }
