"""Examples go in, answers come out: from the run folder where it has them, else from the model.

What `ask` and `score` share is that each question has a key, equal keys are asked once, and each batch that
the model finishes is stored before the next one begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar, cast

from levelhead.errors import ImageError, ModelError, UsageError
from levelhead.models import Model, Sampling
from levelhead.records import Image, Prompt, Reply, Score
from levelhead.running._folder import RunFolder
from levelhead.running._keys import generate_key, score_key
from levelhead.running._lines import Answer, is_finite
from levelhead.running._progress import Advance, ProgressStyle, choose_style, show_progress

AnswerT = TypeVar("AnswerT", bound=Answer)


def ask(
    model: Model,
    prompts: Sequence[Prompt],
    sampling: Sampling,
    *,
    folder: RunFolder,
    label: str,
    progress: ProgressStyle | None = None,
) -> list[list[Reply]]:
    """Have every prompt answered, and store each finished batch at once.

    Equal prompts are asked once and share their replies. Prompts that the folder holds are not asked again,
    except those that failed in an earlier start. The rest goes to the model in the given order. A prompt
    with a picture that cannot be read or decoded never reaches the model; its replies failed, and are not
    stored, since the picture may be mended.

    Args:
        model: Who is asked.
        prompts: What is asked.
        sampling: How replies are drawn.
        folder: Where answers are kept.
        label: What the progress bar says.
        progress: How progress is shown; by default as `choose_style` finds.

    Returns:
        For each prompt, in order, its `sampling.n` replies.

    Raises:
        UsageError: If a prompt holds pictures and the model does not see.
        ModelError: If the model fails as a whole. The batches before are stored.
        RunFolderError: If a batch cannot be stored. The batches before are.
    """
    work = _Work[list[Reply]](
        model,
        prompts,
        key=lambda place: generate_key(model.fingerprint, prompts[place], sampling),
        run=lambda places: model.iter_generate([prompts[place] for place in places], sampling),
        failed=lambda why: [Reply.failed(why)] * sampling.n,
        fits=lambda replies: len(replies) == sampling.n,
    )
    return _gather(work, folder, label, choose_style(progress))


def score(
    model: Model,
    prompts: Sequence[Prompt],
    continuations: Sequence[str],
    *,
    folder: RunFolder,
    label: str,
    progress: ProgressStyle | None = None,
) -> list[Score]:
    """Have `continuations[i]` scored as the answer to `prompts[i]`; otherwise like `ask`.

    Raises:
        UsageError: If the model cannot score, a prompt holds pictures and it does not see, or the lists
            differ in length.
        ModelError: If the model fails as a whole. The batches before are stored.
        RunFolderError: If a batch cannot be stored. The batches before are.
    """
    if len(prompts) != len(continuations):
        raise UsageError(
            f"{len(prompts)} prompts and {len(continuations)} continuations: give one for each prompt."
        )
    work = _Work[Score](
        model,
        prompts,
        key=lambda place: score_key(model.fingerprint, prompts[place], continuations[place]),
        run=lambda places: model.iter_score(
            [prompts[place] for place in places], [continuations[place] for place in places]
        ),
        failed=lambda why: Score((), why),
        fits=lambda answer: True,
    )
    return _gather(work, folder, label, choose_style(progress))


@dataclass(frozen=True)
class _Work(Generic[AnswerT]):
    """Questions to a model, each known by its place in the list, and how their answers are made."""

    model: Model
    prompts: Sequence[Prompt]
    key: Callable[[int], str]
    run: Callable[[Sequence[int]], Iterator[list[tuple[int, AnswerT]]]]
    failed: Callable[[str], AnswerT]
    fits: Callable[[AnswerT], bool]


def _gather(work: _Work[AnswerT], folder: RunFolder, label: str, style: ProgressStyle) -> list[AnswerT]:
    """The answer to each question, in order."""
    keys, failed = _keys(work)
    answers: dict[str, AnswerT] = {}
    missing: dict[str, int] = {}
    for place, key in keys.items():
        if key in answers or key in missing:
            continue
        stored = folder.recall(key)
        if stored is None:
            missing[key] = place
        else:
            answers[key] = cast(AnswerT, stored)  # the kind of answer is part of the key
    held = len(answers)
    answers |= _with_damaged_picture(work, missing)
    to_ask = {key: place for key, place in missing.items() if key not in answers}
    if to_ask:
        _prepare(work, to_ask, style)
        with show_progress(label, total=held + len(to_ask), held=held, style=style) as advance:
            answers |= _asked(work, to_ask, folder, advance)
    return [failed[place] if place in failed else answers[keys[place]] for place in range(len(work.prompts))]


def _prepare(work: _Work[AnswerT], to_ask: Mapping[str, int], style: ProgressStyle) -> None:
    """Let the model do what comes before the first question, under a bar of its own if there is anything."""
    steps = work.model.prepare([work.prompts[place] for place in to_ask.values()])
    if (first := next(steps, None)) is None:
        return
    with show_progress(first.label, total=first.total, held=0, style=style) as advance:
        advance(first.done)
        done = first.done
        for step in steps:
            advance(step.done - done)
            done = step.done


def _keys(work: _Work[AnswerT]) -> tuple[dict[int, str], dict[int, AnswerT]]:
    """The key of each question; for one that has none (an unreadable picture), its failed answer."""
    keys: dict[int, str] = {}
    failed: dict[int, AnswerT] = {}
    for place in range(len(work.prompts)):
        try:
            keys[place] = work.key(place)
        except ImageError as error:
            failed[place] = work.failed(str(error))
    return keys, failed


def _with_damaged_picture(work: _Work[AnswerT], missing: Mapping[str, int]) -> dict[str, AnswerT]:
    """Failed answers for the questions with a picture that cannot be decoded. Each picture is tried once."""
    fault = cache(_fault)
    failed: dict[str, AnswerT] = {}
    for key, place in missing.items():
        faults = [why for why in map(fault, work.prompts[place].images) if why is not None]
        if faults:
            failed[key] = work.failed(faults[0])
    return failed


def _fault(image: Image) -> str | None:
    """Why a picture cannot be decoded, or None if it can."""
    try:
        image.decode()
    except ImageError as error:
        return str(error)
    return None


def _asked(
    work: _Work[AnswerT], to_ask: Mapping[str, int], folder: RunFolder, advance: Advance
) -> dict[str, AnswerT]:
    """Ask the model, store each batch as it comes, and see that each question got its one answer."""
    keys = list(to_ask)
    waiting = set(range(len(keys)))
    answers: dict[str, AnswerT] = {}
    for batch in work.run(list(to_ask.values())):
        for index, answer in batch:
            if index not in waiting or not work.fits(answer):
                raise ModelError(
                    f"{_fault_of(work.model)}: question {index} got {answer!r} once too often or in part."
                )
            waiting.remove(index)
        stored = [(keys[index], _only_finite(work, answer)) for index, answer in batch]
        folder.append(stored)
        answers.update(stored)
        advance(len(stored))
    if waiting:
        raise ModelError(f"{_fault_of(work.model)}: {len(waiting)} of {len(keys)} questions got no answer.")
    return answers


def _fault_of(model: Model) -> str:
    return (
        f"This is a fault of the backend of the model {model.name}, which did not keep the contract of Model"
    )


def _only_finite(work: _Work[AnswerT], answer: AnswerT) -> AnswerT:
    """The answer, or a failed one if a log-probability is infinite or NaN, which would spoil every mean."""
    if is_finite(answer):
        return answer
    return work.failed(
        f"The model {work.model.name} gave a log-probability that is not a finite number; its weights may "
        "have overflowed. Try a wider dtype."
    )
