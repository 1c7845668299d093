"""The loop: measure, learn from what failed, guard what is left, measure again; each step once.

The folder holds `loop.json` (what is improved, how, and which steps are done) and what the steps make: the
run folders `before`, `learned`, `after`, `guarded` and `watched`, the pictures that were read
(`reading/before`, `reading/after`), `lessons`, `adapter`, how sure the tuned model is of its answers
(`sureness`) with the `decision.json` found on them, and at the end `summary.json` and `report.html`. A loop
that was killed goes on with the step that was under way, which goes on itself where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from levelhead._version import __version__
from levelhead.errors import InterruptedRunError, LevelheadError, ModelError, RunFolderError, UsageError
from levelhead.guard import Request
from levelhead.illusion import load_questions, read_set
from levelhead.loop.improving._change import change_of
from levelhead.loop.improving._decide import answers_with_sureness, decide_at_run_time
from levelhead.loop.improving._guarded import guard_what_is_left
from levelhead.loop.improving._lessons import LessonSettings
from levelhead.loop.improving._plan import Pace, Step, plan_steps
from levelhead.loop.improving._reading import read_pictures
from levelhead.loop.improving._settings import LoopSettings
from levelhead.loop.improving._split import Side, Split
from levelhead.loop.improving._teach import LESSONS, some_of_each, teach
from levelhead.loop.improving._tuned import Names, behind_eyes
from levelhead.loop.improving._watch import goodness, watched_numbers, watching
from levelhead.loop.measuring._harm import harm_requests
from levelhead.loop.measuring._measure import measure
from levelhead.loop.measuring._settings import MeasureSettings
from levelhead.models import Model, load_model
from levelhead.running import DATA_FOLDER, hold_lock, json_text, read_run, write_whole
from levelhead.training import TuningReport, loss_spans, read_dialogues, show_loss, tune
from levelhead.training._loading import locate_base

LOOP = "loop.json"
_SCHEMA = 1
_LOCK = "loop.lock"


class LoopStoppedError(ModelError):
    """The watched numbers got worse, so nothing was changed."""


@dataclass
class Loop:
    """A loop in its folder.

    Args:
        name: Of the model, as `load_model` takes it; a local one.
        out: The folder.
        settings: How it is improved.
        threads: Processor threads; None for all.
        tell: Called with a sentence as each step begins, and with what it found.

    Raises:
        UsageError: If the model cannot be tuned.
        RunFolderError: If the folder holds another loop, or something else.
    """

    name: str
    out: Path
    settings: LoopSettings
    threads: int | None = None
    tell: Callable[[str], None] = lambda sentence: None
    split: Split = field(init=False)
    _state: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.split = Split.of((one.category for one in load_questions()), self.settings.seed)
        self._names = Names(self.name, self.out / "adapter")
        self._base_hash = locate_base(self._names.base, self.settings.tuning).weights_hash()
        self._state = self._opened()

    @property
    def tuned(self) -> str:
        """The name of the tuned model, as `load_model` takes it."""
        return self._names.after

    def plan(self) -> list[Step]:
        """The steps that are left, with about how long each takes; asks the model a few things."""
        with self._loaded(self.name) as model:
            steps = plan_steps(self.settings, self.split, Pace.of(model))
        return [step for step in steps if step.name not in self._state["done"]]

    def run(self) -> dict[str, Any]:
        """Go through the steps that are left.

        Returns:
            What was written to `summary.json`.

        Raises:
            LoopStoppedError: If no epoch of tuning was better than the model before, by what is watched.
            LevelheadError: If a step fails; its message says which, and the steps before stay usable.
        """
        with hold_lock(self.out / _LOCK):
            self._step("before", lambda: self._measured("before", self.name))
            self._step("learn", self._learn)
            self._step("lessons", self._lessons)
            self._step("tune", self._tune)
            self._step("after", lambda: self._measured("after", self._names.after))
            self._step("guard", self._guard)
            self._step("decide", self._decide)
            summary = self._summary()
            write_whole(self.out / "summary.json", [json_text(summary, indent=2), "\n"])
        return summary

    def _step(self, name: str, work: Callable[[], Mapping[str, Any] | None]) -> None:
        """Do a step that is not done, and note that it is."""
        if name in self._state["done"]:
            return
        self.tell(f"Step {name}")
        try:
            found = work()
        except (LoopStoppedError, InterruptedRunError):
            raise
        except LevelheadError as error:
            done = ", ".join(self._state["done"]) or "none"
            kind = next(
                one
                for one in (UsageError, RunFolderError, ModelError, LevelheadError)
                if isinstance(error, one)
            )
            raise kind(
                f"The step {name} failed: {error}\nSteps done before it, and kept in {self.out}: {done}. "
                "Start the same command again to go on with this one."
            ) from error
        self._state["done"].append(name)
        self._state[name] = dict(found or {})
        self._write_state()

    def _measured(self, place: str, name: str) -> None:
        """Measure a model on the tested side, and have it read pictures of that side."""
        with self._loaded(name) as model:
            measure(
                model,
                self.out / place,
                self._side("tested"),
                threads=self.threads,
                tell=self.tell,
            )
            pictures = read_set(self.out / place / DATA_FOLDER / "illusion")
            read_pictures(model, pictures, self.out / "reading" / place)

    def _learn(self) -> dict[str, Any]:
        """Ask what is learned from, and what is watched before anything is learned."""
        with self._loaded(self.name) as model:
            asked = self._side("learned")
            # How far pictures shift log-probabilities is shown of the tested side alone.
            asked = replace(asked, size=replace(asked.size, with_shift=False))
            measure(model, self.out / "learned", asked, threads=self.threads, tell=self.tell)
            self.tell("What is watched, before tuning")
            return {"watched": watched_numbers(model, self.settings, self.split, self.threads)}

    def _lessons(self) -> dict[str, Any]:
        with self._loaded(self.name) as model:
            made = teach(
                model,
                self.out / "learned",
                self.out / "lessons",
                self.settings,
                self._requests(model, "learned"),
            )
        for one in some_of_each(made.dialogues, self.settings.seed):
            spans = loss_spans(self._names.base, one)
            self.tell(f"A lesson of the kind {one.metadata['lesson']!r}, what is learned marked:")
            self.tell(show_loss(spans))
        return {"lessons": dict(made.counts), "declined_at_every_draw": made.left}

    def _tune(self) -> dict[str, Any]:
        before = self._state["learn"]["watched"]
        report = self._tuned()
        kept = report.evaluations[str(report.kept_epoch)]
        if goodness(kept) <= goodness(before):
            raise LoopStoppedError(
                f"Tuning made it no better, by what is watched: {goodness(before):.3f} before, "
                f"{goodness(kept):.3f} after the best epoch ({_told(before)}; then {_told(kept)}). The "
                f"adapter is left in {self._names.adapter} and nothing more is done with it. Try a lower "
                "--learning-rate, or more questions (--size full), in another --out."
            )
        return {
            "epochs": {epoch: dict(found) for epoch, found in report.evaluations.items()},
            "kept_epoch": report.kept_epoch,
            "dialogues": report.dialogues,
            "seconds": round(report.seconds, 1),
        }

    def _tuned(self) -> TuningReport:
        form = LessonSettings().form
        return tune(
            self._names.base,
            read_dialogues(self.out / "lessons" / LESSONS),
            self._names.adapter,
            self.settings.tuning,
            evaluate=watching(self.settings, self.split, self.threads, behind_eyes(self._names)),
            goodness=goodness,
            facts={"method": "loop", "format": form.to_json(), "split": dict(self.split.categories)},
            threads=self.threads,
        )

    def _guard(self) -> dict[str, Any]:
        with self._loaded(self._names.after) as model, ExitStack() as held:
            requests = self._requests(model, "tested")
            return guard_what_is_left(
                model, requests, self.out / "guarded", self.settings, self.threads, held
            )

    def _decide(self) -> dict[str, Any]:
        """Find when to answer, on what was watched, and see what that does to what is tested."""
        illusion = MeasureSettings(
            suites=("illusion",),
            size=replace(self.settings.size, with_shift=False),
            seed=self.settings.seed,
            selection=self.split.selection("watched"),
        )
        with self._loaded(self._names.after) as model:
            measure(model, self.out / "watched", illusion, threads=self.threads, tell=self.tell)
            asked = {
                place: answers_with_sureness(model, read_run(self.out / place), self.out / "sureness" / place)
                for place in ("watched", "after")
            }
        return decide_at_run_time(
            asked["watched"],
            asked["after"],
            self.out,
            harm_threshold=self._state["guard"]["threshold"],
        )

    def _requests(self, model: Model, side: Side) -> list[Request]:
        return harm_requests(model, self.out / side, self._side(side))

    def _side(self, side: Side) -> MeasureSettings:
        return replace(self.settings.measuring(), selection=self.split.selection(side))

    def _summary(self) -> dict[str, Any]:
        before, after = read_run(self.out / "before"), read_run(self.out / "after")
        reading = {place: read_run(self.out / "reading" / place).rows for place in ("before", "after")}
        state = {name: self._state[name] for name in ("learn", "lessons", "tune", "guard", "decide")}
        return {
            "schema": _SCHEMA,
            "levelhead": __version__,
            "model": self.name,
            "tuned": self._names.after,
            "size": self.settings.size.name,
            "seed": self.settings.seed,
            "split": {side: list(names) for side, names in self.split.categories.items()},
            "suites": before.summary["suites"],
            **change_of(before, after, reading["before"], reading["after"]),
            "steps": state,
        }

    @contextmanager
    def _loaded(self, name: str) -> Iterator[Model]:
        with load_model(name, threads=self.threads) as model:
            yield model

    def _opened(self) -> dict[str, Any]:
        """The state that the folder holds, or a new one.

        Raises:
            RunFolderError: If the folder cannot be used.
        """
        identity = json.loads(
            json_text(
                {
                    "schema": _SCHEMA,
                    "model": self.name,
                    "weights": self._base_hash,
                    "settings": self.settings.to_json(),
                }
            )
        )
        file = self.out / LOOP
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            names = {path.name for path in self.out.iterdir()}
            state = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
        except (OSError, ValueError) as error:
            raise RunFolderError(
                f"The folder {self.out} cannot be used: {error}. Give another --out."
            ) from error
        if state is None:
            if names - {_LOCK}:
                raise RunFolderError(
                    f"{self.out} holds {min(names - {_LOCK})!r} but no {LOOP}, so it is no folder of a loop. "
                    "Nothing was written. Give an --out that is empty or does not exist yet."
                )
            state = {"identity": identity, "done": []}
            write_whole(file, [json_text(state, indent=2), "\n"])
        if state.get("identity") != identity:
            earlier = state.get("identity") or {}
            differing = [key for key in identity if earlier.get(key) != identity[key]]
            raise RunFolderError(
                f"{self.out} holds another loop: its {', '.join(differing)} differ. Give another --out."
            )
        found: dict[str, Any] = state
        return found

    def _write_state(self) -> None:
        write_whole(self.out / LOOP, [json_text(self._state, indent=2), "\n"])


def _told(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in numbers.items())
