from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from levelhead.errors import UsageError
from levelhead.honesty._asking import Asking, geometric_mean
from levelhead.honesty._probe import probe, probe_numbers
from levelhead.honesty._prompts import PromptFormat
from levelhead.honesty._rows import ProbeRow, rows_from
from levelhead.models import Sampling
from levelhead.records import Example, Image, Reply
from levelhead.running import read_run
from tests.fakes import FakeModel
from tests.honesty.questions import Knower, Sampler, question_set

ASKING = Asking(PromptFormat())


def test_known_questions_are_told_from_unknown_ones(tmp_path: Path) -> None:
    rows = probe(Knower(), question_set(), tmp_path / "run", ASKING)
    assert [row.correct for row in rows] == [True, True, True, False, False, True, None]
    assert rows[0].answer == "Norway"
    assert rows[0].confidence == pytest.approx(math.exp(-0.1))
    assert rows[3].answer == "Atlantis"


def test_a_choice_is_made_by_scoring_every_option(tmp_path: Path) -> None:
    model = Knower()
    row = probe(model, question_set(), tmp_path / "run", ASKING)[5]
    assert (row.answer, row.option_log_probs) == ("B", [-1.7, -0.2])
    assert row.confidence == pytest.approx(math.exp(-0.2) / (math.exp(-0.2) + math.exp(-1.7)))
    assert [continuation for _, continuation in model.scored] == [" A", " B"]


def test_a_model_that_cannot_score_writes_its_choice(tmp_path: Path) -> None:
    model = FakeModel(lambda prompt: Reply(" B. pear", "stop", (-0.3,)))
    model.can_score = False
    [row] = probe(model, question_set()[5:6], tmp_path / "run", ASKING)
    assert (row.answer, row.correct, row.option_log_probs) == ("B", True, None)


def test_sampled_answers_are_graded_and_counted(tmp_path: Path) -> None:
    rows = probe(Sampler(), question_set(), tmp_path / "run", Asking(PromptFormat(), samples=4))
    facts = rows[0].samples
    assert facts is not None
    assert facts.texts == ["Norway", "Atlantis"] * 2
    assert (facts.correct, facts.agreement, facts.vote, facts.vote_share) == (2, 0.5, "Norway", 0.5)
    assert facts.entropy == pytest.approx(math.log(2))
    assert facts.semantic_entropy == pytest.approx(math.log(2))
    assert rows[3].samples is not None
    assert rows[3].samples.semantic_entropy == 0
    assert rows[5].samples is None


def test_the_rows_on_the_disk_are_the_rows_returned(tmp_path: Path) -> None:
    rows = probe(Sampler(), question_set(), tmp_path / "run", Asking(PromptFormat(), samples=2))
    run = read_run(tmp_path / "run")
    assert rows_from(ProbeRow, run.rows, "rows.jsonl") == rows
    assert run.summary["probe"]["known"]["value"] == pytest.approx(4 / 6)
    assert run.manifest.settings["kind"] == "probe"


def test_a_second_start_asks_nothing_again(tmp_path: Path) -> None:
    first = probe(Knower(), question_set(), tmp_path / "run", ASKING)
    again = Knower()
    assert probe(again, question_set(), tmp_path / "run", ASKING) == first
    assert not again.asked
    assert not again.scored


def test_a_failed_question_keeps_its_row_and_stands_in_no_rate(tmp_path: Path) -> None:
    model = FakeModel(
        lambda prompt: Reply.failed("too long") if "Rome" in prompt.turns[-1].text else "Norway"
    )
    rows = probe(model, question_set()[:2], tmp_path / "run", ASKING)
    assert (rows[1].answer, rows[1].error, rows[1].correct) == (None, "too long", None)
    numbers = probe_numbers(rows)
    assert (numbers["failed"], numbers["known"]["n"]) == (1, 1)


def test_questions_with_pictures_go_the_same_way(tmp_path: Path) -> None:
    from PIL import Image as PILImage

    path = tmp_path / "sign.png"
    PILImage.new("RGB", (8, 8), "red").save(path)
    example = Example("p", "What color is the sign?", ("red",), images=(Image(path=path),))
    model = FakeModel(lambda prompt: "red")
    [row] = probe(model, [example], tmp_path / "run", Asking(PromptFormat("chat")))
    assert model.asked[0].images == example.images
    assert (row.images, row.correct) == ([str(path)], True)
    assert row.to_example().images == example.images


def test_a_group_widens_the_interval_of_what_is_known() -> None:
    def rows(group: str | None) -> list[ProbeRow]:
        return [
            ProbeRow(
                id=str(n),
                question="?",
                answers=["x"],
                group=group and f"{group}{n // 10}",
                correct=n < 20,
                correct_paper=n < 20,
            )
            for n in range(40)
        ]

    def width(numbers: dict[str, dict[str, float]]) -> float:
        return numbers["known"]["high"] - numbers["known"]["low"]

    assert width(probe_numbers(rows("group"))) > width(probe_numbers(rows(None)))


def test_empty_data_and_an_id_given_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no question"):
        probe(Knower(), [], tmp_path / "run", ASKING)
    with pytest.raises(UsageError, match="'k0' stands twice"):
        probe(Knower(), [*question_set(), question_set()[0]], tmp_path / "run", ASKING)
    assert not (tmp_path / "run").exists()


def test_a_foreign_row_is_refused_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"Row 2 of here.*answers"):
        rows_from(
            ProbeRow, [{"id": "1", "question": "?", "answers": None}, {"id": "2", "question": "?"}], "here"
        )


def test_an_empty_answer_has_no_confidence() -> None:
    assert geometric_mean([]) == 0
    assert geometric_mean([math.log(0.9), math.log(0.4)]) == pytest.approx(0.6)


def test_what_determines_the_answers_is_in_the_settings() -> None:
    plain, sampled = (
        Asking(PromptFormat(), temperature=0.3),
        Asking(PromptFormat(), samples=2, temperature=0.3),
    )
    assert plain.to_json()["temperature"] is None
    assert sampled.to_json()["temperature"] == 0.3
    assert json.dumps(sampled.to_json())
    assert sampled.sampled() == Sampling(max_new_tokens=16, temperature=0.3, n=2, stop=("\n",))
