"""One model, many copies: batches are planned as the model itself plans them, and each goes to one copy.

So the answers are those of one copy, to the last digit: what a batch holds decides how its numbers are
rounded, and the batches are the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from levelhead.errors import UsageError
from levelhead.models._model import Model, Sampling, check_pairs, check_pictures
from levelhead.records import JSONValue, Prompt, Reply, Score
from levelhead.replicas import Replicas


class ReplicatedModel(Model):
    """Copies of a local model on Ray.

    Args:
        name: As `load_model` takes it; eyes that read stay with the caller.
        replicas: How many copies.
        how: Further arguments of `load_model`.

    Raises:
        UsageError: If the model is behind a server, cannot be found, or Ray has not room for so many.
        MissingExtraError: If Ray, or what the model needs, is not installed.
        ModelError: If the model cannot be loaded.
    """

    def __init__(self, name: str, replicas: int, **how: Any) -> None:
        if name.startswith("openai:"):
            raise UsageError(
                f"{name} stands behind a server, which copies of a client do not make faster. Give several "
                "base urls with commas between them, and leave out --engine ray."
            )
        self._can_score: bool
        self._replicas: Replicas[_Copy] = Replicas(partial(_Copy, name, how), replicas)
        facts = self._replicas.call("facts")
        self.name, self.fingerprint, self.sees = facts["name"], facts["fingerprint"], facts["sees"]
        self._can_score, self._details = bool(facts["can_score"]), facts["details"]

    @property
    def can_score(self) -> bool:
        """Whether the copies can."""
        return self._can_score

    @property
    def details(self) -> Mapping[str, JSONValue]:
        return {**self._details, "engine": "ray", "replicas": self._replicas.count}

    def iter_generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        check_pictures(self, prompts)
        plan = self._replicas.call("plan_generate", list(prompts), sampling)
        calls = [([prompts[index] for index in batch], sampling) for batch in plan]
        for place, replies in self._replicas.map("generate_all", calls):
            yield list(zip(plan[place], replies, strict=True))

    def iter_score(
        self, prompts: Sequence[Prompt], continuations: Sequence[str]
    ) -> Iterator[list[tuple[int, Score]]]:
        check_pairs(prompts, continuations)
        check_pictures(self, prompts)
        plan = self._replicas.call("plan_score", list(prompts), list(continuations))
        calls = [
            ([prompts[index] for index in batch], [continuations[index] for index in batch]) for batch in plan
        ]
        for place, scores in self._replicas.map("score_all", calls):
            yield list(zip(plan[place], scores, strict=True))

    def close(self) -> None:
        self._replicas.close()


class _Copy:
    """What lives in the process of a copy."""

    def __init__(self, name: str, how: Mapping[str, Any]) -> None:
        from levelhead.models._load import load_model

        self._model = load_model(name, **how)

    def facts(self) -> dict[str, Any]:
        """What the caller must know of the model."""
        model = self._model
        return {
            "name": model.name,
            "fingerprint": model.fingerprint,
            "sees": model.sees,
            "can_score": model.can_score,
            "details": dict(model.details),
        }

    def plan_generate(self, prompts: list[Prompt], sampling: Sampling) -> list[list[int]]:
        """See `Model.plan_generate`."""
        return list(self._model.plan_generate(prompts, sampling))

    def plan_score(self, prompts: list[Prompt], continuations: list[str]) -> list[list[int]]:
        """See `Model.plan_score`."""
        return list(self._model.plan_score(prompts, continuations))

    def generate_all(self, prompts: list[Prompt], sampling: Sampling) -> list[list[Reply]]:
        """The replies to each prompt, in order."""
        found = dict(row for batch in self._model.iter_generate(prompts, sampling) for row in batch)
        return [found[place] for place in range(len(prompts))]

    def score_all(self, prompts: list[Prompt], continuations: list[str]) -> list[Score]:
        """The scores, in order."""
        return self._model.score(prompts, continuations)
