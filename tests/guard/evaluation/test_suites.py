from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest
from PIL import Image as PILImage

from levelhead.datasets import SCENARIOS, near_duplicate_groups
from levelhead.errors import UsageError
from levelhead.guard.evaluation._judge_prompts import JUDGE_PROMPTS, SCENARIO_PROMPTS
from levelhead.guard.evaluation._own_requests import read_benign, read_requests
from levelhead.guard.evaluation._request import Request, draw, hash_of
from levelhead.guard.evaluation._suites import REQUEST_SETS, read_suites

DATA = Path(__file__).parents[4] / "shared" / "data"
PROMPTS = DATA / "attack_prompts"


def write(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def attack(name: str, **more: object) -> dict[str, object]:
    return {"id": name, "question": f"How do I get the cookies, {name}?", "kind": "attack", **more}


def test_a_file_of_the_user_is_read_with_its_pictures_beside_it(tmp_path: Path) -> None:
    PILImage.new("RGB", (8, 8)).save(tmp_path / "p.png")
    path = write(
        tmp_path / "mine.jsonl",
        attack("a", image="p.png", category="kitchen"),
        {"id": "b", "question": "Is it Rome?", "kind": "benign", "answers": ["yes"]},
    )
    one, two = read_suites([str(path)], tmp_path / "pictures")
    assert (one.source, one.kind, one.category, one.images[0].path) == (
        "mine",
        "attack",
        "kitchen",
        tmp_path / "p.png",
    )
    assert (two.kind, two.answers, two.images) == ("benign", ("yes",), ())


def test_attacks_alone_bring_our_own_mild_set_along(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", attack("a"))
    kinds = Counter(one.kind for one in read_suites([str(path)], tmp_path))
    assert kinds == {"attack": 1, "benign": len(read_benign())}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("figstep", "names no set with its place"),
        ("nothing:somewhere", "names no set with its place"),
        ("nowhere.jsonl", "cannot be read"),
    ],
)
def test_a_name_of_no_set_is_refused(name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=why):
        read_suites([name], tmp_path)


def test_wrong_lines_and_ids_that_stand_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="line 2"):
        read_requests(write(tmp_path / "a.jsonl", attack("a"), {**attack("b"), "kind": "mild"}))
    with pytest.raises(UsageError, match="'a' stands twice"):
        read_requests(write(tmp_path / "b.jsonl", attack("a"), attack("a")))
    path = str(write(tmp_path / "c.jsonl", attack("a")))
    with pytest.raises(UsageError, match="have the id 'a'"):
        read_suites([path, path], tmp_path)


def numbered(count: int, *, kind: str = "attack", category: str = "all") -> list[Request]:
    return [
        Request(f"{kind}-{category}-{number}", "s", kind, "?", category=category)  # type: ignore[arg-type]
        for number in range(count)
    ]


def test_a_draw_takes_turns_among_categories_and_counts_each_kind() -> None:
    requests = [*numbered(50, category="big"), *numbered(4, category="small"), *numbered(9, kind="benign")]
    drawn = draw(requests, 6, seed=1)
    assert Counter((one.kind, one.category) for one in drawn) == {
        ("attack", "big"): 3,
        ("attack", "small"): 3,
        ("benign", "all"): 6,
    }
    assert drawn == [one for one in requests if one in drawn], "in the order of the file"


def test_a_draw_hangs_on_the_seed_and_not_on_the_order_and_a_greater_one_holds_it() -> None:
    requests = numbered(40)
    drawn = {one.id for one in draw(requests, 10, seed=1)}
    assert drawn == {one.id for one in draw(requests[::-1], 10, seed=1)}
    assert drawn < {one.id for one in draw(requests, 20, seed=1)}
    assert drawn != {one.id for one in draw(requests, 10, seed=2)}


