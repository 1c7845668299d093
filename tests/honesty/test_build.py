from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import RunFolderError, UsageError
from levelhead.honesty import _build, _tuned_probe
from levelhead.honesty._build import BuildReport, build
from levelhead.honesty._build_folder import read_build
from levelhead.honesty._build_settings import BuildSettings
from levelhead.honesty._prompts import PromptFormat, Shot
from levelhead.honesty._rows import ProbeRow
from levelhead.honesty._targets import METHODS, Method
from levelhead.training import LossShare, read_dialogues
from tests.fakes import FakeModel
from tests.honesty.probed import (
    GOLD,
    mixed_rows,
    probe_folder,
    probe_row,
    sampled,
    unanswerable_row,
)
from tests.honesty.workshop import FakeWorkshop, count_letters

UNTUNED: tuple[Method, ...] = ("sure", "replace", "unsupervised", "vanilla")


@pytest.fixture(autouse=True)
def loss(monkeypatch: pytest.MonkeyPatch) -> None:
    count_letters(monkeypatch)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeWorkshop:
    fake = FakeWorkshop()
    monkeypatch.setattr(_tuned_probe, "tune", fake.tune)
    return fake


def with_samples(rows: Sequence[ProbeRow]) -> list[ProbeRow]:
    """The same questions, the unknown ones with samples that all differ."""
    return [
        row.model_copy(update={"samples": sampled([GOLD] * 4 if row.correct else list("wxyz"))})
        for row in rows
    ]


def made(tmp_path: Path, rows: Sequence[ProbeRow], method: Method = "sure", **settings: Any) -> BuildReport:
    probe = probe_folder(tmp_path / "probe", rows)
    return build([probe], tmp_path / "data", BuildSettings(method=method, **settings))


def labels(folder: Path) -> dict[str, object]:
    return {one.id: one.metadata["label"] for one in read_dialogues(folder / "train.jsonl")}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


@pytest.mark.parametrize("method", UNTUNED)
def test_every_method_keeps_every_question_that_it_can_teach(tmp_path: Path, method: Method) -> None:
    rows = with_samples(mixed_rows(5, 3))
    report = made(tmp_path, rows, method)
    found = labels(tmp_path / "data")
    assert list(found) == [row.id for row in rows]
    if method == "vanilla":
        assert set(found.values()) == {None}
    else:
        assert [found[f"k{n}"] for n in range(5)] == ["sure"] * 5
        assert [found[f"u{n}"] for n in range(3)] == ["unsure"] * 3
    assert report.facts.dialogues == 8


def test_a_build_tells_what_it_read_kept_and_dropped_for_each_task(tmp_path: Path) -> None:
    rows = [
        *mixed_rows(2, 1, task="one"),
        unanswerable_row("n", task="one"),
        probe_row("open", task="two", answers=[], correct=None),
        probe_row("failed", task="two", correct=None, error="too long"),
        probe_row("k", task="two"),
    ]
    tasks = made(tmp_path, rows).facts.tasks
    assert (tasks["one"].questions, tasks["one"].sure, tasks["one"].unsure) == (4, 2, 2)
    assert tasks["one"].dropped == {}
    assert (tasks["two"].questions, tasks["two"].kept) == (3, 1)
    assert tasks["two"].dropped == {"no reference answer": 1, "the model gave no answer": 1}


def test_vanilla_leaves_out_what_has_no_answer_and_says_so(tmp_path: Path) -> None:
    [task] = made(tmp_path, [*mixed_rows(2, 1), unanswerable_row("n")], "vanilla").facts.tasks.values()
    assert (task.unlabelled, task.dropped) == (3, {"no answer to teach": 1})


def test_the_facts_are_read_back_with_the_format_of_the_probe(tmp_path: Path) -> None:
    form = PromptFormat("paper", (Shot("Where is Oslo?", "Norway"),))
    probe = probe_folder(tmp_path / "probe", mixed_rows(), form=form)
    report = build([probe], tmp_path / "data", BuildSettings(method="sure", seed=4))
    facts = read_build(tmp_path / "data")
    assert facts == report.facts
    assert facts.form == form
    assert (facts.base, facts.fingerprint, facts.method) == ("fake", "fake-1", "sure")
    assert facts.settings["seed"] == 4
    assert 0 < facts.loss.share < 1


def test_another_format_and_base_can_be_tuned(tmp_path: Path) -> None:
    probe = probe_folder(tmp_path / "probe", mixed_rows())
    form = PromptFormat("chat")
    facts = build([probe], tmp_path / "data", BuildSettings(method="sure"), base="hf:other", form=form).facts
    assert (facts.base, facts.form) == ("hf:other", form)
    assert not read_dialogues(tmp_path / "data" / "train.jsonl")[0].prompt.raw


