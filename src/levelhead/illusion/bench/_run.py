"""Ask a model a published benchmark and fill a run folder: ask, judge, count."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from levelhead.errors import UsageError
from levelhead.illusion.bench._benchmarks import Benchmark, benchmark_named
from levelhead.models import Model, Sampling, require_sight
from levelhead.records import Example, Prompt, Reply, Verdict
from levelhead.running import DATA_FOLDER, Manifest, RunFolder, ask


def run_benchmark(
    model: Model, name: str, path: str, out: Path, *, pictures: Path | None = None, limit: int | None = None
) -> dict[str, Any]:
    """Run a benchmark: every question in its bare words, beside its picture.

    Args:
        model: Who is asked; it must see if any row has a picture.
        name: A name in `BENCHMARKS`.
        path: Where its files lie, or a hub id where the benchmark takes one.
        out: The run folder. A run that it holds is gone on with.
        pictures: Folder of pictures, for benchmarks whose release holds none.
        limit: Ask at most so many rows, in whole groups that take turns over the categories.

    Returns:
        What was written to `summary.json`.

    Raises:
        UsageError: If there is no such benchmark, its files are wrong, or the model does not see.
        ModelError: If the model fails as a whole.
        RunFolderError: If the run folder cannot be used.
    """
    benchmark = benchmark_named(name)
    examples = spread(benchmark.read(path, pictures, out / DATA_FOLDER), limit)
    if any(example.images for example in examples):
        require_sight(model)
    prompts = [Prompt.ask(example.question, images=example.images) for example in examples]
    sampling = Sampling(max_new_tokens=benchmark.max_new_tokens)
    settings = {"suite": "bench", "bench": name, "prompt": "{question}", "sampling": sampling.to_json()}
    manifest = Manifest.describe(model, data_hash=_hash_of(examples), settings=settings, data_path=Path(path))
    with RunFolder.open(out, manifest) as folder:
        replies = ask(model, prompts, sampling, folder=folder, label="asking")
        rows = [
            _row(benchmark, example, reply, out) for example, [reply] in zip(examples, replies, strict=True)
        ]
        folder.write_rows(rows)
        summary = {
            "schema": 1,
            "model": model.name,
            "bench": {
                "name": name,
                "title": benchmark.title,
                "notes": list(benchmark.notes),
                "rows": len(rows),
                **benchmark.numbers(rows),
            },
        }
        folder.write_summary(summary)
    return summary


def spread(examples: Sequence[Example], limit: int | None) -> list[Example]:
    """At most `limit` examples in whole groups; categories take turns, so that each has its share.

    Raises:
        UsageError: If the limit is too small for the first group.
    """
    if limit is None or limit >= len(examples):
        return list(examples)
    categories: dict[object, dict[str | None, list[Example]]] = {}
    for example in examples:
        groups = categories.setdefault(example.metadata["category"], {})
        groups.setdefault(example.group, []).append(example)
    chosen: list[Example] = []
    queues = [list(groups.values()) for groups in categories.values()]
    for turn in range(max(map(len, queues))):
        for queue in queues:
            if turn < len(queue) and len(chosen) + len(queue[turn]) <= limit:
                chosen += queue[turn]
    if not chosen:
        raise UsageError(f"A limit of {limit} is less than one group of questions. Give a larger one.")
    return chosen


def _row(benchmark: Benchmark, example: Example, reply: Reply, out: Path) -> dict[str, object]:
    """The line of `rows.jsonl`."""
    judged: Mapping[str, object] = benchmark.judge(example, reply.text)
    return {
        "suite": "bench",
        "bench": benchmark.name,
        "id": example.id,
        "group": example.group,
        "question": example.question,
        "gold": (example.answers or ("",))[0],
        **example.metadata,
        "image": os.fspath(example.images[0].path) if example.images and example.images[0].path else None,
        "reply": reply.text,
        **judged,
        "verdict": Verdict.FAILED if reply.error is not None else judged["verdict"],
        "seen": reply.seen,
        "error": reply.error,
    }


def _hash_of(examples: Sequence[Example]) -> str:
    """Identity of what is asked. The bytes of the pictures are part of the keys of the replies."""
    rows = [[example.id, example.question, example.answers, example.group] for example in examples]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
