"""Our probing and sureness scoring against the official loop, rewritten faithfully, on the same questions.

The official scripts (shizhediao/R-Tuning, `run_pararel.py` at befd941 and `evaluate.py` at 3820b7f) ask one
question at a time: `generate` with 15 new tokens, cut at the first period, gold answer as a substring; then
the answer is put back with the question whether the model is sure, and `generate` with one new token gives
the probabilities of the first tokens of the two verdicts. Here that runs in float32 on the embedded model.
Left out are faults that would make the labels differ for no reason of speed: the cut that takes the last
letter where there is no period, the first tokens without the space before them, and a doubled space.
Ours is `evaluate` in the paper style with 15 new tokens, run folder and judging included. The two take
turns, block by block, so that a change in the speed of the machine falls on both.

    .venv/bin/python benchmarks/probe_loop.py --data pararel:training_data.json --out results/probe_loop.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from levelhead.datasets import read_named
from levelhead.honesty import AnswerRow, Asking, PromptFormat, evaluate, rows_from
from levelhead.metrics import proportion
from levelhead.models import Model, load_model
from levelhead.models._embedded import embedded_checkpoint
from levelhead.records import Example
from levelhead.running import read_run

NEW_TOKENS = 15
SURE_QUESTION = "Are you sure you accurately answered the question based on your internal knowledge? I am"


@dataclass(frozen=True)
class Label:
    """What probing says of one question."""

    answer: str
    known: bool
    p_sure: float


class OfficialLoop:
    """One question at a time, as the official scripts do it."""

    def __init__(self) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self._torch = torch
        folder = embedded_checkpoint()
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self._sure, self._unsure = (self._tokenizer(text)["input_ids"][0] for text in (" sure", " unsure"))

    def label(self, example: Example) -> Label:
        asked = f"Question: {example.question} Answer:"
        inputs = self._tokenizer(asked, return_tensors="pt")
        with self._torch.inference_mode():
            output = self._model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)
        text = self._tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        answer = text.split(".")[0].strip()
        known = bool(example.answers) and (example.answers or ("",))[0] in answer
        return Label(answer, known, self._p_sure(f"{asked} {answer}. {SURE_QUESTION}"))

    def _p_sure(self, text: str) -> float:
        inputs = self._tokenizer(text, return_tensors="pt")
        with self._torch.inference_mode():
            output = self._model.generate(
                **inputs, max_new_tokens=1, do_sample=False, output_scores=True, return_dict_in_generate=True
            )
        probabilities = output.scores[0][0].softmax(dim=0)
        sure, unsure = probabilities[self._sure].item(), probabilities[self._unsure].item()
        return float(sure / (sure + unsure))


def our_labels(model: Model, examples: Sequence[Example]) -> list[Label]:
    folder = Path(tempfile.mkdtemp())
    asking = Asking(PromptFormat("paper"), max_new_tokens=NEW_TOKENS)
    evaluate(model, examples, folder / "run", asking)
    rows = rows_from(AnswerRow, read_run(folder / "run").rows, "rows.jsonl")
    shutil.rmtree(folder)
    return [Label(row.answer or "", bool(row.correct_paper), row.p_sure_paper or 0.0) for row in rows]


@dataclass(frozen=True)
class Item:
    """One question labelled both ways."""

    id: str
    loop: Label
    ours: Label

    @property
    def same_known(self) -> bool:
        return self.loop.known == self.ours.known

    @property
    def same_sure(self) -> bool:
        return (self.loop.p_sure > 0.5) == (self.ours.p_sure > 0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description="our probing against the official loop")
    parser.add_argument("--data", required=True, help="questions: a QA.jsonl file or READER:PATH")
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--block", type=int, default=250, help="questions per turn")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    examples = random.Random(0).sample(read_named(arguments.data), arguments.questions)
    loop, model = OfficialLoop(), load_model("embedded")
    items: list[Item] = []
    blocks: list[dict[str, float]] = []
    for first in range(0, len(examples), arguments.block):
        block = examples[first : first + arguments.block]
        start = time.perf_counter()
        theirs = [loop.label(example) for example in block]
        middle = time.perf_counter()
        ours = our_labels(model, block)
        end = time.perf_counter()
        items += [Item(one.id, two, three) for one, two, three in zip(block, theirs, ours, strict=True)]
        blocks.append({"questions": len(block), "loop_seconds": middle - start, "our_seconds": end - middle})
        print(f"{len(items)}: loop {middle - start:.0f} s, ours {end - middle:.0f} s", file=sys.stderr)
    result = summarize(items, blocks, model)
    arguments.out.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(f"{result['ratio']:.1f}x, same label {result['same_known']}")


def summarize(items: Sequence[Item], blocks: Sequence[dict[str, float]], model: Model) -> dict[str, object]:
    loop_seconds = sum(block["loop_seconds"] for block in blocks)
    our_seconds = sum(block["our_seconds"] for block in blocks)
    return {
        "command": " ".join(["python", *sys.argv]),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "model": model.name,
        "details": dict(model.details),
        "questions": len(items),
        "loop_questions_per_second": len(items) / loop_seconds,
        "our_questions_per_second": len(items) / our_seconds,
        "ratio": loop_seconds / our_seconds,
        "blocks": list(blocks),
        "same_known": proportion([item.same_known for item in items]).to_json(),
        "same_sure": proportion([item.same_sure for item in items]).to_json(),
        "same_answer": proportion([item.loop.answer == item.ours.answer for item in items]).to_json(),
        "largest_difference_of_p_sure": max(abs(item.loop.p_sure - item.ours.p_sure) for item in items),
        "differing": [asdict(item) for item in items if not (item.same_known and item.same_sure)],
    }


if __name__ == "__main__":
    main()
