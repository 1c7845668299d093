"""The int8 encoder as it is served, against the same model in float32 PyTorch at batch 1.

    python benchmarks/detector.py --int8 FOLDER --out results/detector.json

Two ratios. Latency: one answer at a time, both ways. Throughput: our `judge` on a list against a loop of
single answers in PyTorch. The two take turns, block by block, and swap who goes first, so that a change in
the speed of the machine falls on both; intervals are made of blocks. The weights of the PyTorch model are
read from the float32 ONNX file beside the int8 one, and the run ends with an error if its scores are not
those of that file. Answers are plain words, each of the same number of tokens.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from levelhead.guard import EncoderDetector, Pair, formatted
from levelhead.guard.detector._encoder import WEIGHTS_FILE
from levelhead.guard.detector._saved import SavedDetector
from levelhead.guard.detector._windows import TokenWindows
from levelhead.guard.training._base import packaged_encoder
from levelhead.metrics import Estimate, mean, quantile

WORDS = (
    "bread water stone river morning garden window market letter teacher summer winter music paper bridge "
    "kitchen flower silver mountain village story doctor farmer ship corner apple table candle forest road"
)
LARGEST_GAP = 1e-3
"""Largest difference of p_harm between the ONNX file and the PyTorch model made from it."""


class TorchDetector:
    """The float32 model in PyTorch, one answer at a time, tokenizing included.

    Args:
        folder: The float32 detector.
        base: Folder or hub id of the encoder that it was trained from; gives the architecture alone.
    """

    def __init__(self, folder: Path, base: str) -> None:
        import torch

        from levelhead.guard.training._model import build_model, fast_tokenizer, padded

        self._torch, self._padded = torch, padded
        saved = SavedDetector.read(folder, kind="encoder")
        self._form = saved.format.restore()
        tokenizer = fast_tokenizer(base)
        self._windows = TokenWindows(tokenizer, window=saved.window, head_share=saved.head_share)
        weights = torch_weights(folder / WEIGHTS_FILE)
        layers = 1 + max(int(name.split(".layer.")[1].split(".")[0]) for name in weights if ".layer." in name)
        self._model = build_model(base, outputs=1 + len(saved.categories), layers=layers).eval()
        missing, unknown = self._model.load_state_dict(
            {name: torch.from_numpy(value) for name, value in weights.items()}, strict=False
        )
        # The pooler of the base is never used; all else must come from the file.
        if unknown or [name for name in missing if ".pooler." not in name and "position_ids" not in name]:
            raise SystemExit(f"{folder} does not fit {base}: missing {missing}, unknown {unknown}")

    def p_harm(self, pair: Pair) -> float:
        rows = self._windows.marked_rows(formatted(pair, self._form))
        with self._torch.inference_mode():
            logits = [self._model(*self._padded([row]))[0, 0] for row in rows]
            return float(self._torch.stack(logits).max().sigmoid())


def torch_weights(path: Path) -> dict[str, Any]:
    """The weights of an exported encoder by their names in PyTorch.

    The export keeps all names but those of matrices, which it turns over; each is known by the bias that is
    added to its product.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    arrays = {one.name: numpy_helper.to_array(one).copy() for one in graph.initializer}
    weights = {name: value for name, value in arrays.items() if name.endswith((".weight", ".bias"))}
    product_of = {node.output[0]: node for node in graph.node if node.op_type == "MatMul"}
    for node in graph.node:
        if node.op_type != "Add":
            continue
        bias = next((name for name in node.input if name.endswith(".bias")), None)
        product = next((product_of[name] for name in node.input if name in product_of), None)
        if bias is not None and product is not None:
            matrix = next(name for name in product.input if name in arrays)
            weights[bias.removesuffix("bias") + "weight"] = arrays[matrix].T.copy()
    return weights


def answers(count: int, tokens: int, base: str) -> list[Pair]:
    """Answers of exactly so many tokens, special ones left out."""
    from levelhead.guard.training._model import fast_tokenizer

    tokenizer = fast_tokenizer(base)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    single = [
        word for word in WORDS.split() if len(tokenizer.encode(word, add_special_tokens=False).ids) == 1
    ]
    chance = random.Random(0)
    pairs = [
        Pair(str(number), " ".join(chance.choice(single) for _ in range(tokens))) for number in range(count)
    ]
    if any(len(tokenizer.encode(pair.answer, add_special_tokens=False).ids) != tokens for pair in pairs):
        raise SystemExit("the tokenizer joins words, so answers have no exact length")
    return pairs


@dataclass(frozen=True)
class Block:
    """The seconds of one block of answers: each answer by itself both ways, and our list."""

    ours: list[float]
    theirs: list[float]
    our_list: float

    @property
    def latency_ratio(self) -> float:
        return sum(self.theirs) / sum(self.ours)

    @property
    def throughput_ratio(self) -> float:
        return sum(self.theirs) / self.our_list


