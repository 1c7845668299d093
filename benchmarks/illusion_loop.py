"""Our CorrelationQA run against the official loop, rewritten faithfully, on the same model and items.

The official script (MasaiahHan/CorrelationQA, read at commit 95cfcb2) asks one item at a time: it opens the
picture, renders the chat template, calls `generate` with 30 new tokens in the checkpoint's precision, and
decodes. Here it does so in float32 through the same OCR eyes. Ours is `levelhead.illusion.run` in paper mode,
without the log-probabilities that the official script does not compute either. The two take turns, block by
block, so that a change in the speed of the machine falls on both.

    .venv/bin/python benchmarks/illusion_loop.py --out results/illusion_loop.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from levelhead.answers import paper_correct
from levelhead.illusion import (
    Question,
    build,
    judge_example,
    load_questions,
    read_set,
    run,
    select,
    to_examples,
)
from levelhead.metrics import proportion
from levelhead.models import Model, load_model
from levelhead.models._embedded import embedded_checkpoint
from levelhead.models._ocr import TextReader, describe_pictures
from levelhead.records import Example, Prompt

NEW_TOKENS = 30


class OfficialLoop:
    """One example at a time, as the official script does it."""

    def __init__(self) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self._torch = torch
        folder = embedded_checkpoint()
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self._reader = TextReader()

    def answer(self, example: Example) -> str:
        prompt = Prompt.ask(example.question, images=example.images)
        if example.images:
            words = [str(text) for text in self._reader.read(example.images)]
            prompt = describe_pictures(prompt, words)
        text = self._tokenizer.apply_chat_template(
            [{"role": turn.role, "content": turn.text} for turn in prompt.turns],
            tokenize=False,
            add_generation_prompt=True,
        )
        inputs = self._tokenizer(text, add_special_tokens=False, return_tensors="pt")
        with self._torch.inference_mode():
            output = self._model.generate(**inputs, max_new_tokens=NEW_TOKENS)
        new_tokens = output[0, inputs["input_ids"].shape[1] :]
        reply: str = self._tokenizer.decode(new_tokens, skip_special_tokens=True)
        return reply


@dataclass(frozen=True)
class Item:
    """One item answered both ways."""

    id: str
    same_reply: bool
    same_verdict: bool
    same_paper_verdict: bool
    loop: str
    ours: str

    @classmethod
    def compare(cls, example: Example, loop: str, ours: str) -> Item:
        gold = str(example.metadata["gold"])
        return cls(
            id=example.id,
            same_reply=loop == ours,
            same_verdict=judge_example(example, loop) is judge_example(example, ours),
            same_paper_verdict=paper_correct(loop, gold) == paper_correct(ours, gold),
            loop=loop,
            ours=ours,
        )


def compare_block(loop: OfficialLoop, model: Model, block: list[Question]) -> tuple[float, float, list[Item]]:
    """Run one block of questions both ways: seconds of the loop, seconds of ours, and the items."""
    folder = Path(tempfile.mkdtemp())
    data, out = folder / "data", folder / "run"
    build(block, data)
    examples = to_examples(read_set(data))
    start = time.perf_counter()
    replies = [loop.answer(example) for example in examples]
    middle = time.perf_counter()
    run(model, data, out, mode="paper", with_shift=False)
    end = time.perf_counter()
    rows = map(json.loads, (out / "rows.jsonl").read_text().splitlines())
    ours = {row["id"]: row["reply"] for row in rows}
    shutil.rmtree(folder)
    pairs = zip(examples, replies, strict=True)
    items = [Item.compare(example, reply, ours[example.id]) for example, reply in pairs]
    return middle - start, end - middle, items


def main() -> None:
    parser = argparse.ArgumentParser(description="our CorrelationQA run against the official loop")
    parser.add_argument("--questions", type=int, default=52, help="questions, eight items each")
    parser.add_argument("--block", type=int, default=26, help="questions per turn")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    questions = select(load_questions(), arguments.questions)
    loop, model = OfficialLoop(), load_model("embedded+ocr")
    items: list[Item] = []
    blocks: list[dict[str, float]] = []
    for start in range(0, len(questions), arguments.block):
        ours = compare_block(loop, model, questions[start : start + arguments.block])
        items += ours[2]
        blocks.append({"items": len(ours[2]), "loop_seconds": ours[0], "our_seconds": ours[1]})
        print(f"{len(items)} items: loop {ours[0]:.0f} s, ours {ours[1]:.0f} s", file=sys.stderr)
    loop_seconds = sum(block["loop_seconds"] for block in blocks)
    our_seconds = sum(block["our_seconds"] for block in blocks)
    result = {
        "command": " ".join(["python", *sys.argv]),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "model": model.name,
        "details": dict(model.details),
        "items": len(items),
        "loop_items_per_second": len(items) / loop_seconds,
        "our_items_per_second": len(items) / our_seconds,
        "ratio": loop_seconds / our_seconds,
        "blocks": blocks,
        "same_reply": proportion([item.same_reply for item in items]).to_json(),
        "same_verdict": proportion([item.same_verdict for item in items]).to_json(),
        "same_paper_verdict": proportion([item.same_paper_verdict for item in items]).to_json(),
        "differing": [asdict(item) for item in items if not item.same_reply],
    }
    arguments.out.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(f"{result['ratio']:.1f}x, same verdict {result['same_verdict']}")


if __name__ == "__main__":
    main()
