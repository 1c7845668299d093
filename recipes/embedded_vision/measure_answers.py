"""How well the whole model answers, in its own words, about pictures that training never drew.

`python -m embedded_vision.measure_answers --model embedded-vision:EYES --pictograms FILE --out measured.json`

Everything goes the way of a user: an encoded picture through the processor and greedy decoding.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image as PILImage

from embedded_vision.data import tokenizer_vocabulary
from embedded_vision.facts import Thing
from embedded_vision.measure import Trial, validation_sets
from embedded_vision.pictograms import read_names
from embedded_vision.plain_questions import plain_questions
from embedded_vision.questions import UNSEEN_WORDINGS, Asked, main_questions, reworded
from embedded_vision.sheet import Told, sheet
from embedded_vision.state import embedded_folder
from embedded_vision.words import word_lists
from levelhead.metrics import proportion
from levelhead.models import Model, Sampling, load_model
from levelhead.records import Image, Prompt
from levelhead.running import choose_style, show_progress

_LONGEST_ANSWER = 64  # tokens; no text of the measured pictures is nearly as long
_REWORDED_SETS = ("known_words_unseen_fonts", "pictograms_unseen_set", "shapes")
_TIMED = 30
_PLAIN = 100


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a measured set.

    Attributes:
        measure: What it counts for ("unseen_words/read").
        asked: The question and what is right.
        image: The picture.
        cluster: Questions of one cluster stand or fall together.
    """

    measure: str
    asked: Asked
    image: Image
    cluster: str

    @property
    def prompt(self) -> Prompt:
        """What the model is asked."""
        return Prompt.ask(self.asked.question, images=(self.image,))


def questions_of(name: str, trials: Sequence[Trial], rewordings: int | None = None) -> list[Question]:
    """The questions of a set.

    Args:
        name: Of the set.
        trials: Its pictures.
        rewordings: How many of its first pictures are also asked about in unseen wordings; all if None.
    """
    questions = []
    for number, trial in enumerate(trials):
        is_reworded = name in _REWORDED_SETS and (rewordings is None or number < rewordings)
        image = encoded(trial.image)
        cluster = trial.facts.name if isinstance(trial.facts, Thing) else str(number)
        for asked in main_questions(trial.facts):
            questions.append(Question(f"{name}/{asked.form}", asked, image, cluster))
            if is_reworded and asked.form in UNSEEN_WORDINGS:
                other = reworded(asked, trial.facts)
                questions.append(Question(f"{name}/{asked.form}_unseen_wording", other, image, cluster))
    return questions


def encoded(image: PILImage.Image) -> Image:
    """A picture as a PNG."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return Image(data=buffer.getvalue())


def right_shares(questions: Sequence[Question], replies: Sequence[str]) -> dict[str, Any]:
    """The share of right answers of each measure, with its interval.

    Of texts that were to be read (`read`) also the share where large and small letters are taken as alike
    (`read_any_case`), and both for those of one word (`word`, `word_any_case`).
    """
    shares = {}
    for measure in dict.fromkeys(question.measure for question in questions):
        rows = [
            (question, reply)
            for question, reply in zip(questions, replies, strict=True)
            if question.measure == measure
        ]
        shares[measure] = _share(rows)
        if measure.endswith("/read"):
            words = [(question, reply) for question, reply in rows if " " not in question.asked.key]
            word = measure.removesuffix("read") + "word"
            shares[f"{measure}_any_case"] = _share(rows, any_case=True)
            shares[word], shares[f"{word}_any_case"] = _share(words), _share(words, any_case=True)
    return shares


def _share(rows: Sequence[tuple[Question, str]], *, any_case: bool = False) -> dict[str, Any]:
    hits = [question.asked.is_answered_by(reply, any_case=any_case) for question, reply in rows]
    return proportion(hits, clusters=[question.cluster for question, _ in rows]).to_json()


def largest_difference(seeing: Model, blind: Model, questions: Iterable[str]) -> dict[str, float | int]:
    """How far log-probabilities of the language model's own answers lie apart without a picture."""
    prompts = [Prompt.ask(question) for question in questions]
    answers = [reply.text or "." for reply in blind.generate(prompts, Sampling(max_new_tokens=16))]
    pairs = zip(seeing.score(prompts, answers), blind.score(prompts, answers), strict=True)
    differences = [
        abs(a - b) for one, other in pairs for a, b in zip(one.log_probs, other.log_probs, strict=True)
    ]
    return {"largest_difference": max(differences), "tokens": len(differences), "questions": len(prompts)}


