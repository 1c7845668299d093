"""Prompts in, checked objects out: from the run folder where it has them, with one second try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pydantic import BaseModel

from levelhead.models import Model, Sampling
from levelhead.records import Prompt, Reply, Turn
from levelhead.running._asking import ask
from levelhead.running._folder import RunFolder
from levelhead.running._progress import ProgressStyle
from levelhead.running.generation._replies import FaultyReply, SchemaT, json_schema_of, read_object

SECOND_TRY = (
    "That reply cannot be used: {why}. Give the same JSON object again, whole and in the form that was asked "
    "for, and nothing else."
)
"""What a model is told after a reply that cannot be used; part of the identity of a run that uses it."""
_MOST_SHOWN = 2000
"""Characters of an unusable reply that are shown again. A reply that ran on must not fill the context."""


@dataclass
class ObjectWriter:
    """A model that writes JSON objects, and the folder that keeps what it wrote.

    Attributes:
        model: Who is asked.
        folder: Where replies are kept.
        sampling: How replies are drawn; the second try takes the next seed.
        constrained: Whether the backend is asked to hold replies to the schema, where it can. A model that
            is held to it cannot refuse in its own words.
        progress: How progress is shown.
        asked: Requests so far, second tries left out.
        repaired: Requests whose second try could be used.
    """

    model: Model
    folder: RunFolder
    sampling: Sampling
    constrained: bool = False
    progress: ProgressStyle | None = None
    asked: int = field(default=0, init=False)
    repaired: int = field(default=0, init=False)

    def write(
        self, prompts: Sequence[Prompt], schema: type[SchemaT], label: str
    ) -> list[SchemaT | FaultyReply]:
        """Have every prompt answered with an object; a reply that is none is shown to the model once.

        Args:
            prompts: What is asked.
            schema: What each reply must hold.
            label: What the progress bar says.

        Returns:
            For each prompt, in order, the object, or why there is none.

        Raises:
            ModelError: If the model fails as a whole.
            RunFolderError: If a reply cannot be stored.
        """
        if not prompts:
            return []
        replies = self._replies(prompts, schema, 0, label)
        found = [read_object(reply, schema) for reply in replies]
        again = {
            place: ask_again(prompts[place], replies[place].text, one.why)
            for place, one in enumerate(found)
            if isinstance(one, FaultyReply) and one.mendable
        }
        if again:
            second = self._replies(list(again.values()), schema, 1, f"{label}, second try")
            for place, reply in zip(again, second, strict=True):
                found[place] = read_object(reply, schema)
        self.asked += len(prompts)
        self.repaired += sum(not isinstance(found[place], FaultyReply) for place in again)
        return found

    def _replies(
        self, prompts: Sequence[Prompt], schema: type[BaseModel], attempt: int, label: str
    ) -> list[Reply]:
        drawn = ask(
            self.model,
            prompts,
            replace(
                self.sampling,
                seed=self.sampling.seed + attempt,
                json_schema=json_schema_of(schema) if self.constrained else None,
            ),
            folder=self.folder,
            label=label,
            progress=self.progress,
        )
        return [reply for [reply] in drawn]


def ask_again(prompt: Prompt, reply: str, why: str) -> Prompt:
    """Show a model its unusable reply and what is wrong with it."""
    # A blank turn is refused by some chat templates and servers.
    shown = reply[:_MOST_SHOWN] if reply.strip() else "(nothing)"
    return Prompt((*prompt.turns, Turn("assistant", shown), Turn("user", SECOND_TRY.format(why=why))))
