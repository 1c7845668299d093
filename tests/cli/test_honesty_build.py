"""honesty build as a user types it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import levelhead.honesty
from levelhead.cli import main
from levelhead.cli._honesty_options import MethodName
from levelhead.honesty import BuildReport, BuildSettings
from levelhead.honesty._build_folder import BuildFacts, LossFacts, OwnCounts, OwnFacts, TaskCounts
from levelhead.honesty._label_noise import label_noise
from levelhead.honesty._targets import METHODS


def report(settings: BuildSettings) -> BuildReport:
    """What a build of four questions says."""
    facts = BuildFacts(
        schema=1,
        method=settings.method,
        settings={},
        format={"style": "completion", "shots": []},
        base="embedded",
        fingerprint="f",
        probes=[],
        tuning=None,
        tasks={"trivia": TaskCounts(questions=4, sure=1, unsure=3, unlabelled=0, dropped={})},
        loss=LossFacts(tokens=100, in_loss=10),
        crossfit=None,
        own_answers=OwnFacts(
            partitions={"relation": OwnCounts(right=1, wrong=3, empty=1, repeated=0, failed=0)}, quoted=2
        ),
        static_conflicts=None,
        data_hash="d",
        version="0",
    )
    return BuildReport(facts, "Where is Oslo?⟦ Norway⟧", label_noise([]))


def test_every_method_can_be_named() -> None:
    assert {name.value for name in MethodName} == set(METHODS)


def test_sure_own_builds_by_the_partitions_named_and_tells_of_the_own_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[BuildSettings] = []

    def build(probes: list[Path], out: Path, settings: BuildSettings, **_: Any) -> BuildReport:
        asked.append(settings)
        return report(settings)

    monkeypatch.setattr(levelhead.honesty, "build", build)
    words = ["honesty", "build", str(tmp_path / "probe"), "--out", str(tmp_path / "data")]
    words += ["--method", "sure-own", "--folds", "3", "--folds-by", "question,relation"]
    monkeypatch.setattr(sys, "argv", ["levelhead", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert asked == [BuildSettings(method="sure-own", folds=3, folds_by="question,relation")]
    said = capsys.readouterr().out
    assert "own answers, folds by relation: 1 right, 3 wrong (1 empty, 0 given before), 0 failed" in said
    assert "2 dialogues quote a wrong answer." in said