def seconds_alone(model: Model, questions: Sequence[Question]) -> dict[str, float]:
    """Median seconds on one core for one picture and one question, of all and of each form of question.

    The questions are spread over all measures. What is read off a picture is written letter by letter, so
    that reading takes longest.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {}
    for question in questions[:: max(1, len(questions) // _TIMED)]:
        begin = time.perf_counter()
        model.generate([question.prompt], Sampling(max_new_tokens=_LONGEST_ANSWER))
        seconds.setdefault(question.asked.form, []).append(time.perf_counter() - begin)
    torch.set_num_threads(threads)
    every = [one for several in seconds.values() for one in several]
    forms = {form: round(median(several), 3) for form, several in seconds.items()}
    return {"one_question": round(median(every), 3), **{f"one_{form}": own for form, own in forms.items()}}


def replies_to(model: Model, questions: Sequence[Question]) -> list[str]:
    """The reply to each question."""
    replies = [""] * len(questions)
    prompts, sampling = [question.prompt for question in questions], Sampling(max_new_tokens=_LONGEST_ANSWER)
    with show_progress("questions", total=len(questions), held=0, style=choose_style()) as advance:
        for batch in model.iter_generate(prompts, sampling):
            for place, (reply,) in batch:
                replies[place] = reply.text
            advance(len(batch))
    return replies


def measured(
    model_name: str, pictograms: Path, rows: int, pictogram_rows: int, threads: int
) -> tuple[dict[str, Any], list[tuple[Question, str]]]:
    """All numbers, and every question with its reply.

    Args:
        model_name: As `load_model` takes it.
        pictograms: The rendered pictograms.
        rows: Pictures of each set, and of those that are asked about in unseen wordings.
        pictogram_rows: Pictures of the sets of pictograms.
        threads: Of the processor.
    """
    folder = embedded_folder()
    load_model(model_name, threads=threads).close()  # put together, if it was not yet
    begin = time.perf_counter()
    model = load_model(model_name, dtype="float32", threads=threads)
    load_seconds = time.perf_counter() - begin
    sets = validation_sets(folder, pictograms, rows, pictogram_rows)
    questions = [question for name, trials in sets.items() for question in questions_of(name, trials, rows)]
    named = [question for question in questions if question.measure == "pictograms_unseen_set/name"]
    begin = time.perf_counter()
    texts = replies_to(model, questions)
    batch_seconds = time.perf_counter() - begin
    known, _ = word_lists(tokenizer_vocabulary(folder))
    plain = plain_questions(known, tuple(read_names()), _PLAIN)
    blind = load_model("embedded", dtype="float32", threads=threads)
    numbers = {
        "model": Path(model_name).name,
        "fingerprint": model.fingerprint,
        "right": right_shares(questions, texts),
        "pictogram_names": len({question.cluster for question in named}),
        "without_picture": largest_difference(model, blind, plain),
        "seconds": {
            "load": round(load_seconds, 2),
            **seconds_alone(model, questions),
            "batched_question": round(batch_seconds / len(questions), 3),
        },
        "threads": threads,
    }
    return numbers, list(zip(questions, texts, strict=True))


def sheet_of(pairs: Iterable[tuple[Question, str]]) -> PILImage.Image:
    """Some questions of each measure with their replies, to look at."""
    return sheet(
        Told(
            question.measure,
            question.image.decode(),
            reply,
            question.asked.is_answered_by(reply),
        )
        for question, reply in pairs
        # Their pictures are the same as those of the usual wordings.
        if not question.measure.endswith("_unseen_wording")
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="as load_model takes it")
    parser.add_argument("--pictograms", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=100, help="pictures of each set")
    parser.add_argument("--pictogram-rows", type=int, default=500, help="pictures of the sets of pictograms")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the numbers")
    parser.add_argument("--replies", type=Path, help="JSONL file of every question with its reply")
    parser.add_argument("--sheet", type=Path, help="PNG of some pictures with what was said of them")
    arguments = parser.parse_args()
    numbers, pairs = measured(
        arguments.model, arguments.pictograms, arguments.rows, arguments.pictogram_rows, arguments.threads
    )
    text = json.dumps(numbers, indent=2)
    arguments.out.write_text(text + "\n", encoding="utf-8")
    if arguments.replies:
        rows = [
            {
                "measure": question.measure,
                "question": question.asked.question,
                "key": question.asked.key,
                "reply": reply,
            }
            for question, reply in pairs
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        arguments.replies.write_text(lines, encoding="utf-8")
    if arguments.sheet:
        sheet_of(pairs).save(arguments.sheet)
    print(text)


if __name__ == "__main__":
    main()
