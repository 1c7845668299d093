"""Real processes that are killed, doubled and starved of disk."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from levelhead.errors import RunFolderError
from tests.running.slow_run import BATCH, PROMPTS, run

ROOT = Path(__file__).parents[2]
ALL = [str(number) for number in range(len(PROMPTS))]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


def start(out: Path, log: Path, *, pause: float, limit: int | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.running.slow_run", str(out), str(log), str(pause)]
    command += [str(limit)] if limit is not None else []
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_until_it_works(process: subprocess.Popen[str], log: Path, before: int) -> None:
    """Wait until the log has grown past its size before."""
    deadline = time.monotonic() + 60
    while log.stat().st_size == before:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "the run did not start"
        time.sleep(0.002)


def finish(out: Path, log: Path) -> None:
    process = start(out, log, pause=0)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output


def results(out: Path) -> tuple[bytes, bytes]:
    return (out / "rows.jsonl").read_bytes(), (out / "summary.json").read_bytes()


def uninterrupted(tmp_path: Path) -> tuple[bytes, bytes]:
    run(tmp_path / "whole", tmp_path / "whole.log")
    return results(tmp_path / "whole")


def answered(log: Path) -> list[str]:
    """The numbers of all prompts the model answered, as often as it did."""
    lines = [line.split() for line in log.read_text().splitlines()]
    return [number for word, *numbers in lines if word == "answered" for number in numbers]


def stored(out: Path) -> set[str]:
    """The numbers of the prompts in whole batches of the file of replies, read by hand."""
    whole: set[str] = set()
    batch: set[str] = set()
    for line in (out / "replies.jsonl").read_bytes().split(b"\n")[:-1]:
        fields = json.loads(line)
        batch.add(fields["replies"][0]["text"].split()[-1])
        if fields["to_follow"] == 0:
            whole |= batch
            batch.clear()
    return whole


def test_a_run_killed_at_random_moments_finishes_with_the_same_results_and_asks_nothing_twice(
    out: Path, log: Path, tmp_path: Path
) -> None:
    moments = random.Random(7)
    lost = 0
    for _ in range(6):
        process = start(out, log, pause=0.02)
        wait_until_it_works(process, log, log.stat().st_size)
        time.sleep(moments.uniform(0, 0.06))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "the run ended before it was killed"
        in_flight = set(answered(log)) - stored(out)
        assert len(in_flight) <= BATCH, "more than the batch in flight was lost"
        lost += len(in_flight)
    finish(out, log)

    assert results(out) == uninterrupted(tmp_path)
    assert len(answered(log)) == len(PROMPTS) + lost, "only what was in flight at a kill is asked again"
    assert set(answered(log)) == set(ALL)
    reported: set[str] = set()
    for word, *numbers in (line.split() for line in log.read_text().splitlines()):
        assert word == "reported" or not reported & set(numbers), "a reported batch was asked again"
        if word == "reported":
            reported |= set(numbers)
    whole = (tmp_path / "whole.log").read_text().splitlines()
    killed = log.read_text().splitlines()
    assert {line for line in killed if line.startswith("answered")} == {
        line for line in whole if line.startswith("answered")
    }, "the batches of the killed run are not those of the whole one"


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_go_on_and_goes_on(
    out: Path, log: Path, tmp_path: Path, stop: signal.Signals
) -> None:
    process = start(out, log, pause=0.2)
    wait_until_it_works(process, log, 0)
    process.send_signal(stop)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert re.search(rf"{re.escape(str(out))} keeps the \d+ answers so far. Start the same command", output)
    finish(out, log)
    assert results(out) == uninterrupted(tmp_path)


def test_a_second_process_is_refused_by_name_and_the_first_is_unharmed(
    out: Path, log: Path, tmp_path: Path
) -> None:
    process = start(out, log, pause=0.02)
    wait_until_it_works(process, log, 0)
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(RunFolderError, match=rf"written by process {process.pid}\. Wait until it ends"):
        run(out, tmp_path / "second.log")
    process.send_signal(signal.SIGCONT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert not (tmp_path / "second.log").exists(), "the second process asked its model"
    assert sorted(answered(log), key=int) == ALL
    assert results(out) == uninterrupted(tmp_path)


def test_the_lock_of_a_killed_process_is_free(out: Path, log: Path) -> None:
    process = start(out, log, pause=0.2)
    wait_until_it_works(process, log, 0)
    process.kill()
    process.communicate()
    assert (out / "run.lock").read_text() == f"{process.pid}\n"
    finish(out, log)


def test_a_file_that_may_not_grow_loses_no_earlier_answer(out: Path, log: Path, tmp_path: Path) -> None:
    """The limit falls into a line, so the system writes a part of a batch before it refuses."""
    limit = 300_001
    process = start(out, log, pause=0, limit=limit)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1, output
    assert "Cannot write" in output
    assert "Raise the limit on the size of files" in output
    kept = (out / "replies.jsonl").read_bytes()
    assert 0 < len(kept) < limit
    assert kept.endswith(b"\n"), "a part of a line was left behind"
    assert len(stored(out)) == kept.count(b"\n"), "a part of a batch was left behind"
    finish(out, log)
    assert results(out) == uninterrupted(tmp_path)
    assert len(answered(log)) == len(PROMPTS) + BATCH, "only the batch that was refused is asked again"


DISK_OF_ITS_OWN = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
MOUNT = 'mount -t tmpfs -o size=3m tmpfs "$1" && shift && exec "$@"'
FILL_A_DISK = "import sys, pathlib, tests.running.test_kill as t; t.fill_a_disk(pathlib.Path(sys.argv[1]))"


def fill_a_disk(disk: Path) -> None:
    """Run on a disk with room for a part of the answers, make room, run again. For a small disk only."""
    filler, out, log = disk / "filler", disk / "out", disk.parent / "log"
    filler.write_bytes(bytes(2_200_000))
    with pytest.raises(
        RunFolderError, match=r"No space left on device\). Free some space and start the same"
    ):
        run(out, log)
    kept = (out / "replies.jsonl").read_bytes()
    assert kept.endswith(b"\n"), "a part of a line was left behind"
    assert len(stored(out)) == kept.count(b"\n"), "a part of a batch was left behind"
    assert 0 < len(stored(out)) < len(PROMPTS), "the disk is too small or too large for this test"
    filler.unlink()
    run(out, log)
    assert len(answered(log)) == len(PROMPTS) + BATCH, "only the batch that was refused is asked again"
    assert results(out) == uninterrupted(disk.parent)


def test_a_full_disk_loses_no_earlier_answer(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = [*DISK_OF_ITS_OWN, MOUNT, "sh", str(disk)]
    trial = subprocess.run([*mounted, "true"], capture_output=True, text=True)
    if trial.returncode != 0:
        pytest.skip(f"no disk of our own can be mounted here: {trial.stderr.strip()}")
    command = [*mounted, sys.executable, "-c", FILL_A_DISK, str(disk)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(answered(tmp_path / "log")) > len(PROMPTS)
