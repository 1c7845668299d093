"""The main experiment of R-Tuning (arXiv 2311.09677, tables 1 and 2) on the embedded model, at paper size.

Every step is a `levelhead honesty` command, so each can be run by hand; the steps that are done are skipped
and the one that was killed goes on. Takes about ten hours on two cores, so:

    python benchmarks/pararel_tuning.py --data FOLDER --work WORK run [--until HH:MM] [STEP ...]
    python benchmarks/pararel_tuning.py --data FOLDER --work WORK summarize --out results/pararel_tuning.json

FOLDER holds the public files under the paths that stand at the head of this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from _steps import CROSSFITTED, TUNING, WITHOUT_TAIL, Step, main, under

SHOTS = Path(__file__).with_name("pararel_shots.jsonl")
TRAIN = "pararel:r_tuning_data/pararel/training_data.json"
SETS = {
    "id": ("pararel:r_tuning_data/pararel/ID_test_pararel.json", None),
    "ood": ("pararel:r_tuning_data/pararel/OOD_test_pararel.json", 4000),
}
"""Test sets: reader and file, and how many questions are drawn (None for all)."""
SAMPLED = 1000
"""Of how many questions of each test set ten answers are drawn: the uncertainty baseline without tuning."""
REFUSALS = {
    "falseqa": ("falseqa:falseqa/test.csv",),
    "nec": (
        "unknownbench:unknownbench/NEC/NEC_answerable.json",
        "unknownbench:unknownbench/NEC/NEC_unanswerable.json",
    ),
    "refunq": (
        "unknownbench:unknownbench/RefuNQ/RefuNQ_answerable.json",
        "unknownbench:unknownbench/RefuNQ/RefuNQ_unanswerable.json",
    ),
}
"""Questions without an answer beside some with one, never trained on; a thousand of each are asked."""
SEEDS = {
    "vanilla": (0, 1, 2),
    "sure": (0, 1, 2),
    "sure-own": (0, 1, 2),
    "sure-crossfit": (0,),
    "replace": (0,),
    "unsupervised": (0,),
}


def steps(data: Path, work: Path) -> Iterator[Step]:
    """All steps, in an order in which each finds what it needs."""
    train = ("--data", under(data, TRAIN))
    shots = ("--shots", str(SHOTS))

    def evaluations(name: str, model: str, *arguments: str, most: int | None = None) -> Iterator[Step]:
        for test, (file, limit) in SETS.items():
            drawn = most or limit
            yield Step.of(
                work,
                f"eval/{name}-{test}",
                *("eval", model, "--data", under(data, file), "--apart-from", under(data, TRAIN)),
                *(("--limit", str(drawn)) if drawn else ()),
                *arguments,
            )

    def refusals(name: str, model: str, *arguments: str) -> Iterator[Step]:
        for test, files in REFUSALS.items():
            named = [word for file in files for word in ("--data", under(data, file))]
            yield Step.of(work, f"eval/{name}-{test}", "eval", model, *named, "--limit", "1000", *arguments)

    yield Step.of(work, "probe", "probe", "embedded", *train, *shots)
    yield from evaluations("base", "embedded", *shots, "--no-sure")
    yield from evaluations("sampled", "embedded", *shots, "--samples", "10", "--no-sure", most=SAMPLED)
    yield from refusals("base", "embedded", *shots, "--no-sure")
    yield Step.of(work, "probe-sampled", "probe", "embedded", *train, *shots, "--samples", "10")
    methods = [(method, seed) for method, seeds in SEEDS.items() for seed in seeds]
    # The first seed of every method comes first, so that a table is whole before its intervals are narrow.
    for method, seed in sorted(methods, key=lambda one: one[1]):
        if seed == 0:
            probed = work / ("probe-sampled" if method == "unsupervised" else "probe")
            on_the_way = TUNING if method in CROSSFITTED else ()
            yield Step.of(
                work,
                f"data/{method}",
                *("build", str(probed), "--method", method, "--style", "completion", *on_the_way),
            )
        name = f"{method}-{seed}"
        yield Step.of(
            work,
            f"adapter/{name}",
            *("tune", "embedded", "--data", str(work / "data" / method), "--seed", str(seed), *TUNING),
        )
        no_sure = ("--no-sure",) if method in WITHOUT_TAIL else ()
        yield from evaluations(name, f"embedded+{work / 'adapter' / name}", *no_sure)
        if seed == 0:
            yield from refusals(name, f"embedded+{work / 'adapter' / name}", *no_sure)


if __name__ == "__main__":
    main("R-Tuning's main experiment on the embedded model", steps)
