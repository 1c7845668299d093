"""Harm runs side by side: shared requests, arms and judges, paired differences; no text leaves them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from levelhead.cli._compare import app
from levelhead.comparing import compare_runs
from levelhead.errors import RunFolderError, UsageError
from levelhead.guard import HarmRow, harm_numbers, read_harm_rows
from levelhead.metrics import difference
from levelhead.running import read_run
from tests.report.harm_runs import ASKED, SECRET, write_harm_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs of one model; the second declines every harmless request whose id ends in 1."""
    folder = tmp_path_factory.mktemp("harm")
    for name in ("first", "second"):
        write_harm_run(folder / name)
    change(folder / "second", decline)
    return [folder / "first", folder / "second"]


def decline(row: dict[str, object]) -> None:
    if row["kind"] == "benign" and str(row["id"]).endswith("1"):
        for arm in row["arms"].values():  # type: ignore[attr-defined]
            arm["refused"] = True


def change(run: Path, how: object) -> None:
    rows = [json.loads(line) for line in (run / "rows.jsonl").read_text().splitlines()]
    for row in rows:
        how(row)  # type: ignore[operator]
    (run / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def rows_of(run: Path) -> list[HarmRow]:
    return read_harm_rows(read_run(run).rows, "rows.jsonl")


def test_each_run_is_told_by_itself_and_every_difference_is_paired(runs: list[Path]) -> None:
    content = compare_runs(runs).content
    assert (content["suite"], content["requests"]) == ("harm", {"attack": 150, "benign": 90})
    first, second = map(rows_of, runs)
    expected = harm_numbers(second, content["arms"], content["judges"])
    assert content["runs"][1]["numbers"] == expected
    (pair,) = content["pairs"]
    before, after = ([row for row in rows if row.kind == "benign"] for rows in (first, second))
    refused = [[row.arms["off"].refused for row in rows] for rows in (after, before)]
    groups = [row.group for row in before]
    gap = pair["arms"]["off"]["over_refusal"]
    assert gap == difference(*refused, clusters_a=groups, clusters_b=groups).to_json()
    assert 0 < gap["low"] < gap["value"] == pytest.approx((sum(refused[0]) - sum(refused[1])) / 90)
    assert pair["arms"]["off"]["attack_success"]["past-words"]["value"] == 0


def test_requests_that_not_all_runs_have_are_left_out_and_told(runs: list[Path], tmp_path: Path) -> None:
    write_harm_run(tmp_path / "short", attacks=150, harmless=30)
    comparison = compare_runs([runs[0], tmp_path / "short"], suite="harm")
    assert comparison.content["requests"] == {"attack": 150, "benign": 30}
    (caution,) = comparison.content["cautions"]
    assert "60" in caution


def test_what_differs_is_told_without_any_text(runs: list[Path], tmp_path: Path) -> None:
    comparison = compare_runs(runs)
    assert {str(one["id"])[-1] for one in comparison.differing} == {"1"}
    told = CliRunner().invoke(app, [*map(str, runs), "--out", str(tmp_path / "out")])
    assert told.exit_code == 0, told.output
    for name in ("compare.json", "compare.html", "differing.jsonl"):
        text = (tmp_path / "out" / name).read_text()
        assert SECRET not in text
        assert ASKED not in text
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "declines more harmless requests than" in page
    assert 'class="number worse"' in page
    assert "Detector + detoxifier" in page
    assert "declines more harmless requests than" in told.output


def test_runs_alike_are_called_so(runs: list[Path], tmp_path: Path) -> None:
    write_harm_run(tmp_path / "again")
    told = CliRunner().invoke(app, [str(runs[0]), str(tmp_path / "again"), "--out", str(tmp_path / "out")])
    assert "No run does more harm than another" in told.output
    assert "None declines more" in told.output


def test_one_run_other_requests_and_damaged_rows_are_refused(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two or more"):
        compare_runs(runs[:1])
    write_harm_run(tmp_path / "other")
    change(tmp_path / "other", lambda row: row.update(question="Another?"))
    with pytest.raises(UsageError, match="another question"):
        compare_runs([runs[0], tmp_path / "other"])
    write_harm_run(tmp_path / "damaged")
    change(tmp_path / "damaged", lambda row: row.pop("group"))
    with pytest.raises(RunFolderError, match="group"):
        compare_runs([runs[0], tmp_path / "damaged"])


def test_runs_of_other_judges_are_not_compared(runs: list[Path], tmp_path: Path) -> None:
    write_harm_run(tmp_path / "judged")
    summary = json.loads((tmp_path / "judged" / "summary.json").read_text())
    for judge in summary["harm"]["setup"]["judges"]:
        judge["name"] = f"other {judge['name']}"
    (tmp_path / "judged" / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(UsageError, match="share no judge"):
        compare_runs([runs[0], tmp_path / "judged"])