def test_the_report_shows_a_dialogue_and_the_noise_of_the_labels(tmp_path: Path) -> None:
    probe = probe_folder(tmp_path / "probe", with_samples(mixed_rows()))
    hot = probe_folder(tmp_path / "hot", with_samples(mixed_rows()), temperature=1.5)
    report = build([probe], tmp_path / "data", BuildSettings(method="sure"), compare=[hot])
    assert "I am sure." in report.example
    assert json.loads((tmp_path / "data" / "label_noise.json").read_text()) == report.noise
    assert report.noise["probes"][0]["temperature"] == 1.5


def test_the_same_build_gives_the_same_bytes_again(tmp_path: Path) -> None:
    made(tmp_path, mixed_rows(9, 9), "replace", unsure_share=0.25)
    before = contents(tmp_path / "data")
    build([tmp_path / "probe"], tmp_path / "data", BuildSettings(method="replace", unsure_share=0.25))
    assert contents(tmp_path / "data") == before
    assert set(before) == {"train.jsonl", "build.json", "label_noise.json"}


def test_a_folder_with_other_training_data_is_left_alone(tmp_path: Path) -> None:
    made(tmp_path, mixed_rows(9, 9))
    before = contents(tmp_path / "data")
    with pytest.raises(RunFolderError, match=r"settings.seed: 0 -> 1\nGive another --out"):
        build([tmp_path / "probe"], tmp_path / "data", BuildSettings(method="sure", seed=1))
    assert contents(tmp_path / "data") == before


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.jsonl").write_text("mine")
    with pytest.raises(RunFolderError, match=r"holds 'train.jsonl' but no build.json. Nothing was written"):
        made(tmp_path, mixed_rows())
    assert contents(tmp_path / "data") == {"train.jsonl": b"mine"}


def test_a_build_that_failed_leaves_a_folder_that_can_be_built_in(tmp_path: Path) -> None:
    probe = probe_folder(tmp_path / "probe", [probe_row(str(n), correct_paper=n > 1) for n in range(4)])
    with pytest.raises(UsageError, match="All 4 questions are sure"):
        build([probe], tmp_path / "data", BuildSettings(method="sure"))
    assert contents(tmp_path / "data") == {}
    build([probe], tmp_path / "data", BuildSettings(method="sure", rule="paper"))
    assert list(labels(tmp_path / "data").values()) == ["unsure", "unsure", "sure", "sure"]


def test_a_build_killed_before_its_last_file_is_not_finished_and_goes_on(tmp_path: Path) -> None:
    made(tmp_path, mixed_rows())
    (tmp_path / "data" / "train.jsonl").unlink()
    with pytest.raises(RunFolderError, match="has not finished"):
        read_build(tmp_path / "data")
    build([tmp_path / "probe"], tmp_path / "data", BuildSettings(method="sure"))
    assert read_build(tmp_path / "data").dialogues == 8


