"""Prompts in, checked objects out: from the run folder where it has them, with one second try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from levelhead.guard.synthesis._prompts import ask_again
from levelhead.guard.synthesis._replies import Failed, SchemaT, read_reply
from levelhead.guard.synthesis._settings import SynthesisSettings
from levelhead.models import Model
from levelhead.records import Prompt, Reply
from levelhead.running import ProgressStyle, RunFolder, ask


@dataclass
class Writer:
    """The model that writes, and the folder that keeps what it wrote.

    Attributes:
        model: Who is asked.
        folder: Where replies are kept.
        settings: How replies are drawn.
        progress: How progress is shown.
        asked: Requests so far, second tries left out.
        repaired: Requests whose second try could be used.
    """

    model: Model
    folder: RunFolder
    settings: SynthesisSettings
    progress: ProgressStyle | None = None
    asked: int = field(default=0, init=False)
    repaired: int = field(default=0, init=False)

    def write(self, prompts: Sequence[Prompt], schema: type[SchemaT], label: str) -> list[SchemaT | Failed]:
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
        replies = self._replies(prompts, 0, label)
        found = [read_reply(reply, schema) for reply in replies]
        again = {
            place: ask_again(prompts[place], replies[place].text, one.why)
            for place, one in enumerate(found)
            if isinstance(one, Failed) and one.mendable
        }
        if again:
            second = self._replies(list(again.values()), 1, f"{label}, second try")
            for place, reply in zip(again, second, strict=True):
                found[place] = read_reply(reply, schema)
        self.asked += len(prompts)
        self.repaired += sum(not isinstance(found[place], Failed) for place in again)
        return found

    def _replies(self, prompts: Sequence[Prompt], attempt: int, label: str) -> list[Reply]:
        drawn = ask(
            self.model,
            prompts,
            self.settings.sampling(attempt=attempt),
            folder=self.folder,
            label=label,
            progress=self.progress,
        )
        return [reply for [reply] in drawn]
