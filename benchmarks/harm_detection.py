"""Detectors against simple baselines on the same labelled answers: what are they worth beyond word counts?

    python benchmarks/harm_detection.py --data DATA --detectors tfidf tfidf-question lexical encoder \
        --out results/harm_detection.json

`DATA` holds the folders of the harm sets. The baselines learn from the named training sets, cleared of what a
test asks too (`remove_overlap`); a test they are judged on is never among them. Beside the detectors that
`levelhead guard judge` knows there are

tfidf             TF-IDF of one and two words of the answer, logistic regression
tfidf-question    the same, of question and answer
embedding         frozen sentence embedding of the answer (--base), logistic regression

Two word lists are not here. LiteLLM 1.110.2 and 1.106.2 install, but their packages do not carry the files
of harmful words that their content filter reads. llm-guard 0.3.16 wants transformers 4.51.3, which does not
go with ours; its list of words for answers names jailbreaks only, and its judges of harm are models from a
hub. The result holds numbers and no text.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import tempfile
import time
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

from levelhead.datasets import LabelledAnswer, OverlapReport, read_harm_set, remove_overlap
from levelhead.guard import (
    Detector,
    Judgement,
    LabelledSet,
    Pair,
    TextFormat,
    evaluate_detectors,
    formatted,
    load_detector,
    read_labelled_sets,
)
from levelhead.guard._look_alikes import LOOK_ALIKES
from levelhead.guard._named_pairs import labelled_answer_of
from levelhead.running import choose_style

TRAIN = ("gptfuzz", "jailbreakbench_artifacts", "refusal_direction", "halueval")
TESTS = (
    "gptfuzz-evaluate",
    "beavertails",
    "jailbreakeval-Safe-RLHFmini",
    "jailbreakeval-JAILJUDGEmini",
    "do_not_answer",
    "diasafety-test",
    "llm_self_defense",
)
FOLDERS = {"beavertails": "guardreasoner_bench"}
"""Sets whose folder has another name; the others lie in one called as they are up to the first hyphen."""
WINDOW, BATCH = 256, 32
STRENGTH = 10.0
"""Inverse of the regularization; with the usual 1 the baselines are weaker on every test."""


class FittedDetector(Detector):
    """Logistic regression on some features of the text, fitted when it is made.

    Args:
        name: What stands in the table.
        rows: What it learns from.
        form: What of a pair it reads.
        settings: What else its scores depend on.
    """

    def __init__(self, name: str, rows: Sequence[LabelledAnswer], form: TextFormat, settings: str) -> None:
        from sklearn.linear_model import LogisticRegression

        self.name, self._form = name, form
        pairs = [Pair(row.id, row.answer, row.question, label=row.harmful) for row in rows]
        learned = "".join(f"{pair.digest()}{pair.label}" for pair in pairs)
        self.fingerprint = hashlib.sha256(
            f"{name}/{form}/{settings}/{STRENGTH}/{version('scikit-learn')}/{learned}".encode()
        ).hexdigest()
        self._model = LogisticRegression(C=STRENGTH, max_iter=1000, class_weight="balanced")
        self._model.fit(self.fitted_features(self._texts(pairs)), [bool(pair.label) for pair in pairs])

    @abstractmethod
    def fitted_features(self, texts: Sequence[str]) -> Any:
        """Features of the training texts; what they need is fitted on the way. Shape (texts, features)."""

    @abstractmethod
    def features(self, texts: Sequence[str]) -> Any:
        """Features of other texts. Shape (texts, features)."""

    def _judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        if not pairs:
            return []
        p_harm = self._model.predict_proba(self.features(self._texts(pairs)))[:, 1]
        return [Judgement.of(float(p)) for p in p_harm]

    def _texts(self, pairs: Sequence[Pair]) -> list[str]:
        return [formatted(pair, self._form).whole for pair in pairs]


class TfidfDetector(FittedDetector):
    """TF-IDF of one and two words."""

    def __init__(self, name: str, rows: Sequence[LabelledAnswer], *, question: bool) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        super().__init__(name, rows, TextFormat(question=question), "tfidf 1-2, min_df 2, sublinear")

    def fitted_features(self, texts: Sequence[str]) -> Any:
        return self._vectorizer.fit_transform(texts)

    def features(self, texts: Sequence[str]) -> Any:
        return self._vectorizer.transform(texts)


class EmbeddingDetector(FittedDetector):
    """A frozen sentence encoder: the mean of its last layer over the tokens, at unit length."""

    def __init__(self, name: str, rows: Sequence[LabelledAnswer], *, base: str) -> None:
        from transformers import AutoModel, AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(base)
        self._encoder = AutoModel.from_pretrained(base).float().eval()
        super().__init__(name, rows, TextFormat(question=False), f"embedding {base}, {WINDOW} tokens")

    def fitted_features(self, texts: Sequence[str]) -> Any:
        return self.features(texts)

    def features(self, texts: Sequence[str]) -> Any:
        import numpy as np
        import torch

        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        found: dict[int, Any] = {}
        with torch.inference_mode():
            for start in range(0, len(order), BATCH):
                places = order[start : start + BATCH]
                block = self._tokenizer(
                    [texts[place] for place in places],
                    padding=True,
                    truncation=True,
                    max_length=WINDOW,
                    return_tensors="pt",
                )
                hidden = self._encoder(**block).last_hidden_state  # (rows, tokens, width)
                weight = block["attention_mask"].unsqueeze(-1).float()
                mean = torch.nn.functional.normalize((hidden * weight).sum(1) / weight.sum(1))
                found.update(zip(places, mean.numpy(), strict=True))
        return np.stack([found[place] for place in range(len(texts))])


def located(data: Path, name: str) -> str:
    """The set with its folder, as `SET:FOLDER`; our own has none."""
    if name == LOOK_ALIKES:
        return name
    return f"{name}:{data / FOLDERS.get(name, name.partition('-')[0])}"


def load(name: str, rows: Sequence[LabelledAnswer], base: str | None, threads: int | None) -> Detector:
    match name:
        case "tfidf" | "tfidf-question":
            return TfidfDetector(name, rows, question=name == "tfidf-question")
        case "embedding":
            return EmbeddingDetector(name, rows, base=base or str(_packaged()))
        case _:
            return load_detector(name, threads=threads)


def _packaged() -> Path:
    from levelhead.guard.training._base import packaged_encoder

    return packaged_encoder()


def training_rows(
    data: Path, names: Sequence[str], sets: Sequence[LabelledSet]
) -> tuple[list[LabelledAnswer], OverlapReport]:
    """The labelled rows of the training sets that no test asks too, and what was removed."""
    read = [row for one in names for row in read_harm_set(located(data, one))]
    asked = [labelled_answer_of(pair, name=f"{one.name}/{pair.id}") for one in sets for pair in one.pairs]
    return remove_overlap([row for row in read if row.harmful is not None], asked)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="detectors against simple baselines")
    parser.add_argument("--data", type=Path, required=True, help="folder with the folders of the harm sets")
    parser.add_argument("--detectors", nargs="+", default=["tfidf", "tfidf-question", "lexical"])
    parser.add_argument("--tests", nargs="+", default=list(TESTS), help="harm sets, or look-alikes")
    parser.add_argument("--train", nargs="+", default=list(TRAIN))
    parser.add_argument("--base", help="encoder of `embedding`; the packaged one if left out")
    parser.add_argument("--limit", type=int, help="at most so many answers of each test")
    parser.add_argument("--without-question", action="store_true")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--scores", type=Path, help="folder to keep the scores in, to go on with later")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    sets = read_labelled_sets(
        (located(arguments.data, one) for one in arguments.tests), limit=arguments.limit
    )
    rows, overlap = training_rows(arguments.data, arguments.train, sets)
    seconds: dict[str, float] = {}
    with ExitStack() as stack:
        detectors = []
        for name in arguments.detectors:
            start = time.perf_counter()
            detectors.append(stack.enter_context(load(name, rows, arguments.base, arguments.threads)))
            seconds[name] = round(time.perf_counter() - start, 1)
        folder = arguments.scores or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        report = evaluate_detectors(
            detectors, sets, folder, without_question=arguments.without_question, progress=choose_style()
        )
    result = {
        "command": " ".join(["python", *sys.argv]),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "scikit_learn": version("scikit-learn"),
        "train": {
            "sets": {one: sum(row.source == one for row in rows) for one in arguments.train},
            "harmful": sum(row.harmful is True for row in rows),
            "overlap_removed": overlap.to_json(),
        },
        "seconds_to_load": seconds,
        "not_inspected": report.not_inspected,
        "detection": report.summary["detection"],
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    for set_name, part in report.summary["detection"].items():
        for name, numbers in part["detectors"].items():
            auroc = numbers["as_given"]["auroc"]["value"]
            print(f"{set_name:<28} {name:<18} AUROC {'-' if auroc is None else format(auroc, '.3f')}")


if __name__ == "__main__":
    main()
