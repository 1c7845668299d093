"""The states of the stages: what lowers their losses, and what comes back from a file."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from embedded_vision import train_eyes, train_reader, train_together
from embedded_vision.answer_data import AnswerBatches, Lessons
from embedded_vision.data import TrainingBatches, untrained_signs
from embedded_vision.packing import ChatTokens
from embedded_vision.pictures import Studio
from embedded_vision.questions import PLAIN, Asked, Examiner
from embedded_vision.reader import Reader
from embedded_vision.session import CHECKPOINT, Training, train_step
from embedded_vision.signs import ACROSS, Phrases
from embedded_vision.state import (
    OWN_LAYERS,
    EyesTraining,
    ReaderTraining,
    TogetherTraining,
    averaged,
    exported_state,
    read_state,
    untrained_eyes,
    write_state,
)
from embedded_vision.tower import SIZES, TowerSize
from embedded_vision.train_reader import SignBatches
from levelhead.models._embedded_vision import shipped_eyes
from tests.recipes.conftest import WORDS

STAGES = ("reader", "eyes", "together")
Losses = dict[str, torch.Tensor]


class Workshop:
    """Makes the trainings of all stages, and one step's losses of each."""

    def __init__(self, text: Path, size: str, phrases: Phrases, chat: ChatTokens, studio: Studio) -> None:
        self._text, self._size, self._phrases, self._chat = text, size, phrases, chat
        lessons = Lessons(Examiner(WORDS, ("a dog", "an apple")), [Asked(PLAIN, "Hello?", "Hi.")], 1)
        self.batches: dict[str, Any] = {
            "reader": SignBatches(studio, phrases, chat, lessons, rows=2, ramp=0),
            "eyes": TrainingBatches(studio, phrases, rows=4, ramp=0),
            "together": AnswerBatches(studio, phrases, chat, lessons, rows=2, direct_rows=1),
        }

    def training(self, stage: str) -> Any:
        """A training that did not begin."""
        signs = untrained_signs(self._text, self._phrases)
        if stage == "reader":
            torch.manual_seed(0)
            return ReaderTraining.begin(signs, Reader(self._text, self._chat.head))
        eyes, aim = untrained_eyes(self._size, signs)
        if stage == "together":
            reader = Reader(self._text, self._chat.head)
            return TogetherTraining.together(eyes, aim, self._size, reader)
        return EyesTraining.begin(eyes, aim, self._size)

    def losses(self, stage: str, training: Any, batch: Any) -> Losses:
        """The losses of a batch, what is drawn by chance always the same."""
        torch.manual_seed(training.step)
        of: dict[str, Callable[[], Losses]] = {
            "reader": lambda: train_reader.losses_of(
                training, train_reader.PerfectEyes(training.signs), batch
            ),
            "eyes": lambda: train_eyes.losses_of(training, batch),
            "together": lambda: train_together.losses_of(training, batch, 0.3),
        }
        return of[stage]()

    def steps(self, stage: str, training: Training, count: int, rate: float = 2e-3) -> list[dict[str, float]]:
        """Steps on one and the same batch."""
        batch = self.batches[stage][0]
        return [train_step(training, self.losses(stage, training, batch), rate) for _ in range(count)]


@pytest.fixture
def workshop(small_text: Path, tiny: str, phrases: Phrases, chat: ChatTokens, studio: Studio) -> Workshop:
    return Workshop(small_text, tiny, phrases, chat, studio)


