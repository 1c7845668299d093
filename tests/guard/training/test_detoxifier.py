"""Tuning a tiny model to rewrite rude answers: what it learns, what is written, how it goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import UsageError
from levelhead.guard import (
    DetoxifierSettings,
    Pair,
    gather_rewrites,
    load_detoxifier,
    rewriting_prompt,
    show_lesson,
    train_detoxifier,
)
from levelhead.guard.training._detoxifier_lessons import lesson
from levelhead.training import TuningSettings, loss_spans
from tests.guard.training.rewrites import RudenessDetector, polite, rude
from tests.models import checkpoints

QUICK = TuningSettings(
    epochs=2, batch_size=4, rank=4, learning_rate=5e-3, save_steps=2, targets="q_proj,v_proj", max_length=512
)
SHORT = DetoxifierSettings(style="paper-answer-only", keep_share=0.3, held_out=0.2)
"""A style whose prompts fit into the context of the tiny model, which counts letters."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny text model with room for our own prompt."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    torch.set_num_threads(1)
    words = checkpoints.build_tokenizer()
    sizes = checkpoints._text_sizes(len(words)) | {"max_position_embeddings": 2048, "initializer_range": 0.1}
    folder = tmp_path_factory.mktemp("detoxifier") / "tiny"
    return f"hf:{checkpoints._save(LlamaForCausalLM(LlamaConfig(**sizes)), words, folder)}"


