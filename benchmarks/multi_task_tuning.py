"""R-Tuning on several tasks at once (arXiv 2311.09677, section 4.3) with the embedded model.

ParaRel, MMLU and FEVER, 1,500 questions each; evaluated in each task and on ParaRel relations and MMLU
subjects that no task holds. FEVER's claims are asked without their evidence, which the public file lacks.

    python benchmarks/multi_task_tuning.py --data FOLDER --work WORK run [--until HH:MM] [STEP ...]
    python benchmarks/multi_task_tuning.py --data FOLDER --work WORK summarize --out FILE
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from _steps import CROSSFITTED, TUNING, WITHOUT_TAIL, Step, main, under
from levelhead.datasets import read_named, remove_near_duplicates, write_qa

SHOTS = Path(__file__).with_name("pararel_shots.jsonl")
TASKS = {
    "pararel": (
        "pararel:r_tuning_data/pararel/training_data.json",
        "pararel:r_tuning_data/pararel/ID_test_pararel.json",
    ),
    "mmlu": ("mmlu:r_tuning_data/MMLU/MMLU_ID_train.json", "mmlu:r_tuning_data/MMLU/MMLU_ID_test.json"),
    "fever": ("fever:fever/paper_dev.jsonl", None),
}
"""By task, the questions to train on and those to test on; None draws both, apart, from the first."""
OUT_OF_DOMAIN = {
    "pararel-ood": "pararel:r_tuning_data/pararel/OOD_test_pararel.json",
    "mmlu-ood": "mmlu-csv:mmlu_ood/test",
}
QUESTIONS = 1500
METHODS = ("vanilla", "sure", "sure-own")


def steps(data: Path, work: Path) -> Iterator[Step]:
    """All steps, in an order in which each finds what it needs."""
    tests = _drawn(data, work)
    for task in TASKS:
        form = ("--shots", str(SHOTS)) if task == "pararel" else ("--style", "completion")
        train = str(work / "questions" / f"{task}-train.jsonl")
        yield Step.of(work, f"probe/{task}", "probe", "embedded", "--data", train, *form)
    probes = [str(work / "probe" / task) for task in TASKS]
    for method in METHODS:
        on_the_way = TUNING if method in CROSSFITTED else ()
        yield Step.of(
            work,
            f"data/{method}",
            *("build", *probes, "--method", method, "--style", "completion", "--equal-tasks", *on_the_way),
        )
        adapter = work / "adapter" / method
        yield Step.of(
            work,
            f"adapter/{method}",
            *("tune", "embedded", "--data", str(work / "data" / method), *TUNING),
        )
        no_sure = ("--no-sure",) if method in WITHOUT_TAIL else ()
        for name, path in tests.items():
            yield Step.of(
                work, f"eval/{method}-{name}", "eval", f"embedded+{adapter}", "--data", str(path), *no_sure
            )


def _drawn(data: Path, work: Path) -> dict[str, Path]:
    """Write the questions of each task, drawn once and apart from each other; return the test files."""
    folder = work / "questions"
    folder.mkdir(parents=True, exist_ok=True)
    named: dict[str, Path] = {name: folder / f"{name}.jsonl" for name in (*TASKS, *OUT_OF_DOMAIN)}
    if all(path.is_file() for path in named.values()):
        return named
    chance = random.Random(0)
    for task, (train_file, test_file) in TASKS.items():
        questions = read_named(under(data, train_file))
        chance.shuffle(questions)
        train, rest = questions[:QUESTIONS], questions[QUESTIONS:]
        if test_file is not None:
            rest = read_named(under(data, test_file))
            chance.shuffle(rest)
        apart, _ = remove_near_duplicates(train, rest)
        write_qa(train, folder / f"{task}-train.jsonl")
        write_qa(apart[:QUESTIONS], named[task])
    for name, file in OUT_OF_DOMAIN.items():
        questions = read_named(under(data, file))
        write_qa(chance.sample(questions, QUESTIONS), named[name])
    return named


if __name__ == "__main__":
    main("R-Tuning on ParaRel, MMLU and FEVER at once, with the embedded model", steps)
