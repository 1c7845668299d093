from __future__ import annotations

import json

from levelhead.honesty._label_noise import OtherProbe, label_noise, label_noise_table
from tests.honesty.probed import GOLD, choice_row, mixed_rows, probe_row, unanswerable_row


def value(share: dict[str, float]) -> float:
    return share["value"]


def test_what_the_rules_disagree_about_is_told_for_each_side() -> None:
    rows = [
        probe_row("both"),
        probe_row("corrected", correct_paper=False),
        probe_row("paper", right=False, correct_paper=True),
        probe_row("neither", right=False),
        unanswerable_row("none"),
    ]
    noise = label_noise(rows)
    shares = {name: value(share) for name, share in noise["rules"].items()}
    assert noise["questions"] == 4
    assert shares == {
        "known_corrected": 0.5,
        "known_paper": 0.5,
        "differ": 0.5,
        "only_corrected": 0.25,
        "only_paper": 0.25,
    }
    assert (noise["thresholds"], noise["samples"], noise["flips"]) == ([], [], {})


def test_intervals_take_whole_groups_for_what_varies() -> None:
    alone = label_noise(mixed_rows(20, 20))["rules"]["known_corrected"]
    rows = mixed_rows(20, 0, group="one") + mixed_rows(0, 20, group="two")
    grouped = label_noise(rows)["rules"]["known_corrected"]
    assert grouped["high"] - grouped["low"] > 2 * (alone["high"] - alone["low"])


def test_a_higher_threshold_makes_fewer_questions_known() -> None:
    rows = [
        probe_row("half", texts=[GOLD, "x"]),
        probe_row("all", texts=[GOLD, GOLD]),
        probe_row("none", right=False, texts=["x", "y"]),
        choice_row("option", [-3.0, -0.1]),
    ]
    found = {
        part["threshold"]: (value(part["known"]), value(part["differ_from_greedy"]))
        for part in label_noise(rows)["thresholds"]
    }
    assert found[0.5] == (0.75, 0)
    assert found[1.0] == (0.25, 0.5)


def test_fewer_samples_are_the_first_of_them() -> None:
    rows = [
        probe_row("late", texts=["x", GOLD, GOLD]),
        probe_row("early", texts=[GOLD, "x", "x"]),
        probe_row("always", texts=[GOLD, GOLD, GOLD]),
    ]
    first, three = label_noise(rows)["samples"]
    assert (first["samples"], value(first["known"])) == (1, 2 / 3)
    assert value(first["differ_from_all"]) == 2 / 3
    assert (three["samples"], value(three["differ_from_all"])) == (3, 0)


def test_flips_between_greedy_and_sampled_answers_are_told_for_each_direction() -> None:
    rows = [
        probe_row("lucky", texts=["x", "y", "z"]),
        probe_row("unlucky", right=False, texts=[GOLD, GOLD, "x"]),
        probe_row("a", texts=[GOLD]),
        probe_row("b", texts=[GOLD]),
    ]
    assert {name: value(share) for name, share in label_noise(rows)["flips"].items()} == {
        "only_greedy": 0.25,
        "only_samples": 0.25,
    }


def test_another_probe_of_the_same_questions_is_compared_by_id() -> None:
    rows = [probe_row("a", texts=[GOLD]), probe_row("b", texts=["x"], right=False)]
    other = [
        probe_row("b", texts=[GOLD], right=True),
        probe_row("a", texts=["x"]),
        probe_row("elsewhere", texts=["x"]),
    ]
    [part] = label_noise(rows, others=[OtherProbe("hot", 1.0, other)])["probes"]
    assert (part["name"], part["temperature"]) == ("hot", 1.0)
    assert (value(part["known"]), value(part["differ_from_first"])) == (1, 0.5)
    assert (value(part["known_samples"]), value(part["differ_from_first_samples"])) == (0.5, 1)
    assert part["known"]["n"] == 2


def test_a_probe_that_shares_no_question_has_no_value() -> None:
    [part] = label_noise(mixed_rows(), others=[OtherProbe("far", None, [probe_row("x")])])["probes"]
    assert part["known"] == {"value": None, "low": None, "high": None, "n": 0}


def test_the_report_is_plain_data_and_becomes_a_table() -> None:
    rows = [probe_row(f"q{n}", right=n < 6, texts=[GOLD if n < 6 else "x"] * 3) for n in range(10)]
    noise = label_noise(rows, others=[OtherProbe("hot", 1.0, rows), OtherProbe("far", None, [])])
    assert json.loads(json.dumps(noise, allow_nan=False)) == noise
    lines = dict(label_noise_table(noise))
    assert lines["known by the corrected rule"].startswith("60.0% [")
    assert lines["known by the corrected rule"].endswith(", n=10")
    assert "known, hot at temperature 1, by samples" in lines
    assert lines["known, far, by the greedy answer"] == "no value, n=0"
    assert len(label_noise_table(noise)) == 5 + 2 * 6 + 2 * 2 + 2 + 4 + 2


def test_no_graded_question_gives_an_empty_report() -> None:
    noise = label_noise([unanswerable_row("a")])
    assert (noise["questions"], noise["rules"]) == (0, {})
    assert label_noise_table(noise) == []
