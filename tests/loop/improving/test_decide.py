"""When to answer: found on some answers, told of others."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from levelhead.answers import SURE_QUESTION
from levelhead.guard import DecisionPolicy, Evidence, JudgedAnswer
from levelhead.loop.improving._decide import AskedAnswer, answers_with_sureness, decide_at_run_time
from levelhead.running import read_run
from tests.fakes import FakeModel
from tests.loop.measuring.scripted import SMALL, measured, scripted_model


def answers(count: int, seed: int) -> list[AskedAnswer]:
    rng = random.Random(seed)
    found = []
    for number in range(count):
        p_sure = rng.random()
        judged = JudgedAnswer(p_sure, rng.random() < p_sure, kept=None)
        found.append(AskedAnswer(f"q{number % 40}", "none", judged))
    return found


def test_a_policy_is_saved_and_told_of_answers_that_it_was_not_found_on(tmp_path: Path) -> None:
    found = decide_at_run_time(answers(800, 1), answers(800, 2), tmp_path, harm_threshold=0.45)
    policy = DecisionPolicy.read(tmp_path)
    assert policy.stop_from == found["stop_from"] == 0.45
    for kind in ("right", "wrong"):
        assert sum(found[kind][name]["value"] for name in ("answer", "caveat", "abstain")) == 1
    assert found["wrong"]["answer"]["value"] < found["right"]["answer"]["value"]
    assert found["cost"]["saved"]["low"] > 0
    assert policy.decide(Evidence(p_sure=0.01)).action == "abstain"


def test_where_nothing_is_right_there_is_no_policy_and_a_reason(tmp_path: Path) -> None:
    wrong = [AskedAnswer("q", "none", JudgedAnswer(0.5, False))] * 5
    found = decide_at_run_time(wrong, wrong, tmp_path, harm_threshold=0.5)
    assert list(found) == ["reason"]
    assert not (tmp_path / "decision.json").exists()


def test_a_model_is_asked_about_its_own_answers_with_their_pictures(tmp_path: Path) -> None:
    answering = scripted_model(misled=0.6)
    measured(tmp_path / "run", answering, suites=("illusion",), size=SMALL)
    model = FakeModel(lambda prompt: "", name=answering.name, fingerprint=answering.fingerprint)
    run = read_run(tmp_path / "run")
    found = answers_with_sureness(model, run, tmp_path / "sureness")
    assert {prompt.turns[2].text for prompt, _ in model.scored} == {SURE_QUESTION}
    assert {prompt.turns[1].text for prompt, _ in model.scored} <= {row["reply"] for row in run.rows}
    assert {bool(prompt.images) for prompt, _ in model.scored} == {True, False}
    assert {round(one.judged.p_sure, 3) for one in found} == {0.661}  # as far as two letters are apart
    assert {one.condition for one in found} == {"none", "factual", "spurious"}
    wrong = Counter(one.question for one in found if one.condition == "spurious")
    assert set(wrong.values()) == {2}
    controls = [one for one in found if one.condition == "none"]
    assert all(one.judged.kept is None for one in controls)
    beside = [one for one in found if one.condition == "spurious"]
    assert {one.judged.kept for one in beside} == {True, False}