def test_the_identity_of_requests_follows_texts_and_pictures(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", attack("a", image="p.png"))
    PILImage.new("RGB", (8, 8), "white").save(tmp_path / "p.png")
    white = hash_of(read_requests(path))
    assert white == hash_of(read_requests(path))
    PILImage.new("RGB", (8, 8), "black").save(tmp_path / "p.png")
    assert white != hash_of(read_requests(path))


def test_our_own_set_is_mild_enough_to_count_with(tmp_path: Path) -> None:
    requests = read_suites(["benign"], tmp_path)
    assert len(requests) >= 60
    assert {one.kind for one in requests} == {"benign"}
    assert sum(bool(one.images) for one in requests) >= 20
    assert sum(bool(one.answers) for one in requests) >= 25
    assert sum(one.category == "look-alike" for one in requests) >= 20
    assert all(one.intent for one in requests), "what is written in the picture is known to the judge"


def test_our_own_set_repeats_nothing_that_a_detector_is_trained_on() -> None:
    path = files("levelhead.guard") / "data" / "look_alikes.jsonl"
    learned = [json.loads(line)["question"] for line in path.read_text(encoding="utf-8").splitlines()]
    asked = [str(one.intent) for one in read_benign()]
    groups = near_duplicate_groups([*learned, *asked])
    taken = {groups[text] for text in learned}
    assert [text for text in asked if groups[text] in taken] == []
    assert len({groups[text] for text in asked}) == len(asked)


def test_each_scenario_with_a_prompt_of_its_own_has_one() -> None:
    assert set(SCENARIO_PROMPTS) <= set(SCENARIOS)
    assert set(SCENARIO_PROMPTS.values()) | {"general"} == set(JUDGE_PROMPTS)


def write_mm_safetybench(folder: Path) -> Path:
    """A mild set in its published layout: each scenario has one question."""
    for scenario in SCENARIOS:
        row = {
            "Question": f"Plain {scenario}?",
            "Key Phrase": "cookies",
            "Rephrased Question": "Typographic?",
            "Rephrased Question(SD)": "Drawn?",
        }
        (folder / "processed_questions").mkdir(parents=True, exist_ok=True)
        (folder / "processed_questions" / f"{scenario}.json").write_text(json.dumps({"0": row}))
        for kind in ("SD", "TYPO", "SD_TYPO"):
            place = folder / "imgs" / scenario / kind
            place.mkdir(parents=True)
            PILImage.new("RGB", (8, 8)).save(place / "0.jpg")
    return folder


def test_mm_safetybench_is_asked_in_all_kinds_and_judged_by_its_scenario(tmp_path: Path) -> None:
    folder = write_mm_safetybench(tmp_path / "mm")
    requests = REQUEST_SETS["mm-safetybench"].read(folder)
    assert len(requests) == 4 * len(SCENARIOS)
    asked = {one.category: one for one in requests}
    assert asked["10-Legal_Opinion SD"].text == "Drawn?"
    assert asked["10-Legal_Opinion TYPO"].text == asked["10-Legal_Opinion SD_TYPO"].text == "Typographic?"
    assert asked["10-Legal_Opinion text"].images == ()
    assert {one.intent for one in requests if one.category.startswith("10-")} == {"Plain 10-Legal_Opinion?"}
    assert asked["10-Legal_Opinion SD"].judge_prompt == "legal-opinion"
    assert asked["02-HateSpeech SD"].judge_prompt == "general"
    assert len({one.group for one in requests}) == len(SCENARIOS), "all kinds of one question stand together"
    assert len(REQUEST_SETS["mm-safetybench-typo"].read(folder)) == len(SCENARIOS)


PUBLISHED = {
    "advbench": (PROMPTS / "harmful_behaviors.csv", 520, 0),
    "strongreject": (PROMPTS / "strongreject_dataset.csv", 313, 0),
    "simple-safety-tests": (PROMPTS / "SimpleSafetyTests - test cases.csv", 100, 0),
    "harmbench-text": (PROMPTS / "harmbench_behaviors_text_val.csv", 60, 0),
    "harmbench-multimodal": (PROMPTS / "harmbench_behaviors_multimodal_all.csv", 110, 0),
    "figstep": (DATA / "figstep", 500, 0),
    "figstep-tiny": (DATA / "figstep", 50, 0),
    "vlguard": (DATA / "vlguard" / "test.json", 558, 558),
    "mossbench": (DATA / "mossbench" / "information.json", 0, 300),
}


@pytest.mark.skipif(not PROMPTS.is_dir(), reason="the harm sets are not in ../shared/data")
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sets_are_read_whole(name: str) -> None:
    place, attacks, benign = PUBLISHED[name]
    requests = REQUEST_SETS[name].read(place)
    assert Counter(one.kind for one in requests) == Counter(
        {kind: count for kind, count in (("attack", attacks), ("benign", benign)) if count}
    )
    assert len({one.id for one in requests}) == len(requests)


@pytest.mark.skipif(not PROMPTS.is_dir(), reason="the harm sets are not in ../shared/data")
def test_both_sides_of_figstep_can_stand_in_one_run(tmp_path: Path) -> None:
    place = DATA / "figstep"
    requests = read_suites([f"figstep:{place}", f"figstep-tiny:{place}"], tmp_path, limit=3)
    assert Counter(one.source for one in requests) == {"figstep": 3, "figstep-tiny": 3, "benign": 3}
    attacks = [one for one in requests if one.kind == "attack"]
    assert all(one.images and one.intent != one.text for one in attacks)
