from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.errors import RunFolderError, UsageError
from levelhead.models import Sampling
from levelhead.records import Prompt, Reply
from levelhead.running import Manifest, RunFolder, ask, read_run
from tests.fakes import FakeModel

SETTINGS = {"sampling": Sampling(stop=("\n",)).to_json(), "variant": "plain", "seed": 3}


def manifest(
    model: FakeModel | None = None, data_hash: str = "d1", settings: dict[str, object] | None = None
) -> Manifest:
    return Manifest.describe(model or FakeModel(), data_hash=data_hash, settings=settings or SETTINGS)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "first"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_finished_run_is_read_back_as_it_was_written(out: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "a", "reply": "\ud83d é \u2028 </script>"},
        {"id": "b", "p": 0.1 + 0.2, "x": None},
    ]
    with RunFolder.open(out, manifest()) as folder:
        folder.write_rows(rows)
        folder.write_summary({"illusion": {"acc": {"value": 1 / 3, "n": 3}}})
    run = read_run(out)
    assert run.rows == rows
    assert run.summary == {"illusion": {"acc": {"value": 1 / 3, "n": 3}}}
    assert run.manifest == folder.manifest
    assert run.manifest.finished is not None
    assert run.manifest.finished >= run.manifest.created


def test_a_run_without_rows_is_read_back(out: Path) -> None:
    with RunFolder.open(out, manifest()) as folder:
        folder.write_rows([])
        folder.write_summary({})
    assert read_run(out).rows == []


def test_the_manifest_lies_in_the_folder_before_anything_is_asked(out: Path) -> None:
    with RunFolder.open(out, manifest()):
        written = json.loads((out / "manifest.json").read_text())
    assert written["schema"] == 1
    assert written["model"]["fingerprint"] == "fake-1"
    assert written["settings"]["sampling"]["stop"] == ["\n"]
    assert written["finished"] is None


def test_the_same_settings_go_on_with_the_run_and_keep_its_beginning(out: Path) -> None:
    with RunFolder.open(out, manifest()) as folder:
        folder.append([("k", [Reply("yes", "stop")])])
        created = folder.manifest.created
    with RunFolder.open(out, manifest(FakeModel(name="hf:moved/elsewhere"))) as folder:
        assert folder.recall("k") == [Reply("yes", "stop")]
        assert folder.manifest.created == created
        assert "keeps the 1 answers so far" in folder.how_to_go_on


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (manifest(settings=SETTINGS | {"variant": "terse"}), 'settings.variant: "plain" -> "terse"'),
        (manifest(settings={"seed": 3, "variant": "plain"}), "settings.sampling.n: 1 -> not set"),
        (manifest(settings=SETTINGS | {"extra": [1]}), "settings.extra: not set -> [1]"),
        (manifest(data_hash="d2"), "data: d1 -> d2"),
        (
            manifest(FakeModel(name="big", fingerprint="fake-2")),
            "model: fake (fingerprint fake-1) -> big (fingerprint fake-2)",
        ),
    ],
)
def test_other_settings_are_refused_and_listed(out: Path, changed: Manifest, told: str) -> None:
    with RunFolder.open(out, manifest()):
        pass
    before = contents(out)
    with pytest.raises(RunFolderError) as caught:
        RunFolder.open(out, changed)
    assert f"\n  {told}\n" in str(caught.value)
    assert str(caught.value).endswith("Give another --out, or the old settings to go on with that run.")
    assert contents(out) == before | {"run.lock": before["run.lock"]}


def test_only_what_differs_is_listed(out: Path) -> None:
    old, new = manifest(), manifest(settings=SETTINGS | {"seed": 4})
    assert old.differences(new) == ["settings.seed: 3 -> 4"]
    assert old.differences(manifest()) == []


def test_versions_of_an_earlier_start_are_kept_once_each(out: Path) -> None:
    now = manifest()
    old = now.model_copy(update={"versions": now.versions | {"torch": "0.1"}})
    for start in (old, now, now, old, now):
        with RunFolder.open(out, start) as folder:
            pass
    assert folder.manifest.versions == now.versions
    assert folder.manifest.earlier_versions == [old.versions, now.versions]


def test_a_folder_of_another_kind_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("dear")
    with pytest.raises(RunFolderError, match=r"no run folder: it holds 'thesis\.tex' but no manifest\.json"):
        RunFolder.open(tmp_path, manifest())
    assert contents(tmp_path) == {"thesis.tex": b"dear"}


def test_a_folder_whose_start_was_killed_before_the_manifest_is_taken(out: Path) -> None:
    out.mkdir(parents=True)
    (out / "run.lock").write_text("12345\n")
    (out / ".manifest.json.draft").write_text('{"schema"')
    with RunFolder.open(out, manifest()):
        assert sorted(contents(out)) == ["manifest.json", "replies.jsonl", "run.lock"]


