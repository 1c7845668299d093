"""Objects from a model that keeps to the form at once, at the second try, or never."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from levelhead.models import Sampling
from levelhead.records import Prompt
from levelhead.running import FaultyReply, Manifest, ObjectWriter, RunFolder
from tests.fakes import FakeModel


class Name(BaseModel):
    name: str


def written(model: FakeModel, out: Path, *, constrained: bool = False) -> tuple[ObjectWriter, list[object]]:
    manifest = Manifest.describe(model, data_hash="d", settings={})
    with RunFolder.open(out, manifest) as folder:
        writer = ObjectWriter(model, folder, Sampling(), constrained=constrained, progress="off")
        return writer, list(writer.write([Prompt.ask("one"), Prompt.ask("two")], Name, "names"))


def test_a_reply_of_the_wrong_form_is_shown_again_once(tmp_path: Path) -> None:
    def answer(prompt: Prompt) -> str:
        if prompt.turns[0].text == "one":
            return '{"name": "Ada"}'
        return '{"name": "Bo"}' if len(prompt.turns) == 3 else "hello"

    model = FakeModel(answer)
    writer, found = written(model, tmp_path)
    assert found == [Name(name="Ada"), Name(name="Bo")]
    assert (writer.asked, writer.repaired) == (2, 1)
    assert [turn.text for turn in model.asked[-1].turns][:2] == ["two", "hello"]


def test_what_stays_wrong_says_why_and_is_asked_twice_only(tmp_path: Path) -> None:
    model = FakeModel(lambda prompt: "hello")
    writer, found = written(model, tmp_path)
    assert all(isinstance(one, FaultyReply) for one in found)
    assert (writer.asked, writer.repaired, len(model.asked)) == (2, 0, 4)


def test_a_second_start_asks_nothing(tmp_path: Path) -> None:
    model = FakeModel(lambda prompt: '{"name": "Ada"}')
    written(model, tmp_path, constrained=True)
    written(model, tmp_path, constrained=True)
    assert len(model.asked) == 2
