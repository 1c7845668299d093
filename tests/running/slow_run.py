"""A whole run on a slow fake model, as a program: the tests start it, kill it and start it again.

    python -m tests.running.slow_run OUT LOG PAUSE [FILE_SIZE_LIMIT]

LOG gets a line "answered ..." before a batch is handed over and "reported ..." when the next one is asked
for, which is after it was stored. PAUSE is the time a batch takes, in seconds.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from levelhead.errors import RunFolderError
from levelhead.models import Sampling
from levelhead.records import Prompt, Reply
from levelhead.running import Manifest, RunFolder, ask, sigterm_as_interrupt
from tests.fakes import FakeModel

PROMPTS = [Prompt.ask(f"question {number}") for number in range(200)]
BATCH = 4  # the batches of FakeModel
TOKENS = 500  # long lines, so that a kill now and then falls into a write


def answer(prompt: Prompt) -> Reply:
    number = int(prompt.turns[-1].text.split()[-1])
    return Reply(f"answer {number}", "stop", tuple(-(number + 1) / (token + 3) for token in range(TOKENS)))


class SlowModel(FakeModel):
    def __init__(self, log: Path, pause: float) -> None:
        super().__init__(answer)
        self._log, self._pause = log, pause

    def iter_generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        for batch in super().iter_generate(prompts, sampling):
            numbers = " ".join(replies[0].text.split()[-1] for _, replies in batch)
            time.sleep(self._pause)
            self._note(f"answered {numbers}")
            yield batch
            self._note(f"reported {numbers}")

    def _note(self, line: str) -> None:
        with self._log.open("a") as file:
            file.write(line + "\n")


def run(out: Path, log: Path, pause: float = 0.0) -> None:
    model = SlowModel(log, pause)
    with RunFolder.open(out, Manifest.describe(model, data_hash="d", settings={"seed": 0})) as folder:
        try:
            answers = ask(model, PROMPTS, Sampling(), folder=folder, label="asking", progress="off")
        except KeyboardInterrupt:
            sys.stdout.write(folder.how_to_go_on)
            sys.exit(130)
        folder.write_rows(
            {"reply": reply.text, "log_prob": sum(reply.log_probs or ())} for [reply] in answers
        )
        folder.write_summary({"n": len(answers)})


if __name__ == "__main__":
    if len(sys.argv) > 4:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
    with sigterm_as_interrupt():
        try:
            run(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
        except RunFolderError as error:
            sys.stdout.write(str(error))
            sys.exit(1)
