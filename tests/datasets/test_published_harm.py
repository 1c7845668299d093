"""The readers of harm sets on the real files, against counts made by other means.

Only numbers are compared, so that a test that fails shows no text of these sets.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from levelhead.datasets import (
    HARM_SETS,
    TRAINABLE,
    LabelledAnswer,
    count_answers,
    read_advbench,
    read_aegis,
    read_figstep,
    read_figstep_skeletons,
    read_figstep_tiny,
    read_harm_set,
    read_harmbench_multimodal,
    read_harmbench_text,
    read_harmfulqa,
    read_mossbench,
    read_safe_answers,
    read_simple_safety_tests,
    read_strongreject,
    read_vlguard,
    remove_overlap,
    split_by_goal,
)

DATA = Path(__file__).parents[3] / "shared" / "data"
PROMPTS = DATA / "attack_prompts"
pytestmark = pytest.mark.skipif(
    not (DATA / "gptfuzz").is_dir(), reason="the harm sets are not in ../shared/data"
)
# Rows, harmful, different goals.
COUNTS = {
    "gptfuzz": (6160, 1694, 80),
    "gptfuzz-evaluate": (1540, 545, 20),
    "jailbreakbench_artifacts": (1637, 937, 100),
    "refusal_direction": (1500, 864, 100),
    "refusal_direction-harmless": (500, 0, 100),
    "diasafety": (10114, 4680, 7073),
    "diasafety-test": (1095, 501, 1044),
    "hh_rlhf_harmless": (4624, 0, 2175),
    "llm_self_defense": (210, 110, 158),
    "halueval": (4507, 0, 4507),
    "do_not_answer": (5634, 193, 938),
    "jailbreakeval-Safe-RLHFmini": (4000, 2302, 1792),
    "jailbreakeval-JAILJUDGEmini": (1000, 315, 826),
    "beavertails": (3021, 1733, 2523),
}
FOLDERS = {
    "gptfuzz-evaluate": "gptfuzz",
    "refusal_direction-harmless": "refusal_direction",
    "diasafety-test": "diasafety",
    "jailbreakeval-Safe-RLHFmini": "jailbreakeval",
    "jailbreakeval-JAILJUDGEmini": "jailbreakeval",
    "beavertails": "guardreasoner_bench",
}


@cache
def answers_of(name: str) -> list[LabelledAnswer]:
    return read_harm_set(f"{name}:{DATA / FOLDERS.get(name, name)}")


@pytest.mark.parametrize("name", sorted(HARM_SETS))
def test_every_row_is_read_with_its_label_and_goal(name: str) -> None:
    answers = answers_of(name)
    counts = count_answers(answers)
    assert (counts.rows, counts.harmful, counts.goals) == COUNTS[name]
    assert len({one.id for one in answers}) == counts.rows
    assert {one.source for one in answers} == {name}
    assert counts.unlabelled == (counts.rows if name == "hh_rlhf_harmless" else 0)


def test_both_sets_on_jailbreakbench_have_the_same_hundred_goals() -> None:
    goals = [
        {one.goal for one in answers_of(name)} for name in ("jailbreakbench_artifacts", "refusal_direction")
    ]
    assert [len(one) for one in goals] == [100, 100]
    assert len(goals[0] & goals[1]) == 100


def test_the_published_parts_of_diasafety_share_contexts() -> None:
    train, test = answers_of("diasafety"), answers_of("diasafety-test")
    kept, report = remove_overlap(train, test)
    assert report.exact > 1000
    assert len({one.goal for one in kept} & {one.goal for one in test}) == 0


def test_half_of_gptfuzz_and_a_quarter_of_hh_dialogues_are_asked_in_beavertails() -> None:
    train = [one for name in TRAINABLE for one in answers_of(name)]
    _, report = remove_overlap(train, answers_of("beavertails"))
    assert report.removed_by_source["gptfuzz"] == 770
    assert 800 < report.removed_by_source["hh_rlhf_harmless"] < 1200


def test_nothing_else_of_the_training_sets_is_asked_in_the_rest_of_gptfuzz() -> None:
    train = [one for name in TRAINABLE - {"hh_rlhf_harmless"} for one in answers_of(name)]
    assert remove_overlap(train, answers_of("gptfuzz-evaluate"))[1].kept == len(train)


def test_a_split_of_all_training_sets_keeps_its_shares() -> None:
    train = [one for name in sorted(TRAINABLE) for one in answers_of(name)]
    split = split_by_goal(train, {"train": 0.9, "held_out": 0.1}, seed=0)
    assert split.counts["held_out"].rows == pytest.approx(0.1 * len(train), rel=0.1)
    shares = [counts.harmful / counts.rows for counts in split.counts.values()]
    assert shares[0] == pytest.approx(shares[1], abs=0.04)


def test_every_request_is_read_under_an_id_of_its_own() -> None:
    sets = {
        "advbench": (read_advbench(PROMPTS / "harmful_behaviors.csv"), 520),
        "strongreject": (read_strongreject(PROMPTS / "strongreject_dataset.csv"), 313),
        "harmbench": (read_harmbench_text(PROMPTS / "harmbench_behaviors_text_val.csv"), 80),
        "pictures": (read_harmbench_multimodal(PROMPTS / "harmbench_behaviors_multimodal_all.csv"), 110),
        "simple": (read_simple_safety_tests(PROMPTS / "SimpleSafetyTests - test cases.csv"), 100),
        "harmfulqa": (read_harmfulqa(PROMPTS / "harmfulqa.json"), 1960),
        "safe": (read_safe_answers(PROMPTS / "adv_training_behaviors_safe_responses_longer.csv"), 100),
        "aegis": (read_aegis(DATA / "guardreasoner_bench" / "0_1_AegisSafetyTest.json"), 359),
        "figstep": (read_figstep(DATA / "figstep"), 500),
        "vlguard": (read_vlguard(DATA / "vlguard" / "test.json"), 1558),
        "mossbench": (read_mossbench(DATA / "mossbench" / "information.json"), 300),
    }
    assert {name: len(examples) for name, (examples, _) in sets.items()} == {
        name: rows for name, (_, rows) in sets.items()
    }
    ids = [one.id for examples, _ in sets.values() for one in examples]
    assert len(set(ids)) == len(ids)
    assert sum(one.metadata["harmful_request"] is True for one in sets["aegis"][0]) == 232
    kinds = Counter(one.metadata["kind"] for one in sets["vlguard"][0])
    assert kinds == {"safe": 558, "unsafe": 558, "unsafe picture": 442}


def test_the_fifty_originals_of_figstep_are_among_the_five_hundred() -> None:
    asked = {(one.id, one.question) for one in read_figstep(DATA / "figstep")}
    tiny = read_figstep_tiny(DATA / "figstep")
    assert len(tiny) == 50
    assert len({(one.id, one.question) for one in tiny} - asked) == 0
    assert {one.images[0].read()[:4] for one in tiny} == {b"\x89PNG"}
    assert len(read_figstep_skeletons(DATA / "figstep")) == 50