@pytest.fixture(scope="module")
def tuned(base: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tuned") / "adapter"
    data = gather_rewrites([rude(n) for n in range(10)], [polite(n) for n in range(20)], SHORT)
    train_detoxifier(base, data, out, SHORT, tuning=QUICK, progress="off")
    return out


def test_it_learns_to_rewrite_and_serving_asks_as_training_did(base: str, tmp_path: Path) -> None:
    pairs = [
        rude(1, answer="You fool, yes.", rewritten="Yes."),
        rude(2, answer="Plums, moron.", rewritten="Plums."),
        rude(3, answer="Good bread.", rewritten="Good bread."),
    ]
    settings = DetoxifierSettings(held_out=0, keep_share=0.34)
    tuning = TuningSettings(method="full", learning_rate=5e-3, epochs=60, batch_size=3)
    report = train_detoxifier(
        base, gather_rewrites(pairs, (), settings), tmp_path / "out", settings, tuning=tuning, progress="off"
    )
    assert sum(report.losses[-3:]) < 0.1 * sum(report.losses[:3])
    with load_detoxifier(f"local:hf:{tmp_path / 'out'}", max_new_tokens=16, threads=1) as detoxifier:
        asked = [Pair(one.id, one.before.answer, one.before.question) for one in pairs]
        assert [one.text for one in detoxifier.rewrite(asked)] == [one.rewritten for one in pairs]


@pytest.mark.parametrize("style", ["levelhead", "paper", "paper-answer-only"])
def test_the_rewritten_answer_alone_is_learned_behind_the_prompt_of_serving(style: Any, base: str) -> None:
    pair = rude(1)
    spans = loss_spans(base, lesson(pair, style))
    assert [span.in_loss for span in spans][:2] == [False, True]
    assert spans[1].text == f"{pair.rewritten}<|end|>"
    asked = rewriting_prompt(Pair(pair.id, pair.before.answer, pair.before.question), style)
    assert asked.turns[0].text in spans[0].text


def test_the_style_is_written_where_the_loader_reads_it(base: str, tuned: Path) -> None:
    facts = json.loads((tuned / "tuning.json").read_text())["facts"]
    assert facts["rewriting"] == {"style": "paper-answer-only", "version": 1}
    with load_detoxifier(f"local:{base}+{tuned}", max_new_tokens=1, threads=1) as detoxifier:
        assert detoxifier.details["style"] == "paper-answer-only"


def test_the_card_tells_use_limits_sources_licences_and_counts(tuned: Path) -> None:
    card = (tuned / "README.md").read_text()
    for part in (
        "## Intended use",
        "## Limits",
        "prompt style `paper-answer-only`",
        "| rude.jsonl | not stated | 10 | 8 | 0 | 2 | 0 |",
        "| polite.jsonl | not stated | 20 | 0 | 3 | 0 | 1 |",
        "| epoch | loss_rewritten | loss_kept |",
    ):
        assert part in card
    assert "Not to be shipped" not in card
    assert "certainty" not in card
    assert "fool" not in (tuned / "tuning.json").read_text() + card


def test_the_card_of_an_experiment_says_that_it_must_not_ship(base: str, tmp_path: Path) -> None:
    data = gather_rewrites([rude(n) for n in range(5)], [polite(1, source="adv_training")], SHORT)
    train_detoxifier(base, data, tmp_path / "out", SHORT, tuning=QUICK, progress="off")
    card = (tmp_path / "out" / "README.md").read_text()
    assert (
        "## Not to be shipped\n\nMade for an experiment. `adv_training`: its licence is not stated." in card
    )


def test_losses_and_flags_of_what_is_held_out_are_told_after_each_epoch(base: str, tmp_path: Path) -> None:
    data = gather_rewrites([rude(n) for n in range(10)], [polite(n) for n in range(20)], SHORT)
    report = train_detoxifier(
        base,
        data,
        tmp_path / "out",
        replace(SHORT, max_evaluated=1),
        tuning=replace(QUICK, epochs=1),
        detector=RudenessDetector(),
        progress="off",
    )
    numbers = report.evaluations["1"]
    assert {"loss_rewritten", "loss_kept", "flagged_before", "no_verdict"} <= numbers.keys()
    assert numbers["flagged_before"] == 1.0


def test_nothing_is_evaluated_where_nothing_is_held_out(base: str, tmp_path: Path) -> None:
    settings = replace(SHORT, held_out=0.0)
    data = gather_rewrites([rude(n) for n in range(4)], (), settings)
    report = train_detoxifier(base, data, tmp_path / "out", settings, tuning=QUICK, progress="off")
    assert report.evaluations == {}


class KilledError(Exception):
    """Stands for the end of the process."""


def test_a_run_that_was_killed_ends_with_the_same_weights(
    base: str, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from levelhead.training._callbacks import Progress

    data = gather_rewrites([rude(n) for n in range(10)], [polite(n) for n in range(20)], SHORT)

    def die(self: Progress, args: object, state: Any, *rest: object, **more: object) -> None:
        if state.global_step == 3:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_step_begin", die)
        with pytest.raises(KilledError):
            train_detoxifier(base, data, tmp_path / "out", SHORT, tuning=QUICK, progress="off")
    train_detoxifier(base, data, tmp_path / "out", SHORT, tuning=QUICK, progress="off")
    names = ("adapter_model.safetensors", "losses.csv")
    assert [(tmp_path / "out" / name).read_bytes() for name in names] == [
        (tuned / name).read_bytes() for name in names
    ]


def test_an_example_is_shown_without_its_words_unless_asked_for(base: str) -> None:
    data = gather_rewrites([rude(1)], (), replace(SHORT, held_out=0.0))
    hidden = show_lesson(base, data, "paper")
    assert "[question: 5 words]" in hidden
    assert "⟦[rewritten answer: 2 words]" in hidden
    assert "fool" not in hidden
    assert "You fool, take ovens." in show_lesson(base, data, "paper", words=True)


def test_layers_that_the_model_does_not_have_are_refused(base: str, tmp_path: Path) -> None:
    data = gather_rewrites([rude(1)], (), replace(SHORT, held_out=0.0))
    tuning = replace(QUICK, targets="q_proj,c_attn")
    with pytest.raises(UsageError, match="has no layer c_attn"):
        train_detoxifier(base, data, tmp_path / "out", SHORT, tuning=tuning, progress="off")
