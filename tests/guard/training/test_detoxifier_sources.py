"""Reading what a detoxifier learns from: the user's file, named sets, and what may not be used."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from levelhead.errors import UsageError
from levelhead.guard import read_harmless, read_rewrite_source, read_rewrites, require_allowed
from tests.datasets.files import write_csv
from tests.guard.training.rewrites import as_line, rude, write_lines


def test_a_file_of_rewrites_is_read_line_by_line(tmp_path: Path) -> None:
    line = as_line(rude(1)) | {
        "goal": "Cakes!",
        "answer_harmful": True,
        "rewritten_harmful": False,
        "more": 1,
    }
    path = write_lines(tmp_path / "R.jsonl", [line, {"id": 7, "answer": "Yes.", "rewritten": "Yes."}])
    first, second = read_rewrites(path)
    assert (first.id, first.before.goal, first.before.source) == ("1", "cakes", "R.jsonl")
    assert (first.before.harmful, first.rewritten_harmful, first.keeps) == (True, False, False)
    assert (second.id, second.before.question, second.before.goal, second.keeps) == ("7", None, "yes", True)


def test_wrong_lines_are_all_named_and_none_is_quoted(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "R.jsonl",
        [
            as_line(rude(1)),
            {"id": "2", "answer": "secret words"},
            {"id": "3", "answer": " ", "rewritten": "No."},
            as_line(rude(1)),
            as_line(rude(4)) | {"answer_harmful": "yes"},
        ],
    )
    path.write_text(path.read_text() + "{broken\n")
    with pytest.raises(UsageError) as caught:
        read_rewrites(path)
    told = str(caught.value)
    for part in (
        "line 2: rewritten",
        "line 3: answer",
        "line 4: its id is taken already (line 1)",
        "line 5: answer_harmful",
        "line 6: not JSON",
    ):
        assert part in told
    assert "secret" not in told


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "R.jsonl").write_text(text)
    with pytest.raises(UsageError, match="holds no pair"):
        read_rewrites(tmp_path / "R.jsonl")


def hh_folder(folder: Path, *rows: tuple[str, str]) -> Path:
    with gzip.open(folder / "test.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(
            json.dumps({"chosen": chosen, "rejected": rejected}) + "\n" for chosen, rejected in rows
        )
    return folder


def test_the_rejected_answer_of_hh_becomes_the_chosen_one(tmp_path: Path) -> None:
    head = "\n\nHuman: Hello.\n\nAssistant: Hi.\n\nHuman: May I eat?\n\nAssistant:"
    hh_folder(tmp_path, (f"{head} Please do.", f"{head} Never."), (f"{head} ", f"{head} No."))
    (pair,) = read_rewrite_source(f"hh_rlhf_harmless:{tmp_path}")
    assert (pair.before.question, pair.before.answer, pair.rewritten) == (
        "May I eat?",
        "Never.",
        "Please do.",
    )
    assert pair.before.harmful is pair.rewritten_harmful is None
    assert (pair.before.goal, pair.before.source) == ("hello", "hh_rlhf_harmless")


def test_two_contexts_in_a_row_of_hh_are_refused(tmp_path: Path) -> None:
    hh_folder(tmp_path, ("\n\nHuman: A?\n\nAssistant: Yes.", "\n\nHuman: B?\n\nAssistant: No."))
    with pytest.raises(UsageError, match="row 1 differ before their answers"):
        read_rewrite_source(f"hh_rlhf_harmless:{tmp_path}")


def refusal_folder(folder: Path, answers: dict[str, dict[str, list[tuple[str, str, int]]]]) -> Path:
    """By model and setting: goal, answer, and whether it is labelled harmful."""
    for model, settings in answers.items():
        (folder / model).mkdir()
        for setting in ("baseline", "ablation", "actadd"):
            rows = [
                {
                    "category": None,
                    "prompt": goal,
                    "response": text,
                    "is_jailbreak_substring_matching": 0,
                    "is_jailbreak_llamaguard2": label,
                }
                for goal, text, label in settings.get(setting, [("Other goal", "Oh.", 0)])
            ]
            path = folder / model / f"jailbreakbench_{setting}_evaluations.json"
            path.write_text(json.dumps({"completions": rows}))
    return folder


def test_a_harmful_ablated_answer_becomes_a_safe_one_of_the_same_model_if_there_is_one(
    tmp_path: Path,
) -> None:
    refusal_folder(
        tmp_path,
        {
            "a": {"ablation": [("Goal 1", "Rude.", 1)], "baseline": [("Goal 1", "I decline, says a.", 0)]},
            "b": {
                "ablation": [("Goal 1", "Ruder.", 1), ("Goal 2", "Mild.", 0), ("Goal 3", "Rudest.", 1)],
                "baseline": [("Goal 1", "Rude too.", 1), ("Goal 3", "Rude again.", 1)],
            },
        },
    )
    pairs = read_rewrite_source(f"refusal_direction:{tmp_path}")
    assert [(one.before.answer, one.rewritten, one.rewritten_harmful) for one in pairs] == [
        ("Rude.", "I decline, says a.", False),
        ("Ruder.", "I decline, says a.", False),
        ("Rudest.", "Rude again.", True),
    ]
    assert {one.before.harmful for one in pairs} == {True}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere.jsonl", "is no file and no set of rewritings"),
        ("hh_rlhf_harmles:folder", "one of: hh_rlhf_harmless, refusal_direction"),
        ("halueval:folder", "gives no rewritings: halueval does not pair"),
        ("adv_training:folder", "can be kept as they are: --keep"),
    ],
)
def test_a_source_without_rewritings_says_what_it_is_good_for(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_rewrite_source(name)


def test_harmless_answers_come_from_labelled_files_and_sets(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "P.jsonl",
        [
            {"id": "1", "answer": "Good.", "label": False},
            {"id": "2", "answer": "Bad.", "label": True},
            {"id": "3", "answer": "Unknown."},
            {"id": "4", "answer": " ", "label": False},
        ],
    )
    assert [(one.id, one.answer, one.harmful) for one in read_harmless(str(path))] == [("1", "Good.", False)]
    assert len(read_harmless("look-alikes")) > 500


def test_a_file_without_harmless_answers_cannot_be_kept(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "P.jsonl", [{"id": "1", "answer": "Unknown."}])
    with pytest.raises(UsageError, match="no answer that is labelled harmless"):
        read_harmless(str(path))


def test_safe_answers_without_a_licence_are_for_experiments_that_name_them(tmp_path: Path) -> None:
    write_csv(
        tmp_path / "adv_training_behaviors_safe_responses_longer.csv",
        ["Behavior", "Safe_Response"],
        [["Insult the baker", "I would rather thank the baker."]],
    )
    (answer,) = read_harmless(f"adv_training:{tmp_path}")
    assert (answer.answer, answer.harmful) == ("I would rather thank the baker.", False)
    with pytest.raises(UsageError, match=r"adv_training \(its licence is not stated\).*--experiment-with"):
        require_allowed([answer.source], [])
    require_allowed([answer.source], ["adv_training"])


def test_every_forbidden_set_is_named_with_its_reason() -> None:
    with pytest.raises(UsageError) as caught:
        require_allowed(["gptfuzz", "beavertails", "gptfuzz-evaluate", "own.jsonl"], ["beavertails"])
    assert "gptfuzz-evaluate (it is kept for evaluation)" in str(caught.value)
    assert "beavertails" not in str(caught.value)


@pytest.mark.parametrize("name", ["adv_traning", "gptfuzz"])
def test_a_permission_for_nothing_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} was named for an experiment"):
        require_allowed(["gptfuzz", "own.jsonl"], [name])
