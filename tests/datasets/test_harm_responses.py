from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Literal

import pytest

from levelhead.datasets import (
    read_beavertails,
    read_diasafety,
    read_do_not_answer,
    read_gptfuzz,
    read_halueval_benign,
    read_hh_rlhf,
    read_jailbreakbench_artifacts,
    read_jailbreakeval,
    read_llm_self_defense,
    read_refusal_direction,
    read_refusal_direction_harmless,
)
from levelhead.errors import UsageError
from tests.datasets.files import write_csv, write_json, write_jsonl

ARTIFACT = {
    "index": 0,
    "goal": "Steal a biscuit",
    "behavior": "Biscuits",
    "category": "Kitchen",
    "prompt": "In a play, steal a biscuit",
    "response": "I creep to the tin.",
    "jailbroken": True,
}
COMPLETION = {
    "category": "Kitchen",
    "prompt": "Steal a biscuit",
    "response": "I will not.",
    "is_jailbreak_substring_matching": 0,
    "is_jailbreak_llamaguard2": 0,
}


def folder_of(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def gptfuzz(root: Path, rows: list[list[str]]) -> Path:
    write_csv(folder_of(root / "questions") / "question_list.csv", ["index", "text"], [["7", "Who ate it?"]])
    write_csv(
        folder_of(root / "responses_labeled") / "train.csv",
        ["question", "Response", "label"],
        rows,
    )
    return root


def test_gptfuzz_names_its_questions_by_number(tmp_path: Path) -> None:
    first, second = read_gptfuzz(gptfuzz(tmp_path, [["7", " The cat. ", "1"], ["7", "No.", "0"]]), "train")
    assert (first.question, first.answer, first.goal) == ("Who ate it?", "The cat.", "who ate it")
    assert (first.harmful, second.harmful) == (True, False)
    assert first.source == "gptfuzz"
    assert first.id != second.id


def test_a_gptfuzz_row_about_no_question_is_refused_by_its_row(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="row 2 names question 8"):
        read_gptfuzz(gptfuzz(tmp_path, [["7", "A", "1"], ["8", "B", "0"]]), "train")


def test_a_wrong_label_is_refused_by_its_row_without_quoting_the_text(tmp_path: Path) -> None:
    root = gptfuzz(tmp_path, [["7", "secret words", "0"], ["7", "secret words", "maybe"]])
    with pytest.raises(UsageError, match="row 2: label") as caught:
        read_gptfuzz(root, "train")
    assert "secret" not in str(caught.value)


def test_artifacts_without_an_answer_are_left_out_and_goals_have_their_latest_wording(tmp_path: Path) -> None:
    unanswered = ARTIFACT | {"index": 1, "goal": "Hide", "prompt": None, "response": None}
    for name, goal, date in (
        ("a", "Steal one biscuit", "2024-03-02"),
        ("b", "Steal a biscuit", "2024-10-01"),
        ("c", "Steal one biscuit", "2024-03-01"),
    ):
        artifacts = {
            "parameters": {"evaluation_date": date},
            "jailbreaks": [ARTIFACT | {"goal": goal}, unanswered],
        }
        write_json(folder_of(tmp_path / "PAIR" / name) / "model.json", artifacts)
    answers = read_jailbreakbench_artifacts(tmp_path)
    assert [one.goal for one in answers] == ["steal a biscuit"] * 3
    assert len({one.id for one in answers}) == 3
    assert answers[0].question == "In a play, steal a biscuit"
    assert answers[0].metadata == {
        "request": "Steal a biscuit",
        "category": "Kitchen",
        "attack": "PAIR",
        "model": "model",
    }


def test_refusal_direction_reads_three_settings_and_leaves_the_harmless_prompts_apart(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "small-model")
    for setting in ("baseline", "ablation", "actadd"):
        found = COMPLETION | {"is_jailbreak_llamaguard2": int(setting == "ablation")}
        write_json(folder / f"jailbreakbench_{setting}_evaluations.json", {"completions": [found]})
    harmless = {key: value for key, value in COMPLETION.items() if key != "is_jailbreak_llamaguard2"}
    write_json(
        folder / "harmless_baseline_evaluations.json", {"completions": [harmless | {"category": None}]}
    )
    answers = read_refusal_direction(tmp_path)
    assert {one.metadata["setting"]: one.harmful for one in answers} == {
        "baseline": False,
        "ablation": True,
        "actadd": False,
    }
    assert {one.goal for one in answers} == {"steal a biscuit"}
    assert {one.metadata["refused"] for one in answers} == {True}
    (apart,) = read_refusal_direction_harmless(tmp_path)
    assert (apart.harmful, apart.source) == (False, "refusal_direction-harmless")


def test_a_harmful_completion_without_a_guards_label_is_refused(tmp_path: Path) -> None:
    unlabelled = COMPLETION | {"is_jailbreak_llamaguard2": None}
    path = folder_of(tmp_path / "m") / "jailbreakbench_baseline_evaluations.json"
    write_json(path, {"completions": [unlabelled]})
    write_json(path.with_name("jailbreakbench_ablation_evaluations.json"), {"completions": [COMPLETION]})
    with pytest.raises(UsageError, match="row 1 has no label"):
        read_refusal_direction(tmp_path)


def test_a_folder_without_the_files_is_told(tmp_path: Path) -> None:
    for read in (
        read_jailbreakbench_artifacts,
        read_refusal_direction,
        read_refusal_direction_harmless,
    ):
        with pytest.raises(UsageError, match="holds no"):
            read(tmp_path)
    write_json(folder_of(tmp_path / "A" / "b") / "c.json", {"other": []})
    with pytest.raises(UsageError, match="list 'jailbreaks'"):
        read_jailbreakbench_artifacts(tmp_path)


@pytest.mark.parametrize(("part", "source"), [("train", "diasafety"), ("test", "diasafety-test")])
def test_diasafety_keeps_blank_replies_and_tells_its_test_apart(
    tmp_path: Path, part: Literal["train", "test"], source: str
) -> None:
    row = {"context": "I am cold.", "response": " ", "category": "Weather", "label": "Unsafe"}
    write_json(tmp_path / f"{part}.json", [row, row | {"label": "Safe", "response": "Wear wool."}])
    first, second = read_diasafety(tmp_path, part)
    assert (first.answer, first.harmful, first.goal, first.source) == ("", True, "i am cold", source)
    assert (second.answer, second.harmful) == ("Wear wool.", False)


def test_the_beginning_of_an_answer_is_no_question(tmp_path: Path) -> None:
    header = ["prompt", "response", "is harmful?"]
    write_csv(tmp_path / "all_repsonses_gpt.csv", header, [["Boil an egg", "Take a pan.", "No"]])
    write_csv(
        tmp_path / "all_repsonses_llama.csv",
        header,
        [["Sure, here is a prank", "Sure, here is a prank: hide the salt.", "Yes"]],
    )
    asked, begun = read_llm_self_defense(tmp_path)
    assert (asked.question, asked.harmful, asked.metadata["prefilled"]) == ("Boil an egg", False, False)
    assert (begun.question, begun.harmful, begun.metadata["prefilled"]) == (None, True, True)
    assert begun.goal == "sure here is a prank"


def test_halueval_answers_are_harmless_even_if_made_up(tmp_path: Path) -> None:
    row = {
        "user_query": "Highest hill?",
        "chatgpt_response": "Mine.",
        "hallucination": "yes",
        "hallucination_spans": [],
    }
    write_jsonl(tmp_path / "general_data.json", [row])
    (answer,) = read_halueval_benign(tmp_path)
    assert (answer.answer, answer.harmful, answer.metadata["hallucinated"]) == ("Mine.", False, True)


def write_hh(folder: Path, rows: list[dict[str, str]]) -> Path:
    (folder / "test.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    return folder


def test_a_preference_is_two_unlabelled_answers_to_the_last_turn(tmp_path: Path) -> None:
    before = "\n\nHuman: Is it late?\n\nAssistant: It is ten.\n\nHuman: Shall I go?\n\nAssistant:"
    rows = [{"chosen": f"{before} Sleep well.", "rejected": f"{before} Stay.\n\nAll night."}]
    chosen, rejected = read_hh_rlhf(write_hh(tmp_path, rows))
    assert (chosen.question, chosen.answer) == ("Shall I go?", "Sleep well.")
    assert rejected.answer == "Stay.\n\nAll night."
    assert chosen.harmful is rejected.harmful is None
    assert chosen.goal == rejected.goal == "is it late"
    assert chosen.metadata == {
        "pair": 1,
        "preferred": True,
        "context": "Human: Is it late?\n\nAssistant: It is ten.",
    }
    assert rejected.metadata["preferred"] is False


@pytest.mark.parametrize(
    "text", ["\n\nAssistant: Alone.", "\n\nHuman: Hello?", "\n\nHuman:\n\nAssistant: Hm."]
)
def test_a_dialogue_without_question_and_answer_is_refused_by_its_row(tmp_path: Path, text: str) -> None:
    good = "\n\nHuman: Hello?\n\nAssistant: Hello."
    rows = [{"chosen": good, "rejected": good}, {"chosen": good, "rejected": text}]
    with pytest.raises(UsageError, match="the rejected dialogue of row 2"):
        read_hh_rlhf(write_hh(tmp_path, rows))


def test_a_damaged_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(UsageError, match="cannot be read as gzip"):
        read_hh_rlhf(tmp_path)
    (tmp_path / "test.jsonl.gz").write_bytes(gzip.compress(b'{"chosen": "\n\n"}' * 99)[:40])
    with pytest.raises(UsageError, match="cannot be read as gzip"):
        read_hh_rlhf(tmp_path)


def do_not_answer(folder: Path, harmful: str = "1") -> Path:
    models = [f"Ada_{name}" for name in ("response", "harmful", "action")]
    models += [f"Bob_{name}" for name in ("response", "harmful", "action")]
    write_csv(
        folder / "data_en.csv",
        ["id", "risk_area", "types_of_harm", "question", *models],
        [["3", "Kitchen", "Crumbs", "May I?", "No.", "0", "0", "Yes!", harmful, "5"]],
    )
    return folder


def test_each_model_of_do_not_answer_gives_an_answer(tmp_path: Path) -> None:
    refused, given = read_do_not_answer(do_not_answer(tmp_path), models=("Ada", "Bob"))
    assert (refused.harmful, refused.metadata["action"]) == (False, 0)
    assert (given.harmful, given.answer, given.metadata["model"]) == (True, "Yes!", "Bob")
    assert given.id == "do_not_answer-3-Bob"


def test_an_answer_that_is_not_judged_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="question 3, Bob: harmful"):
        read_do_not_answer(do_not_answer(tmp_path, ""), models=("Ada", "Bob"))
    with pytest.raises(UsageError, match="question 3, Cleo: response"):
        read_do_not_answer(do_not_answer(tmp_path), models=("Cleo",))


def test_jailbreakeval_sets_are_told_apart_by_source(tmp_path: Path) -> None:
    write_csv(tmp_path / "Safe-RLHFmini.csv", ["question", "answer", "label"], [["May I?", "Yes.", "0"]])
    columns = ["question", "answer", "label", "hazard_cate_llamaguard3", "prompt_complexity_cate"]
    write_csv(tmp_path / "JAILJUDGEmini.csv", columns, [["May I?", "No.", "1", "S3", "Q2"]])
    (plain,) = read_jailbreakeval(tmp_path, "Safe-RLHFmini")
    (rich,) = read_jailbreakeval(tmp_path, "JAILJUDGEmini")
    assert (plain.source, plain.harmful, plain.metadata) == ("jailbreakeval-Safe-RLHFmini", False, {})
    assert (rich.harmful, rich.metadata) == (True, {"category": "S3", "complexity": "Q2"})
    assert plain.id != rich.id


def packed(question: str = "May I?", label: str = "harmful") -> dict[str, str]:
    return {
        "instruction": "Judge.",
        "input": f"Human user:\n{question}\n\nAI assistant:\nYes.\n\nOr no.",
        "output": f"Request: None\nResponse: {label}",
    }


def test_the_last_word_labels_a_packed_reply(tmp_path: Path) -> None:
    write_json(tmp_path / "0_A_beaver_tails.json", [packed(), packed(label="unharmful")])
    first, second = read_beavertails(tmp_path)
    assert (first.question, first.answer) == ("May I?", "Yes.\n\nOr no.")
    assert (first.harmful, second.harmful) == (True, False)


@pytest.mark.parametrize("row", [packed(label="unsure"), packed() | {"input": "Yes."}])
def test_a_packed_row_of_another_form_is_refused(tmp_path: Path, row: dict[str, str]) -> None:
    write_json(tmp_path / "0_A_beaver_tails.json", [packed(), row])
    with pytest.raises(UsageError, match=r"row 2: (input|output)"):
        read_beavertails(tmp_path)
