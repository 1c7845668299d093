"""The build with real tuning, on tiny random checkpoints."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from levelhead.errors import UsageError
from levelhead.honesty._asking import Asking
from levelhead.honesty._build import BuildReport, build
from levelhead.honesty._build_settings import BuildSettings
from levelhead.honesty._labels import Labelled, OwnAnswer
from levelhead.honesty._probe import probe
from levelhead.honesty._prompts import STYLES, PromptFormat, Style
from levelhead.honesty._rows import ProbeRow
from levelhead.honesty._targets import Method, dialogues_of
from levelhead.models import load_model
from levelhead.records import Example
from levelhead.training import Dialogue, TuningSettings, loss_spans, read_dialogues
from tests.honesty.probed import mixed_rows, probe_folder, probe_row
from tests.models.checkpoints import build_llava, build_text

pytest.importorskip("trl")
TUNING = TuningSettings(method="full", learning_rate=5e-3, epochs=12, batch_size=8)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"hf:{build_text(tmp_path_factory.mktemp('base'))}"


def examples() -> list[Example]:
    """Questions with one common answer, which every fold learns, and some with an answer of their own."""
    common = [Example(f"common{n}", f"What is thing {n}?", ("blue",)) for n in range(16)]
    return common + [Example(f"own{n}", f"Who is person {n}?", (f"Zed{n}",)) for n in range(4)]


def probe_model(model: str, asked: Sequence[Example], folder: Path, form: PromptFormat) -> Sequence[ProbeRow]:
    with load_model(model, threads=1) as loaded:
        return probe(loaded, asked, folder, Asking(form))


@pytest.mark.slow
def test_what_tuning_makes_known_is_labelled_sure_and_a_second_start_tunes_nothing(
    base: str, tmp_path: Path
) -> None:
    probe_model(base, examples(), tmp_path / "probe", PromptFormat())
    settings = BuildSettings(method="sure-crossfit")
    report = build([tmp_path / "probe"], tmp_path / "data", settings, probe_model=probe_model, tuning=TUNING)
    labels = {one.id: one.metadata["label"] for one in read_dialogues(tmp_path / "data" / "train.jsonl")}
    sure = {name for name, label in labels.items() if label == "sure"}
    assert sure <= {f"common{n}" for n in range(16)}
    assert len(sure) > 8
    assert report.facts.crossfit is not None
    assert report.facts.crossfit["known_before"]["value"] == 0  # type: ignore[index, call-overload]
    assert "⟦ blue" in report.example
    assert "⟦ I am sure." in report.example
    steps: list[str] = []
    weights = tmp_path / "data" / "folds" / "1" / "adapter" / "model.safetensors"
    written = weights.stat().st_mtime_ns
    again = build(
        [tmp_path / "probe"],
        tmp_path / "data",
        settings,
        probe_model=probe_model,
        tuning=TUNING,
        say=steps.append,
    )
    assert again.facts == report.facts
    assert weights.stat().st_mtime_ns == written
    assert steps[0] == "fold 1 of 2: tuning on 10 questions"


@pytest.mark.slow
def test_the_folds_of_a_finished_build_serve_another_method(base: str, tmp_path: Path) -> None:
    probe_model(base, examples(), tmp_path / "probe", PromptFormat())

    def built(method: Method, folder: Path) -> BuildReport:
        return build(
            [tmp_path / "probe"],
            folder,
            BuildSettings(method=method),
            probe_model=probe_model,
            tuning=replace(TUNING, epochs=8),
        )

    built("sure-crossfit", tmp_path / "crossfit")
    shutil.copytree(tmp_path / "crossfit" / "folds", tmp_path / "own" / "folds")
    weights = [tmp_path / "own" / "folds" / fold / "adapter" / "model.safetensors" for fold in "12"]
    written = [file.stat().st_mtime_ns for file in weights]
    facts = built("sure-own", tmp_path / "own").facts
    assert [file.stat().st_mtime_ns for file in weights] == written
    assert facts.own_answers is not None
    counts = facts.own_answers.partitions["question"]
    assert (counts.right + counts.wrong, counts.failed) == (20, 0)
    assert facts.dialogues == 20 + counts.wrong - counts.empty


@pytest.mark.parametrize("style", STYLES)
def test_of_a_wrong_own_answer_only_the_verdict_after_it_is_in_the_loss(base: str, style: Style) -> None:
    one = Labelled(probe_row("a"), False, (OwnAnswer("lead", "#own"),))
    taught, quoting = dialogues_of([one], "sure-own", PromptFormat(style), 0)

    def learned(dialogue: Dialogue) -> list[str]:
        spans = [span.text for span in loss_spans(base, dialogue) if span.in_loss]
        return [text.removesuffix("<|end|>").strip() for text in spans]

    assert learned(quoting) == ["I am unsure."]
    assert learned(taught) == ["gold." if style == "paper" else "gold"]


def test_pictures_for_a_text_only_model_are_refused_with_advice(base: str, tmp_path: Path) -> None:
    folder = probe_folder(tmp_path / "probe", mixed_rows(images=[str(tmp_path / "a.png")]))
    with pytest.raises(UsageError, match=r"has a picture, and .* is a text-only model"):
        build([folder], tmp_path / "data", BuildSettings(method="sure"), base=base)
    assert not (tmp_path / "data" / "train.jsonl").exists()


def test_pictures_keep_their_place_beside_the_data(tmp_path: Path) -> None:
    sees = f"hf:{build_llava(tmp_path / 'sees')}"
    picture = tmp_path / "pictures" / "a.png"
    folder = probe_folder(tmp_path / "probe", mixed_rows(images=[str(picture)]))
    form = PromptFormat("chat")
    report = build([folder], tmp_path / "data", BuildSettings(method="sure"), base=sees, form=form)
    [image] = read_dialogues(tmp_path / "data" / "train.jsonl")[0].prompt.images
    assert image.path is not None
    assert image.path.resolve() == picture.resolve()
    assert str(tmp_path) not in (tmp_path / "data" / "train.jsonl").read_text()
    assert "⟦gold" in report.example


def test_a_chat_for_a_model_without_a_template_is_refused_with_advice(tmp_path: Path) -> None:
    plain = f"hf:{build_text(tmp_path / 'plain', template=False)}"
    folder = probe_folder(tmp_path / "probe", mixed_rows())
    with pytest.raises(UsageError, match=r"no chat template.*--style completion"):
        build(
            [folder],
            tmp_path / "data",
            BuildSettings(method="sure"),
            base=plain,
            form=PromptFormat("chat"),
        )
