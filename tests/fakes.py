"""Models without a model, for tests that need answers and not intelligence.

Import as `from tests.fakes import FakeModel`: `tests` and its folders are packages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from levelhead.models import Model, Sampling
from levelhead.records import Prompt, Reply, Score


def echo(prompt: Prompt) -> str:
    """The usual answer: the text of the last turn, shouted."""
    return prompt.turns[-1].text.upper()


def slices_of_four(count: int) -> Iterable[Sequence[int]]:
    """The usual batches: four prompts each, in order."""
    return [range(start, min(start + 4, count)) for start in range(0, count, 4)]


class FakeModel(Model):
    """Answers by a function and remembers what it was asked.

    Args:
        answer: From a prompt to its answer; a `Reply` is handed on as it is.
        batches: From the number of prompts to batches of their indices, in the order of yielding.
        name: See `Model`.
        fingerprint: See `Model`.
        sees: See `Model`.

    Attributes:
        asked: Every prompt that was answered, in order.
        scored: Every (prompt, continuation) that was scored, in order.
    """

    can_score = True

    def __init__(
        self,
        answer: Callable[[Prompt], str | Reply] = echo,
        *,
        batches: Callable[[int], Iterable[Sequence[int]]] = slices_of_four,
        name: str = "fake",
        fingerprint: str = "fake-1",
        sees: bool = True,
    ) -> None:
        self.name, self.fingerprint, self.sees = name, fingerprint, sees
        self.asked: list[Prompt] = []
        self.scored: list[tuple[Prompt, str]] = []
        self._answer, self._batches = answer, batches

    def iter_generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        for batch in self._batches(len(prompts)):
            self.asked += [prompts[index] for index in batch]
            yield [(index, [self._reply(prompts[index])] * sampling.n) for index in batch]

    def iter_score(
        self, prompts: Sequence[Prompt], continuations: Sequence[str]
    ) -> Iterator[list[tuple[int, Score]]]:
        for batch in self._batches(len(prompts)):
            self.scored += [(prompts[index], continuations[index]) for index in batch]
            yield [(index, fake_score(continuations[index])) for index in batch]

    def _reply(self, prompt: Prompt) -> Reply:
        answer = self._answer(prompt)
        if isinstance(answer, Reply):
            return answer
        return Reply(answer, "stop", log_probs=tuple(-len(word) / 7 for word in answer.split()))


def fake_score(continuation: str) -> Score:
    """The longer a word, the less probable."""
    return Score(tuple(-len(word) / 3 for word in continuation.split()))
