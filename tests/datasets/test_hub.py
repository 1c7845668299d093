from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from levelhead.datasets import Columns, read_hub
from levelhead.errors import MissingExtraError, UsageError
from tests.datasets.files import write_jsonl


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"levelhead\[tune\]"):
        read_hub("owner/set", split="test")


def test_what_is_asked_for_reaches_the_library_and_names_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def load_dataset(
        name: str, subset: str | None, *, split: str, revision: str | None
    ) -> Iterable[Mapping[str, object]]:
        asked.extend([name, subset, split, revision])
        return [{"q": "Who?", "a": "I"}]

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    columns = Columns(question="q", answers="a")
    (example,) = read_hub("owner/set", columns, split="test", subset="hard", revision="v1")
    assert asked == ["owner/set", "hard", "test", "v1"]
    assert (example.id, example.answers) == ("owner/set-test-1", ("I",))


def test_a_set_that_is_not_there_is_told_as_an_error_of_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(*_: object, **__: object) -> None:
        raise FileNotFoundError("Dataset 'owner/gone' doesn't exist.")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    with pytest.raises(UsageError, match=r"'owner/gone' .* cannot be loaded \(.* doesn't exist"):
        read_hub("owner/gone", split="test")


def test_the_real_library_gives_rows_in_this_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("datasets", reason="the extra 'tune' is not installed")
    monkeypatch.setattr(hub.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "set"
    folder.mkdir()
    rows = [
        {"question": "Who?", "answers": {"text": ["Ida"]}, "page": 1},
        {"question": "Where?", "answers": {"text": []}, "page": 2},
    ]
    write_jsonl(folder / "test.jsonl", rows)
    columns = Columns(answers="answers.text", metadata=("page",), empty_answers="unanswerable")
    examples = read_hub(str(folder), columns, split="test")
    assert [(one.question, one.answers, one.metadata["page"]) for one in examples] == [
        ("Who?", ("Ida",), 1),
        ("Where?", None, 2),
    ]
    with pytest.raises(UsageError, match="cannot be loaded"):
        read_hub(str(folder), columns, split="nowhere")