def test_training_data_that_was_changed_by_hand_is_noticed(tmp_path: Path) -> None:
    made(tmp_path, mixed_rows())
    with (tmp_path / "data" / "train.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(RunFolderError, match="was changed after it was built"):
        read_build(tmp_path / "data")
    with pytest.raises(UsageError, match="holds no training data"):
        read_build(tmp_path)


@pytest.mark.parametrize("method", [one for one in METHODS if one != "vanilla"])
@pytest.mark.parametrize("known", [True, False])
def test_one_label_alone_is_an_error_of_every_method_but_vanilla(
    tmp_path: Path, fake: FakeWorkshop, method: Method, known: bool
) -> None:
    rows = with_samples(mixed_rows(6 * known, 6 * (not known)))
    probe = probe_folder(tmp_path / "probe", rows)
    fake.answer = lambda example: probe_row(example.id, right=known)
    with pytest.raises(UsageError, match=r"All 6 questions .*(Give|Probe with) more"):
        build([probe], tmp_path / "data", BuildSettings(method=method), probe_model=fake.probe)
    assert not (tmp_path / "data" / "build.json").exists()


def test_nothing_in_the_loss_is_an_error_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> LossShare:
        raise UsageError("No token of the dialogue k0 would be learned")

    monkeypatch.setattr(_build, "loss_share", nothing)
    with pytest.raises(UsageError, match="No token of the dialogue k0"):
        made(tmp_path, mixed_rows())
    assert contents(tmp_path / "data") == {}


def test_labels_of_fold_models_replace_those_of_the_base(tmp_path: Path, fake: FakeWorkshop) -> None:
    probe = probe_folder(tmp_path / "probe", [*mixed_rows(4, 4), unanswerable_row("n")])
    fake.answer = lambda example: probe_row(example.id, right=example.id != "k0")
    report = build([probe], tmp_path / "data", BuildSettings(method="sure-crossfit"), probe_model=fake.probe)
    found = labels(tmp_path / "data")
    assert [name for name, label in found.items() if label == "unsure"] == ["k0", "n"]
    crossfit = report.facts.crossfit or {}
    shares = {name: crossfit[name]["value"] for name in ("known_before", "known_after", "changed")}  # type: ignore[index, call-overload]
    assert shares == {"known_before": 0.5, "known_after": 7 / 8, "changed": 5 / 8}
    assert report.facts.tuning is not None


def test_a_question_that_failed_in_its_fold_is_dropped_and_counted(
    tmp_path: Path, fake: FakeWorkshop
) -> None:
    fake.answer = lambda example: (
        probe_row(example.id, right=False)
        if example.id[0] == "u"
        else probe_row(example.id, correct=None if example.id == "k0" else True, error="x")
    )
    probe = probe_folder(tmp_path / "probe", mixed_rows(4, 4))
    settings = BuildSettings(method="sure-crossfit")
    [task] = build([probe], tmp_path / "data", settings, probe_model=fake.probe).facts.tasks.values()
    assert (task.kept, task.dropped) == (7, {"the model gave no answer": 1})


def test_folds_outlive_a_failed_labelling(tmp_path: Path, fake: FakeWorkshop) -> None:
    probe = probe_folder(tmp_path / "probe", mixed_rows(4, 4))
    fake.answer = lambda example: probe_row(example.id, right=True, correct_paper=example.id[0] == "k")
    with pytest.raises(UsageError, match="All 8 questions are sure"):
        build([probe], tmp_path / "data", BuildSettings(method="sure-crossfit"), probe_model=fake.probe)
    build(
        [probe],
        tmp_path / "data",
        BuildSettings(method="sure-crossfit", rule="paper"),
        probe_model=fake.probe,
    )
    assert len(fake.tuned) == 2


def test_the_conflict_filter_rehearses_drops_the_rising_and_keeps_one_unsure_to_four_sure(
    tmp_path: Path, fake: FakeWorkshop
) -> None:
    probe = probe_folder(tmp_path / "probe", mixed_rows(12, 8))
    fake.answer = lambda example: probe_row(example.id, right=example.id in {"u0", "u1"})
    settings = BuildSettings(method="sure", conflict_filter=True, rehearsal_size=5)
    report = build([probe], tmp_path / "data", settings, probe_model=fake.probe)
    [rehearsed] = fake.tuned.values()
    assert len(rehearsed) == 5
    assert all(name.startswith("k") for name in rehearsed)
    [(asked, _)] = fake.asked.values()
    assert asked == [f"u{n}" for n in range(8)]
    [task] = report.facts.tasks.values()
    assert (task.sure, task.unsure) == (12, 3)
    assert task.dropped == {"becomes known by tuning alone": 2, "the share of unsure": 3}
    assert not {"u0", "u1"} & labels(tmp_path / "data").keys()
    assert report.facts.static_conflicts == 0


def test_a_filter_that_leaves_no_unsure_question_says_where(tmp_path: Path, fake: FakeWorkshop) -> None:
    probe = probe_folder(tmp_path / "probe", mixed_rows(4, 4))
    settings = BuildSettings(method="sure", conflict_filter=True)
    with pytest.raises(UsageError, match="All 4 questions are sure after the rehearsal"):
        build([probe], tmp_path / "data", settings, probe_model=fake.probe)


def test_several_tasks_are_mixed_with_the_share_held_in_each(tmp_path: Path) -> None:
    one = probe_folder(tmp_path / "one", mixed_rows(10, 30, task="one", prefix="1"))
    two = probe_folder(tmp_path / "two", mixed_rows(30, 10, task="two", prefix="2"))
    settings = BuildSettings(method="sure", unsure_share=0.4, equal_tasks=True)
    facts = build([one, two], tmp_path / "data", settings).facts
    assert {name: (task.sure, task.unsure) for name, task in facts.tasks.items()} == {
        "one": (10, 7),
        "two": (10, 7),
    }
    assert facts.tasks["two"].dropped == {"the share of unsure": 15, "tasks of equal size": 8}
    assert [source.questions for source in facts.probes] == [40, 40]


def test_ids_that_meet_get_their_task_before_them(tmp_path: Path) -> None:
    one = probe_folder(tmp_path / "one", mixed_rows(1, 1, task="one"))
    two = probe_folder(tmp_path / "two", mixed_rows(1, 1, task="two"))
    build([one, two], tmp_path / "data", BuildSettings(method="sure"))
    assert list(labels(tmp_path / "data")) == ["one/k0", "one/u0", "two/k0", "two/u0"]


def test_the_same_questions_twice_belong_to_compare(tmp_path: Path) -> None:
    one = probe_folder(tmp_path / "one", mixed_rows())
    with pytest.raises(UsageError, match="--compare"):
        build([one, one], tmp_path / "data", BuildSettings(method="sure"))


def test_probes_of_different_models_or_formats_do_not_mix(tmp_path: Path) -> None:
    one = probe_folder(tmp_path / "one", mixed_rows(task="one"))
    other = probe_folder(
        tmp_path / "other", mixed_rows(task="two"), model=FakeModel(name="other", fingerprint="other-1")
    )
    chat = probe_folder(tmp_path / "chat", mixed_rows(task="two"), form=PromptFormat("chat"))
    settings = BuildSettings(method="sure")
    with pytest.raises(UsageError, match=r"fake \(fingerprint.*other \(fingerprint"):
        build([one, other], tmp_path / "data", settings)
    with pytest.raises(UsageError, match=r"different formats.*--style"):
        build([one, chat], tmp_path / "data", settings)
    assert build([one, chat], tmp_path / "data", settings, form=PromptFormat()).facts.dialogues == 16


def test_what_is_no_probe_is_refused(tmp_path: Path) -> None:
    settings = BuildSettings(method="sure")
    with pytest.raises(UsageError, match="No probe run was given"):
        build([], tmp_path / "data", settings)
    evaluated = probe_folder(tmp_path / "eval", mixed_rows(), kind="eval")
    with pytest.raises(UsageError, match=r"another kind \(honesty eval\)"):
        build([evaluated], tmp_path / "data", settings)


def test_pictures_read_by_separate_eyes_cannot_be_taught_to_a_blind_model(tmp_path: Path) -> None:
    rows = mixed_rows(images=["/a.png"])
    probe = probe_folder(tmp_path / "probe", rows, model=FakeModel(name="embedded+ocr"))
    with pytest.raises(UsageError, match=r"embedded, cannot see them. Probe a vision-language model"):
        build([probe], tmp_path / "data", BuildSettings(method="sure"))


def test_a_model_behind_a_server_needs_its_checkpoint_named(tmp_path: Path) -> None:
    probe = probe_folder(tmp_path / "probe", mixed_rows(), model=FakeModel(name="openai:m@http://host/v1"))
    with pytest.raises(UsageError, match="--base hf:"):
        build([probe], tmp_path / "data", BuildSettings(method="sure"))
    facts = build([probe], tmp_path / "data", BuildSettings(method="sure"), base="hf:m").facts
    assert facts.base == "hf:m"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"method": "shure"}, "no method 'shure'"),
        ({"method": "sure", "rule": "fuzzy"}, "no rule 'fuzzy'"),
        ({"method": "sure", "threshold": 0.0}, "above 0"),
        ({"method": "sure", "threshold": 1.1}, "at most 1"),
        ({"method": "vanilla", "threshold": 0.5}, "judges no answers"),
        ({"method": "vanilla", "unsure_share": 0.5}, "has no labels"),
        ({"method": "sure", "unsure_share": 1.0}, "between 0 and 1"),
        ({"method": "unsupervised", "conflict_filter": True}, "labels that come from answers"),
        ({"method": "sure-own", "conflict_filter": True}, "labels that come from answers"),
        ({"method": "sure-own", "threshold": 0.5}, "sure-own judges the very answers.*leave it"),
        ({"method": "sure", "folds_by": "relation"}, "sure has no folds"),
        ({"method": "sure-own", "folds_by": ""}, "folds_by is ''"),
        ({"method": "sure-own", "folds_by": "relation,"}, "folds_by is 'relation,'"),
        ({"method": "sure-own", "folds_by": "relation,relation"}, "several different ones"),
        ({"method": "sure-own", "folds_by": "../relation"}, "can be a folder"),
        ({"method": "sure-own", "folds_by": "1"}, "begins with a letter"),
        ({"method": "sure-crossfit", "folds_by": "question,relation"}, "one label.*use sure-own"),
        ({"method": "sure-crossfit", "folds": 1}, "fewer than 2"),
        ({"method": "sure", "rehearsal_size": 0}, "at least 1"),
        ({"method": "sure", "static_conflicts": "maybe"}, "no static_conflicts 'maybe'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        BuildSettings(**settings)
