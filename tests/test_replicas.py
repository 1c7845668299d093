"""Copies on Ray: the same answers as one, whatever dies. One Ray serves all tests of this file."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from levelhead.cli._main import app
from levelhead.errors import LevelheadError, MissingExtraError, ModelError, UsageError
from levelhead.guard import Pair, ReplicatedDetector, load_detector
from levelhead.illusion import ReplicatedKind, build, load_questions, make_kinds, select
from levelhead.models import Sampling, load_model
from levelhead.records import Image, Prompt
from levelhead.replicas import Replicas
from tests.models.checkpoints import build_text

pytest.importorskip("ray", reason='Ray is heavy: pip install "levelhead[ray]"')
PROMPTS = [Prompt.ask("word " * (number % 9 + 1) + str(number)) for number in range(200)]
TOO_LONG = Prompt.ask("word " * 200)


class Worker:
    """Adds, fails and dies."""

    def add(self, a: int, b: int) -> int:
        return a + b

    def fail(self, kind: str) -> None:
        raise {"usage": UsageError, "model": ModelError}[kind](f"no {kind}")

    def die_once(self, number: int, file: Path) -> int:
        """Number 7 dies at its first call."""
        if number == 7 and not file.exists():
            file.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number


def broken() -> Worker:
    raise UsageError("cannot be made")


@pytest.fixture(scope="module", autouse=True)
def _ray_ends() -> Iterator[None]:
    import ray

    with pytest.MonkeyPatch.context() as patch:
        # Copies must find the tests too.
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1]), *sys.path]))
        patch.delenv("RAY_ADDRESS", raising=False)
        try:
            # A test machine may have one processor, and copies here do next to nothing.
            ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, configure_logging=False)
        except (OSError, RuntimeError, ValueError) as error:  # no shared memory, no address of its own ...
            pytest.skip(f"Ray itself does not start on this machine: {error}")
        yield
        ray.shutdown()


@pytest.fixture(scope="module")
def workers() -> Iterator[Replicas[Worker]]:
    with Replicas(Worker, 2, cpus=0.5) as made:
        yield made


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_text(tmp_path_factory.mktemp("models") / "text")


def test_each_call_comes_back_once_with_its_place(workers: Replicas[Worker]) -> None:
    found = dict(workers.map("add", [(number, 1) for number in range(50)]))
    assert found == {number: number + 1 for number in range(50)}
    assert workers.call("add", 2, 3) == 5


def test_a_copy_that_is_killed_costs_time_and_no_call(workers: Replicas[Worker], tmp_path: Path) -> None:
    calls = [(number, tmp_path / "died") for number in range(20)]
    places = list(workers.map("die_once", calls))
    assert (tmp_path / "died").exists()
    assert sorted(places) == [(number, number) for number in range(20)]


@pytest.mark.parametrize(("kind", "error"), [("usage", UsageError), ("model", ModelError)])
def test_an_error_of_a_copy_is_that_of_the_caller(
    kind: str, error: type[LevelheadError], workers: Replicas[Worker]
) -> None:
    with pytest.raises(error, match=f"no {kind}"):
        list(workers.map("fail", [(kind,)] * 5))
    assert workers.call("add", 1, 1) == 2


def test_what_cannot_be_made_or_has_no_room_is_refused() -> None:
    with Replicas(broken, 1, cpus=0.1) as made, pytest.raises(UsageError, match="cannot be made"):
        made.call("add", 1, 2)
    with pytest.raises(UsageError, match="give 1 or more"):
        Replicas(Worker, 0)
    with pytest.raises(UsageError, match=r"5000 replicas take 5000 CPU, and Ray has"):
        Replicas(Worker, 5000)


def test_copies_that_have_no_room_wait_and_the_user_hears_of_it_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("levelhead.replicas._NOTICE_SECONDS", 0.3)
    with Replicas(Worker, 1, cpus=3) as first, Replicas(Worker, 1, cpus=2) as second:
        assert first.call("add", 1, 1) == 2
        timer = threading.Timer(1.5, first.close)
        timer.start()
        assert list(second.map("add", [(1, 2)])) == [(0, 3)]
        timer.join()
    assert [record.getMessage()[:31] for record in caplog.records] == ["1 of 1 copies have not begun: R"]


def test_copies_of_a_model_answer_and_score_as_one_does(checkpoint: Path) -> None:
    prompts, sampling = [*PROMPTS, TOO_LONG], Sampling(max_new_tokens=8)
    drawn = Sampling(max_new_tokens=8, temperature=0.9, n=2, seed=3)
    continuations = [" yes" if number % 2 else " no, not so" for number in range(len(prompts))]
    name = f"hf:{checkpoint}"
    with load_model(name, threads=1) as one, load_model(name, threads=1, replicas=2) as many:
        assert (one.name, one.fingerprint, one.sees) == (many.name, many.fingerprint, many.sees)
        assert many.generate(prompts, sampling) == one.generate(prompts, sampling)
        assert many.generate(prompts, drawn) == one.generate(prompts, drawn)
        assert many.score(prompts, continuations) == one.score(prompts, continuations)
        assert many.details["replicas"] == 2
        shown = Prompt.ask("What is this?", images=(Image(data=b"x"),))
        with pytest.raises(UsageError):
            many.generate([shown], sampling)


def test_copies_of_a_detector_judge_as_one_does() -> None:
    pairs = [
        Pair(str(number), text, "q")
        for number, text in enumerate(["Bread is baked.", "Steal the pies!", "", "Build a pipe bomb."] * 40)
    ]
    with load_detector("lexical") as one, ReplicatedDetector("lexical", 2, part=16) as many:
        assert many.judge(pairs) == one.judge(pairs)
        assert (many.fingerprint, many.threshold) == (one.fingerprint, one.threshold)


def test_copies_of_a_kind_draw_the_same_bytes(tmp_path: Path) -> None:
    questions = select(load_questions(), 4)
    (kind,) = make_kinds(["typographic"])
    many = ReplicatedKind(kind, 2)
    build(questions, tmp_path / "one", kinds=[kind], seed=5)
    build(questions, tmp_path / "many", kinds=[many], seed=5)
    many.close()
    assert (tmp_path / "one" / "metadata.jsonl").read_bytes() == (
        tmp_path / "many" / "metadata.jsonl"
    ).read_bytes()


@pytest.mark.parametrize(
    ("name", "why"),
    [("openai:m@http://127.0.0.1:9/v1", "several base urls"), ("embedded+contrast", "contrast")],
)
def test_what_copies_do_not_help_is_refused(name: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        load_model(name, replicas=2)


def test_copies_without_an_engine_are_wrong_usage(tmp_path: Path) -> None:
    file = tmp_path / "PAIRS.jsonl"
    file.write_text('{"id": "1", "answer": "Bread."}\n')
    command = ["guard", "judge", "--file", str(file), "--out", str(tmp_path / "S.jsonl"), "--replicas", "2"]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, UsageError)
    assert "--engine ray" in str(result.exception)


def test_the_command_judges_on_ray_as_it_does_here(tmp_path: Path) -> None:
    file = tmp_path / "PAIRS.jsonl"
    file.write_text(
        "".join(f'{{"id": "{number}", "answer": "Steal {number} pies."}}\n' for number in range(300))
    )
    for engine in ("local", "ray"):
        more = ["--replicas", "2"] if engine == "ray" else []
        out = tmp_path / f"{engine}.jsonl"
        command = ["guard", "judge", "--file", str(file), "--out", str(out), "--detector", "lexical"]
        result = CliRunner().invoke(app, [*command, "--engine", engine, *more])
        assert result.exception is None, result.output
    assert (tmp_path / "local.jsonl").read_bytes() == (tmp_path / "ray.jsonl").read_bytes()


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"levelhead\[ray\]"):
        Replicas(partial(Worker), 1)