def seconds_each(judge: Callable[[Pair], object], pairs: Sequence[Pair]) -> list[float]:
    found = []
    for pair in pairs:
        start = time.perf_counter()
        judge(pair)
        found.append(time.perf_counter() - start)
    return found


def run_block(int8: EncoderDetector, theirs: TorchDetector, pairs: Sequence[Pair], ours_first: bool) -> Block:
    def our_times() -> tuple[list[float], float]:
        single = seconds_each(lambda pair: int8.judge([pair]), pairs)
        start = time.perf_counter()
        int8.judge(pairs)
        return single, time.perf_counter() - start

    if ours_first:
        single, whole = our_times()
        their_times = seconds_each(theirs.p_harm, pairs)
    else:
        their_times = seconds_each(theirs.p_harm, pairs)
        single, whole = our_times()
    return Block(single, their_times, whole)


def mean_ratio(ratios: Sequence[float]) -> dict[str, float | int | None]:
    """The geometric mean with its interval over blocks: twice as fast and half as fast cancel out."""
    found = mean([math.log(ratio) for ratio in ratios])
    return Estimate(math.exp(found.value), math.exp(found.low), math.exp(found.high), found.n).to_json()


def check_same(float32: Path, theirs: TorchDetector, pairs: Sequence[Pair]) -> float:
    """The largest difference of p_harm between the ONNX file and the PyTorch model.

    Raises:
        SystemExit: If they are not the same model.
    """
    with EncoderDetector(float32) as exact:
        judged = exact.judge(pairs)
    gap = max(abs((one.p_harm or 0.0) - theirs.p_harm(pair)) for one, pair in zip(judged, pairs, strict=True))
    if gap > LARGEST_GAP:
        raise SystemExit(f"the PyTorch model is not that of {float32}: p_harm differs by {gap:.2g}")
    return gap


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="the int8 encoder against float32 PyTorch at batch 1")
    parser.add_argument("--int8", type=Path, required=True, help="folder of the detector that is served")
    parser.add_argument("--float32", type=Path, help="folder of its float32 twin; else FOLDER/float32")
    parser.add_argument("--base", help="encoder that it was trained from; the packaged one if left out")
    parser.add_argument("--tokens", type=int, default=128, help="of each answer")
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--block", type=int, default=32, help="answers of a block")
    parser.add_argument("--threads", type=int, help="of both; each one's own choice if left out")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    # Waiting threads sleep, or a second process on the machine would slow PyTorch down many times over.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    base = arguments.base or str(packaged_encoder())
    float32 = arguments.float32 or arguments.int8 / "float32"
    theirs = TorchDetector(float32, base)
    pairs = answers(arguments.blocks * arguments.block, arguments.tokens, base)
    gap = check_same(float32, theirs, pairs[:8])
    with EncoderDetector(arguments.int8, threads=arguments.threads) as int8:
        run_block(int8, theirs, pairs[: arguments.block], True)  # warms both up
        blocks = []
        for number in range(arguments.blocks):
            some = pairs[number * arguments.block : (number + 1) * arguments.block]
            blocks.append(run_block(int8, theirs, some, number % 2 == 0))
        result = summarize(blocks, arguments.tokens)
        result["detector"] = {"fingerprint": int8.fingerprint, **int8.details}
    result |= {
        "command": " ".join(["python", *sys.argv]),
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load": os.getloadavg()[0],
        },
        "torch": {"version": version("torch"), "threads": torch.get_num_threads()},
        "int8_bytes": (arguments.int8 / WEIGHTS_FILE).stat().st_size,
        "largest_gap_torch_onnx": gap,
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(
        f"p50 {result['our_p50_ms']['value']:.1f} ms against {result['their_p50_ms']['value']:.1f} ms; "
        f"answers per second {result['our_answers_per_second']:.1f} against "
        f"{result['their_answers_per_second']:.1f}, {result['throughput_ratio']['value']:.1f}x"
    )


def summarize(blocks: Sequence[Block], tokens: int) -> dict[str, Any]:
    ours = [1000 * seconds for block in blocks for seconds in block.ours]
    theirs = [1000 * seconds for block in blocks for seconds in block.theirs]
    return {
        "tokens": tokens,
        "answers": len(ours),
        "our_p50_ms": quantile(ours, 0.5).to_json(),
        "our_p95_ms": quantile(ours, 0.95).to_json(),
        "their_p50_ms": quantile(theirs, 0.5).to_json(),
        "their_p95_ms": quantile(theirs, 0.95).to_json(),
        "latency_ratio": mean_ratio([block.latency_ratio for block in blocks]),
        "our_answers_per_second": len(ours) / sum(block.our_list for block in blocks),
        "their_answers_per_second": len(theirs) / sum(map(sum, (block.theirs for block in blocks))),
        "throughput_ratio": mean_ratio([block.throughput_ratio for block in blocks]),
        "blocks": [
            {"our_list_seconds": block.our_list, "their_seconds": sum(block.theirs)} for block in blocks
        ],
    }


if __name__ == "__main__":
    main()
