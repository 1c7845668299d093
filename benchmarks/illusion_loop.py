"""Our CorrelationQA run against the official loop, rewritten faithfully, on the same model and items.

The official script (MasaiahHan/CorrelationQA, read at commit 95cfcb2) asks one item at a time: it opens the
picture, renders the chat template, calls `generate` with 30 new tokens in the checkpoint's precision, and decodes.
Here it does so in float32 through the same OCR eyes. Ours is `levelhead.illusion.run` in paper mode, without the
log-probabilities that the official script does not compute either. The two take turns, block by block, so that a
change in the speed of the machine falls on both.

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
from pathlib import Path
from typing import Any

from levelhead.illusion import build, judge, load_questions, paper_correct, read_set, run, select, to_examples
from levelhead.metrics import proportion
from levelhead.models import load_model
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
        reply: str = self._tokenizer.decode(
            output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )
        return reply


def verdict_of(example: Example, reply: str) -> tuple[str, bool]:
    """Our verdict and the official one."""
    facts = example.metadata
    answers = example.answers or ()
    verdict = judge(
        reply,
        question=example.question,
        gold=answers[0],
        aliases=answers[1:],
        pictured=str(facts["pictured"] or "") if facts["condition"] == "spurious" else "",
        spurious=json.loads(str(facts["spurious"])),
    )
    return verdict.value, paper_correct(reply, answers[0])


def compare_block(
    loop: OfficialLoop, model: Any, block: list[Any], folder: Path
) -> tuple[float, float, list[dict[str, object]]]:
    """Run one block of questions both ways.

    Returns:
        Seconds of the loop, seconds of ours, and one row per item.
    """
    data, out = folder / "data", folder / "run"
    build(block, data)
    examples = to_examples(read_set(data))
    start = time.perf_counter()
    loop_replies = [loop.answer(example) for example in examples]
    middle = time.perf_counter()
    run(model, data, out, mode="paper", with_shift=False)
    end = time.perf_counter()
    ours = {row["id"]: row["reply"] for row in map(json.loads, (out / "rows.jsonl").read_text().splitlines())}
    rows: list[dict[str, object]] = []
    for example, reply in zip(examples, loop_replies, strict=True):
        rows.append(
            {
                "id": example.id,
                "same_reply": reply.strip() == ours[example.id].strip(),
                "same_verdict": verdict_of(example, reply)[0] == verdict_of(example, ours[example.id])[0],
                "same_paper_verdict": verdict_of(example, reply)[1] == verdict_of(example, ours[example.id])[1],
                "loop": reply,
                "ours": ours[example.id],
            }
        )
    return middle - start, end - middle, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--questions", type=int, default=52, help="questions, eight items each")
    parser.add_argument("--block", type=int, default=26, help="questions per turn")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    questions = select(load_questions(), arguments.questions)
    loop, model = OfficialLoop(), load_model("embedded+ocr")
    loop_seconds, our_seconds, rows = 0.0, 0.0, []
    blocks: list[dict[str, float]] = []
    for start in range(0, len(questions), arguments.block):
        folder = Path(tempfile.mkdtemp())
        a, b, found = compare_block(loop, model, questions[start : start + arguments.block], folder)
        shutil.rmtree(folder)
        loop_seconds, our_seconds, rows = loop_seconds + a, our_seconds + b, rows + found
        blocks.append({"items": len(found), "loop_seconds": a, "our_seconds": b, "ratio": a / b})
        print(f"{len(rows)} items: loop {a:.0f} s, ours {b:.0f} s, {a / b:.1f}x", file=sys.stderr)
    result = {
        "command": " ".join(["python", *sys.argv]),
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "model": "embedded+ocr",
        "details": dict(model.details),
        "items": len(rows),
        "loop_items_per_second": len(rows) / loop_seconds,
        "our_items_per_second": len(rows) / our_seconds,
        "ratio": loop_seconds / our_seconds,
        "blocks": blocks,
        "same_reply": proportion([bool(row["same_reply"]) for row in rows]).to_json(),
        "same_verdict": proportion([bool(row["same_verdict"]) for row in rows]).to_json(),
        "same_paper_verdict": proportion([bool(row["same_paper_verdict"]) for row in rows]).to_json(),
        "differing": [row for row in rows if not row["same_reply"]],
    }
    arguments.out.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(f"{result['ratio']:.1f}x, same verdict {result['same_verdict']}")


if __name__ == "__main__":
    main()
