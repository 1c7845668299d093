"""Several runs: which items they share, what they are called, and what is told of every two."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from levelhead.comparing import compare_runs
from levelhead.errors import RunFolderError, UsageError
from levelhead.illusion import illusion_numbers
from levelhead.metrics import holm
from tests.comparing.illusion_runs import name_run, write_runs
from tests.report.honesty_runs import honesty_rows, write_honesty_run
from tests.report.runs import write_files, write_run


def rows_in(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "rows.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Mapping[str, Any]]:
    """Three runs, and what is told of them."""
    runs = write_runs(tmp_path_factory.mktemp("three"), 3)
    return runs, compare_runs(runs).content


def test_every_two_runs_are_compared_and_each_is_told_by_itself(
    three: tuple[list[Path], Mapping[str, Any]],
) -> None:
    runs, content = three
    names = [f"hf:made-up/model-{number}" for number in range(3)]
    assert [(pair["a"], pair["b"]) for pair in content["pairs"]] == [
        (names[0], names[1]),
        (names[0], names[2]),
        (names[1], names[2]),
    ]
    assert [run["name"] for run in content["runs"]] == names
    assert content["runs"][1]["numbers"] == json.loads(json.dumps(illusion_numbers(rows_in(runs[1]))))
    assert (content["items"], content["questions"], content["cautions"]) == (416, 52, [])


def test_the_tests_of_all_pairs_and_conditions_are_corrected_together(
    three: tuple[list[Path], Mapping[str, Any]],
) -> None:
    _, content = three
    tests = [test for pair in content["pairs"] for test in pair["mcnemar"].values()]
    assert content["tests"]["overall"] == len(tests) == 3 * 4
    assert [test["p_holm"] for test in tests] == holm([test["p_value"] for test in tests])
    of_categories = [
        test
        for pair in content["pairs"]
        for group in pair["by_category"].values()
        for test in group["mcnemar"].values()
    ]
    assert content["tests"]["by_category"] == len(of_categories) == 3 * 13 * 4
    assert max(test["p_holm"] for test in of_categories) == 1.0


def test_only_shared_items_are_compared_and_the_others_are_counted_and_told(tmp_path: Path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    write_run(few, questions=26)
    write_run(many, questions=52)
    name_run(many, "hf:other")
    content = compare_runs([few, many]).content
    assert (content["items"], content["questions"]) == (26 * 8, 26)
    assert [run["only_here"] for run in content["runs"]] == [0, 26 * 8]
    assert "Only the 208 items" in content["cautions"][0]
    assert "hf:other 208" in content["cautions"][0]


def test_the_items_that_differ_are_listed_with_every_reply_the_split_ones_first(tmp_path: Path) -> None:
    found = compare_runs(write_runs(tmp_path, 2))
    rights = [
        {reply["verdict"] == "correct" for reply in item["replies"] if reply["verdict"] != "failed"}
        for item in found.differing
    ]
    split = [len(kinds) == 2 for kinds in rights]
    assert split == sorted(split, reverse=True)
    assert found.content["differing"] == {"items": len(split), "right_in_some": sum(split)}
    a, b = (rows_in(one.run.path) for one in found.runs)
    different = {x["id"] for x, y in zip(a, b, strict=True) if x["verdict"] != y["verdict"]}
    assert {item["id"] for item in found.differing} == different
    assert all([reply["run"] for reply in item["replies"]] == list(found.names) for item in found.differing)


def test_one_run_is_told_by_itself(tmp_path: Path) -> None:
    [run] = write_runs(tmp_path, 1, questions=4)
    found = compare_runs([run])
    assert found.content["pairs"] == []
    assert found.differing == ()


def test_runs_of_one_model_are_named_by_their_variant_or_else_by_their_folder(tmp_path: Path) -> None:
    runs = write_runs(tmp_path, 4, questions=2)
    name_run(runs[0], "embedded+ocr", variant="paper")
    name_run(runs[1], "embedded+ocr", variant="short")
    name_run(runs[2], "other", variant="short")
    name_run(runs[3], "other", variant="short")
    assert compare_runs(runs).names == (
        "embedded+ocr, paper prompt",
        "embedded+ocr, short prompt",
        "other (run-2)",
        "other (run-3)",
    )


def test_modes_that_differ_are_a_caution(tmp_path: Path) -> None:
    runs = write_runs(tmp_path, 2, questions=4)
    summary = json.loads((runs[1] / "summary.json").read_text())
    (runs[1] / "summary.json").write_text(json.dumps({**summary, "mode": "paper"}))
    [caution] = compare_runs(runs).content["cautions"]
    assert "paper's mode" in caution


def test_honesty_runs_are_recognized(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_honesty_run(tmp_path / name, honesty_rows(60), name=name)
    found = compare_runs([tmp_path / "a", tmp_path / "b"])
    assert found.suite == "honesty"
    assert found.content["comparisons"][0]["shared"] == 60
    with pytest.raises(UsageError, match="two or more"):
        compare_runs([tmp_path / "a"])


def test_runs_of_different_suites_are_refused_and_said_to_hold_what(tmp_path: Path) -> None:
    [illusion] = write_runs(tmp_path, 1, questions=4)
    write_honesty_run(tmp_path / "honest", honesty_rows(60))
    with pytest.raises(UsageError, match=r"run-0: illusion\n.*honest: honesty"):
        compare_runs([illusion, tmp_path / "honest"])


def test_a_run_given_twice_strangers_and_folders_that_are_none_are_refused(tmp_path: Path) -> None:
    run, other = write_runs(tmp_path, 2, questions=4)
    with pytest.raises(UsageError, match="given twice"):
        compare_runs([run, tmp_path / "." / "run-0"])
    with pytest.raises(UsageError, match="no run folder"):
        compare_runs([run, tmp_path])
    write_files(other, [{**row, "id": f"x{row['id']}"} for row in rows_in(other)])
    with pytest.raises(UsageError, match="share no item"):
        compare_runs([run, other])
    (other / "summary.json").unlink()
    with pytest.raises(RunFolderError, match="has not finished"):
        compare_runs([run, other])


def test_an_id_that_stands_twice_is_refused(tmp_path: Path) -> None:
    run, other = write_runs(tmp_path, 2, questions=4)
    rows = rows_in(run)
    write_files(run, [*rows, rows[0]])
    with pytest.raises(UsageError, match="stands 2 times"):
        compare_runs([run, other])
