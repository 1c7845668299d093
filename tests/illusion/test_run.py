"""A run of the illusion suite with scripted models, whose numbers are known beforehand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from levelhead.errors import RunFolderError, UsageError
from levelhead.illusion import run
from levelhead.models import Sampling
from levelhead.records import Image, Prompt, Reply
from tests.fakes import FakeModel
from tests.illusion.sets import CAPITAL, FRUIT, build_set


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_set(tmp_path_factory.mktemp("set"))


def words_of(data: Path) -> dict[str, str]:
    """What each picture shows, by its hash."""
    rows = map(json.loads, (data / "metadata.jsonl").read_text().splitlines())
    return {row["sha256"]: row["pictured"] for row in rows}


def gullible(data: Path) -> FakeModel:
    """Knows the capital, not the fruit; says what it sees, and what it knows before a blank picture."""
    words = words_of(data)

    def answer(prompt: Prompt) -> str:
        seen = words[prompt.images[0].sha256()] if prompt.images else ""
        known = "Paris" if prompt.turns[-1].text == CAPITAL.question else "a banana"
        return f"The answer is {seen or known}."

    return FakeModel(answer)


def rows_in(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]


def test_a_gullible_model_gets_the_numbers_of_its_making(data: Path, tmp_path: Path) -> None:
    numbers = run(gullible(data), data, tmp_path / "out")["illusion"]
    assert numbers["acc_none"]["value"] == numbers["acc_blank"]["value"] == 0.5
    assert numbers["acc_factual"]["value"] == 1.0
    assert numbers["acc_spurious"]["value"] == 0.0
    assert numbers["flip_rate"]["value"] == numbers["adoption_rate"]["value"] == 1.0
    assert numbers["flip_rate"]["n"] == 5
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["illusion"] == numbers


def test_every_question_is_asked_under_every_condition_in_its_bare_words(data: Path, tmp_path: Path) -> None:
    model = gullible(data)
    run(model, data, tmp_path / "out")
    assert len(model.asked) == 16
    assert {prompt.turns[-1].text for prompt in model.asked} == {CAPITAL.question, FRUIT.question}
    conditions = [row["condition"] for row in rows_in(tmp_path / "out")]
    assert conditions == ["none", "blank", "factual", *["spurious"] * 5] * 2


def test_a_finished_run_asks_nothing_again_and_gives_the_same_numbers(data: Path, tmp_path: Path) -> None:
    first = run(gullible(data), data, tmp_path / "out")
    model = gullible(data)
    assert run(model, data, tmp_path / "out") == first
    assert not model.asked
    assert not model.scored


def test_another_mode_or_set_is_refused_in_the_same_folder(data: Path, tmp_path: Path) -> None:
    run(gullible(data), data, tmp_path / "out")
    with pytest.raises(RunFolderError, match="mode"):
        run(gullible(data), data, tmp_path / "out", mode="paper")
    with pytest.raises(RunFolderError, match="data"):
        run(gullible(data), data, tmp_path / "out", limit=1)


def test_paper_mode_takes_a_substring_for_right_and_thirty_tokens(data: Path, tmp_path: Path) -> None:
    limits = []

    class Denying(FakeModel):
        def iter_generate(self, prompts: object, sampling: Sampling):  # type: ignore[no-untyped-def]
            limits.append(sampling.max_new_tokens)
            return super().iter_generate(prompts, sampling)  # type: ignore[arg-type]

    model = Denying(lambda prompt: "It is not Paris and it is not the grape.")
    paper = run(model, data, tmp_path / "paper", mode="paper")["illusion"]
    ours = run(model, data, tmp_path / "ours")["illusion"]
    assert paper["acc_spurious"]["value"] == ours["paper"]["acc_spurious"]["value"] == 1.0
    assert ours["acc_spurious"]["value"] == 0.0
    assert ours["rule_disagreement"]["value"] == 1.0
    assert limits == [30, 64]


def test_the_shift_is_what_the_picture_takes_from_the_right_answer(data: Path, tmp_path: Path) -> None:
    words = words_of(data)

    class Scoring(FakeModel):
        """log P is -1 for the right answer and -4 for a wrong one, and a picture adds 2 to what it shows."""

        def iter_score(self, prompts, continuations):  # type: ignore[no-untyped-def]
            from levelhead.records import Score

            for index, (prompt, continuation) in enumerate(zip(prompts, continuations, strict=True)):
                base = -1.0 if continuation in (CAPITAL.gold, FRUIT.gold) else -4.0
                seen = words[prompt.images[0].sha256()] if prompt.images else ""
                yield [(index, Score((base + 2.0 * (seen == continuation),)))]

    out = tmp_path / "out"
    numbers = run(Scoring(lambda prompt: "Paris"), data, out)["illusion"]
    assert numbers["confidence_shift"]["value"] == pytest.approx(2.0)
    assert numbers["confidence_shift"]["n"] == 10
    spurious = [row for row in rows_in(out) if row["condition"] == "spurious"]
    assert {(row["log_prob_gold"], row["log_prob_pictured"]) for row in spurious} == {(-1.0, -2.0)}
    assert (
        run(FakeModel(), data, tmp_path / "without", with_shift=False)["illusion"]["confidence_shift"]["n"]
        == 0
    )


def test_a_damaged_picture_fails_its_row_and_no_other(tmp_path: Path) -> None:
    data = build_set(tmp_path / "set")
    broken = next((data / "images").rglob("*spurious-2.png"))
    broken.write_bytes(b"no picture")
    model = FakeModel(lambda prompt: "Paris")
    numbers = run(model, data, tmp_path / "out")["illusion"]
    failed = [row for row in rows_in(tmp_path / "out") if row["verdict"] == "failed"]
    assert len(failed) == 1
    assert broken.name in str(failed[0]["error"])
    assert numbers["failed"]["n"] == 16
    assert numbers["acc_spurious"]["n"] == 9


def test_a_failed_reply_is_a_failed_row_with_its_reason(data: Path, tmp_path: Path) -> None:
    run(FakeModel(lambda prompt: Reply.failed("the server said no")), data, tmp_path / "out")
    rows = rows_in(tmp_path / "out")
    assert {row["verdict"] for row in rows} == {"failed"}
    assert {row["error"] for row in rows} == {"the server said no"}


def test_a_model_that_cannot_see_is_refused_before_a_folder_is_made(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\+ocr"):
        run(FakeModel(sees=False), data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_mode_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="corrected, paper"):
        run(FakeModel(), data, tmp_path / "out", mode="loose")  # type: ignore[arg-type]


def test_pictures_inside_the_run_folder_are_named_relative_to_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    data = build_set(out / "data" / "illusion")
    run(FakeModel(), data, out)
    names = [row["image"] for row in rows_in(out) if row["image"] is not None]
    assert len(names) == 14
    assert all((out / str(name)).is_file() and not Path(str(name)).is_absolute() for name in names)
    assert Image(path=out / str(names[0])).decode().size == (448, 448)