def assert_same(one: Any, other: Any, at: str = "") -> None:
    """All tensors and numbers are bit for bit the same, however deep."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), at
        for name in one:
            assert_same(one[name], other[name], f"{at}/{name}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), at
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{at}/{place}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), at
    else:
        assert one == other, at


@pytest.mark.parametrize("stage", STAGES)
def test_a_training_that_was_saved_goes_on_bit_for_bit(
    workshop: Workshop, stage: str, tmp_path: Path
) -> None:
    training = workshop.training(stage)
    workshop.steps(stage, training, 2)
    training.save(tmp_path / CHECKPOINT)
    resumed = workshop.training(stage)
    resumed.resume(tmp_path / CHECKPOINT)
    assert resumed.step == 2
    again = [workshop.steps(stage, one, 2) for one in (training, resumed)]
    assert again[0] == again[1]
    for place, one in enumerate((training, resumed)):
        one.save(tmp_path / f"{place}.pt")
    assert_same(read_state(tmp_path / "0.pt"), read_state(tmp_path / "1.pt"))


@pytest.mark.parametrize(
    ("stage", "steps", "rate", "falls"),
    [
        ("reader", 30, 1e-2, ("answer",)),
        ("eyes", 30, 2e-3, ("letters", "phrases")),
        ("together", 40, 1e-2, ("answer", "letters")),
    ],
)
def test_steps_on_a_batch_lower_its_losses(
    workshop: Workshop, stage: str, steps: int, rate: float, falls: tuple[str, ...]
) -> None:
    losses = workshop.steps(stage, workshop.training(stage), steps, rate)
    for name in falls:
        assert losses[-1][name] < 0.8 * losses[0][name], (name, losses[0][name], losses[-1][name])


def test_each_stage_changes_its_own_weights_only(workshop: Workshop, tmp_path: Path) -> None:
    expected = {
        "reader": {"signs", "adapter"},
        "eyes": {"eyes", "letters", "icons", "sharpness"},
        "together": {"eyes", "letters", "icons", "sharpness", "adapter"},
    }
    for stage, wanted in expected.items():
        training = workshop.training(stage)
        training.save(tmp_path / "before.pt")
        workshop.steps(stage, training, 2)
        training.save(tmp_path / "after.pt")
        before, after = read_state(tmp_path / "before.pt"), read_state(tmp_path / "after.pt")
        aims = [state.get("aim", {}) for state in (before, after)]
        parts = {name: [state.get(name, {}) for state in (before, after)] for name in ("eyes", "adapter")}
        for head in ("letters", "icons"):
            parts[head] = [{name: aim[name] for name in aim if name.startswith(f"{head}.")} for aim in aims]
        parts["sharpness"] = [{name: aim[name] for name in aim if name == "log_sharpness"} for aim in aims]
        parts["signs"] = [
            state.get("signs", {name: aim[name] for name in aim if name.startswith("signs.")})
            for state, aim in zip((before, after), aims, strict=True)
        ]
        changed = {
            part
            for part, (old, new) in parts.items()
            if any(not torch.equal(old[name], new[name]) for name in old)
        }
        assert changed == wanted, stage


def test_a_next_stage_takes_over_weights_and_starts_counting_anew(workshop: Workshop, tmp_path: Path) -> None:
    eyes = workshop.training("eyes")
    workshop.steps("eyes", eyes, 2)
    eyes.save(tmp_path / CHECKPOINT)
    state = read_state(tmp_path / CHECKPOINT)
    together = workshop.training("together")
    adapter = {name: weight.clone() for name, weight in together.reader.adapter().items()}
    together.start_from(state)
    assert together.step == 0
    assert_same(dict(together.eyes.state_dict()), dict(eyes.eyes.state_dict()))
    assert_same(dict(together.aim.state_dict()), dict(eyes.aim.state_dict()))
    # Stages before have no adapter; this one keeps its own.
    assert_same(together.reader.adapter(), adapter)
    other = {name: weight + 1 for name, weight in adapter.items()}
    together.start_from({**state, "adapter": other})
    assert_same(together.reader.adapter(), other)


def test_a_checkpoint_of_another_size_is_refused(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.training("eyes").save(tmp_path / CHECKPOINT)
    monkeypatch.setitem(SIZES, "other", TowerSize(4, (4, 8, 16), (1, 1, 1), width=32, layers=1, heads=1))
    training = workshop.training("eyes")
    training.size = "other"
    with pytest.raises(ValueError, match="tower of size tiny; give it as --size"):
        training.resume(tmp_path / CHECKPOINT)


def test_the_weights_beside_the_recipe_fit_it(text_folder: Path, phrases: Phrases) -> None:
    state = exported_state(shipped_eyes())
    eyes, aim = untrained_eyes(state["size"], untrained_signs(text_folder, phrases))
    eyes.load_state_dict(state["eyes"])
    aim.load_state_dict(state["aim"])
    assert {name.rpartition(".lora_")[2] for name in state["adapter"]} == {"A.weight", "B.weight"}
    assert all(name.startswith(OWN_LAYERS) for name in state["adapter"])


def test_eyes_of_other_many_patches_are_taken_over_with_their_places_spread_out(workshop: Workshop) -> None:
    training, donor = workshop.training("eyes"), workshop.training("eyes")
    state = donor.state()
    places = "vision_tower.embeddings.position_embeddings"
    first, width = state["eyes"][places][:, :1], state["eyes"][places].shape[-1]
    # Of a grid of 4 x 4, each place says its row and its column.
    grid = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0))
    coarse = torch.cat([first, torch.cat([grid, torch.zeros(16, width - 2)], dim=1)[None]], dim=1)
    training.start_from({**state, "eyes": {**state["eyes"], places: coarse}})
    taken = training.eyes.state_dict()[places]
    rows, columns = taken[0, 1:, :2].unflatten(0, (ACROSS, ACROSS)).movedim(-1, 0)
    assert torch.equal(taken[:, :1], first)
    assert torch.allclose(rows, rows[:, :1].expand(ACROSS, ACROSS), atol=1e-5)
    assert torch.allclose(columns, rows.T, atol=1e-5)
    assert (columns[0].diff() > 0).all()
    assert columns[0, 0] == pytest.approx(0, abs=0.5)
    assert columns[0, -1] == pytest.approx(3, abs=0.5)
    others = {name: one for name, one in state["eyes"].items() if name != places}
    assert_same({name: training.eyes.state_dict()[name] for name in others}, others)


def test_a_checkpoint_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    file = tmp_path / CHECKPOINT
    write_state(file, {"step": 1})
    with pytest.raises((AttributeError, pickle.PicklingError)):
        write_state(file, {"step": lambda: 2})  # cannot be written
    assert read_state(file) == {"step": 1}


def test_the_mean_of_checkpoints_is_that_of_their_eyes_and_heads() -> None:
    def state(step: int, weight: float) -> dict[str, Any]:
        eyes, heads = {"w": torch.tensor([weight, 1.0])}, {"k": torch.tensor(step)}
        return {"size": "small", "step": step, "eyes": eyes, "aim": heads}

    states = [state(3, 0.0), state(9, 4.0)]
    mean = averaged(states)
    assert mean["eyes"]["w"].tolist() == [2.0, 1.0]
    assert (mean["step"], mean["aim"]["k"].item(), mean["size"]) == (3, 3, "small")
    assert states[0]["eyes"]["w"].tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match=r"size small and large"):
        averaged([*states, {**states[0], "size": "large"}])
