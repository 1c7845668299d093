"""How near the embedded model and the shipped detector come to what one core can do at most.

    python benchmarks/bounds.py --out results/bounds.json

Measured on one core: the most floating-point operations (a product of large matrices) and the most bytes read
from memory (a sum over an array far larger than the caches) in a second; then answers of the embedded model
by how many are written at once, and batches of the detector. A step of writing must read every weight once
and do two operations with each weight for each answer, so its least time is the longer of the two; judging is
arithmetic. Of several rounds the quickest counts: others work on the machine too.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from tokenizers import Tokenizer

from levelhead.guard import Pair, load_detector
from levelhead.models import Sampling, load_model
from levelhead.records import Prompt

AT_ONCE = (1, 4, 16, 64)
NEW_TOKENS = 24
_ROUNDS = 5


def quickest(work: Callable[[], object], rounds: int = _ROUNDS) -> float:
    """Seconds of the quickest round."""
    taken = []
    for _ in range(rounds):
        since = time.perf_counter()
        work()
        taken.append(time.perf_counter() - since)
    return min(taken)


def machine() -> tuple[float, float]:
    """Most operations and most bytes a second."""
    a, b = torch.rand(1536, 1536), torch.rand(1536, 1536)
    operations = 2 * 1536**3 / quickest(lambda: a @ b, 20)
    large = torch.rand(128 * 1024 * 1024)  # 512 MB
    return operations, large.numel() * 4 / quickest(lambda: large.sum(), 20)


def writing(operations: float, bytes_read: float) -> dict[str, Any]:
    """Tokens a second, and at most, by how many answers are written at once."""
    found = {}
    with load_model("embedded", threads=1) as model:
        weights = model._model  # type: ignore[attr-defined]
        count = sum(one.numel() for one in weights.parameters())
        size = sum(one.numel() * one.element_size() for one in weights.parameters())
        sampling = Sampling(max_new_tokens=NEW_TOKENS)
        for many in AT_ONCE:
            prompts = [Prompt.ask(f"Tell me a long story about the number {n}.") for n in range(many)]
            model.generate(prompts[:1], sampling)
            tokens = 0

            def work(prompts: list[Prompt] = prompts) -> None:
                nonlocal tokens
                replies = model.generate(prompts, sampling)
                tokens = sum(len(reply.log_probs or ()) for reply in replies)

            seconds = quickest(work, 3)
            least = max(size / bytes_read, 2 * count * many / operations)
            found[str(many)] = {
                "tokens_per_second": round(tokens / seconds, 1),
                "at_most": round(many / least, 1),
                "bound_by": "memory" if size / bytes_read > 2 * count * many / operations else "arithmetic",
            }
    return {"weights": count, "bytes": size, "new_tokens": NEW_TOKENS, "answers_at_once": found}


def judging(operations: float) -> dict[str, Any]:
    """Texts a second, and at most."""
    folder = Path(str(files("levelhead") / "guard" / "encoder"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    graph = onnx.load(str(folder / "model.onnx")).graph
    # Tables of embeddings are looked up, not multiplied.
    weights = sum(
        int(np.prod(one.dims)) for one in graph.initializer if len(one.dims) == 2 and max(one.dims) < 10_000
    )
    words = ["bread", "oven", "flour", "water", "knead", "dough", "salt", "yeast", "rise", "bake"]
    with load_detector("encoder", threads=1) as detector:
        pairs = [Pair(str(n), f"{n} " + " ".join(words * 6), "How do I bake bread?") for n in range(16)]
        tokens = len(tokenizer.encode(pairs[0].question or "", pairs[0].answer).ids)
        seconds = quickest(lambda: detector.judge(pairs), 10)
    return {
        "weights_multiplied": weights,
        "tokens_each": tokens,
        "texts_per_second": round(16 / seconds, 1),
        "at_most_in_float32": round(operations / (2 * weights * tokens), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="JSON file that is written.")
    options = parser.parse_args()
    torch.set_num_threads(1)
    operations, bytes_read = machine()
    found = {
        "command": "OMP_NUM_THREADS=1 python benchmarks/bounds.py --out OUT",
        "machine": platform.machine(),
        "one_core": {
            "gflops": round(operations / 1e9, 1),
            "gigabytes_per_second": round(bytes_read / 1e9, 1),
        },
        "writing": writing(operations, bytes_read),
        "judging": judging(operations),
        "versions": {name: version(name) for name in ("levelhead", "torch", "onnxruntime")},
    }
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