@pytest.mark.parametrize(
    "damaged", ["", "{", '{"name": "a web app", "icons": []}', "[]", "\x00", '{"schema": 2}']
)
def test_a_damaged_or_foreign_manifest_is_refused_untouched(out: Path, damaged: str) -> None:
    out.mkdir(parents=True)
    (out / "manifest.json").write_text(damaged)
    with pytest.raises(RunFolderError, match=r"manifest\.json is damaged or not a manifest of this version"):
        RunFolder.open(out, manifest())
    assert (out / "manifest.json").read_text() == damaged
    assert not (out / "replies.jsonl").exists()


def test_a_manifest_with_unknown_fields_is_refused(out: Path) -> None:
    with RunFolder.open(out, manifest()):
        pass
    fields = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps(fields | {"mood": "sunny"}))
    with pytest.raises(RunFolderError, match="mood: Extra inputs are not permitted"):
        RunFolder.open(out, manifest())


def test_a_second_opening_in_the_same_process_is_refused(out: Path) -> None:
    with RunFolder.open(out, manifest()) as folder:
        with pytest.raises(RunFolderError, match=rf"written by process {os.getpid()}\."):
            RunFolder.open(out, manifest())
        folder.append([("k", [Reply("yes", "stop")])])
    with RunFolder.open(out, manifest()) as folder:
        assert folder.recall("k") == [Reply("yes", "stop")]


def test_a_refused_opening_leaves_the_lock_free(out: Path) -> None:
    with RunFolder.open(out, manifest()):
        pass
    with pytest.raises(RunFolderError):
        RunFolder.open(out, manifest(data_hash="d2"))
    with RunFolder.open(out, manifest()):
        pass


def test_a_path_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("")
    for path in (file, file / "below"):
        with pytest.raises(RunFolderError, match=r"Cannot use the folder .*notes.* another --out"):
            RunFolder.open(path, manifest())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunFolderError, match="Permission denied"):
        RunFolder.open(tmp_path, manifest())


@pytest.mark.parametrize("name", ["run.lock", "replies.jsonl"])
def test_a_file_that_cannot_be_written_is_named(out: Path, name: str) -> None:
    with RunFolder.open(out, manifest()):
        pass
    (out / name).unlink()
    (out / name).mkdir()
    with pytest.raises(RunFolderError, match=rf"Cannot write .*{name} \(Is a directory\)"):
        RunFolder.open(out, manifest())


def rows_with(value: object) -> Callable[[RunFolder], None]:
    return lambda folder: folder.write_rows([{"p": 0.5}, {"p": value}])


def summary_with(value: object) -> Callable[[RunFolder], None]:
    return lambda folder: folder.write_summary({"acc": {"value": value}})


@pytest.mark.parametrize("write", [rows_with, summary_with])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_is_never_written_and_the_old_file_stays(
    out: Path, write: Callable[[object], Callable[[RunFolder], None]], value: float
) -> None:
    with RunFolder.open(out, manifest()) as folder:
        write(0.25)(folder)
        before = contents(out)
        with pytest.raises(ValueError, match="not JSON compliant"):
            write(value)(folder)
        assert contents(out) == before


def test_a_full_disk_leaves_the_old_summary(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunFolder.open(out, manifest()) as folder:
        folder.write_summary({"n": 1})
        before = contents(out)

        def full_disk(file: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full_disk)
            with pytest.raises(RunFolderError, match=r"Cannot write .*summary\.json .*Free some space"):
                folder.write_summary({"n": 2})
        assert contents(out) == before


def test_reading_says_what_is_missing(out: Path) -> None:
    with pytest.raises(UsageError, match=r"no run folder: it holds no manifest\.json"):
        read_run(out)
    with RunFolder.open(out, manifest()) as folder:
        with pytest.raises(RunFolderError, match=r"has not finished: it holds no rows\.jsonl"):
            read_run(out)
        folder.write_rows([{"a": 1}])
        with pytest.raises(RunFolderError, match=r"has not finished: it holds no summary\.json"):
            read_run(out)
        folder.write_summary({})
    (out / "rows.jsonl").write_text('{"a": 1}\n{"a"\n')
    with pytest.raises(RunFolderError, match=r"Line 2 of .*rows\.jsonl is damaged"):
        read_run(out)
    (out / "rows.jsonl").write_text('{"a": 1}\n3\n')
    with pytest.raises(RunFolderError, match=r"Line 2 of .*rows\.jsonl is damaged \(no object\)"):
        read_run(out)


def test_answers_survive_a_failure_of_the_caller(out: Path) -> None:
    model = FakeModel()

    def ask_then_fail(divisor: int) -> float:
        with RunFolder.open(out, manifest()) as folder:
            answers = ask(model, [Prompt.ask("a")], Sampling(), folder=folder, label="asking", progress="off")
            return len(answers) / divisor

    with pytest.raises(ZeroDivisionError):
        ask_then_fail(0)
    assert ask_then_fail(1) == 1
    assert len(model.asked) == 1
