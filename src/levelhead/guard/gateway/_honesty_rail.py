"""The honesty rail: after an answer, the model is asked whether it is sure of it (R-Tuning).

The model gets the conversation with its answer and the question of R-Tuning, and p_sure is read from the
log-probabilities of the word at which «I am sure» and «I am unsure» part. That costs a second, short request
for every answer, and means something only for a model that was tuned to it. It is no rail of safety: where
nothing can be read, the answer goes out, and the reply says why there is no number.

With a decision policy, p_sure becomes the probability of being right, and costs decide. A chat with a picture
may be asked once more without it: who answers otherwise then has its answer from the picture.

Source: H. Zhang et al., "R-Tuning", NAACL 2024 (arXiv 2311.09677), section 3.2.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from levelhead.answers import SURE, SURE_QUESTION, UNSURE, same_claim
from levelhead.guard.decision._policy import DecisionPolicy, Evidence
from levelhead.guard.gateway._choice import ChoiceOutcome
from levelhead.guard.gateway._config import HonestySettings
from levelhead.guard.gateway._message_parts import TEXT_PARTS
from levelhead.guard.gateway._request_error import RequestError
from levelhead.guard.gateway._strict_json import JSONObject, NotStrictJSONError, parse_object
from levelhead.guard.gateway._sureness import Sureness, Unsure
from levelhead.guard.gateway._upstream import Upstream

_TOKENS, _ALTERNATIVES = 8, 20
_ANSWER_TOKENS = 64
"""Of an answer without the picture; its first sentence is compared."""
_LEAST_MASS = 0.5
"""Where less of the probability lies on the two answers, the model says something else."""
_SURE, _UNSURE = (text.rstrip(".").casefold() for text in (SURE, UNSURE))


class HonestyRail:
    """Asks the model about its own answers.

    Args:
        settings: Whether it is on, and what becomes of an unsure answer.
        upstream: The model server.

    Raises:
        UsageError: If the policy cannot be read.
    """

    def __init__(self, settings: HonestySettings, upstream: Upstream) -> None:
        self._settings, self._upstream = settings, upstream
        self._policy = DecisionPolicy.read(settings.policy) if settings.policy is not None else None

    async def told(
        self, fields: JSONObject, outcome: ChoiceOutcome, answer: str, *, shown: bool
    ) -> ChoiceOutcome:
        """The outcome with what the model says of its answer.

        Args:
            fields: Of the request for a chat.
            outcome: What was decided. What is not the model's own answer any more is not asked about.
            answer: What the model said.
            shown: Whether the client has seen it, so that nothing can stand in its place any more.
        """
        if not self._settings.on or outcome.text is not None or not answer.strip():
            return outcome
        p_sure, reason = await self._p_sure(fields, answer)
        kept = await self._kept(fields, answer) if p_sure is not None else None
        action, p_right = self._decided(p_sure, kept)
        if shown and action == "abstain":
            action = "caveat"
        text = {"tell": None, "caveat": self._settings.caveat, "abstain": self._settings.abstention}[action]
        return replace(outcome, sureness=Sureness(p_sure, action, text, reason, p_right, kept))

    def _decided(self, p_sure: float | None, kept: bool | None) -> tuple[Unsure, float | None]:
        """What becomes of an answer, and with a policy how likely it is right."""
        if p_sure is None:
            return "tell", None
        if self._policy is None:
            return (self._settings.below if p_sure < self._settings.threshold else "tell"), None
        decided = self._policy.decide(Evidence(p_sure, kept=kept))
        actions: dict[str, Unsure] = {"caveat": "caveat", "abstain": "abstain"}
        return actions.get(decided.action, "tell"), decided.p_right

    async def _kept(self, fields: JSONObject, answer: str) -> bool | None:
        """Whether the model answers the same without the picture; None where that cannot be told."""
        messages, had_pictures = without_pictures(fields["messages"])
        if not self._settings.without_picture or not had_pictures:
            return None
        asked = {
            "model": fields["model"],
            "messages": messages,
            "max_tokens": _ANSWER_TOKENS,
            "temperature": 0,
        }
        try:
            raw = await self._upstream.ask("chat/completions", json.dumps(asked).encode("ascii"))
            found = _object(_object(_first(parse_object(raw).get("choices"))).get("message")).get("content")
        except (RequestError, NotStrictJSONError):
            return None
        return same_claim(answer, found, _question(messages)) if isinstance(found, str) else None

    async def _p_sure(self, fields: JSONObject, answer: str) -> tuple[float | None, str | None]:
        """The probability, or None and why there is none."""
        turns = [{"role": "assistant", "content": answer}, {"role": "user", "content": SURE_QUESTION}]
        asked = {
            "model": fields["model"],
            "messages": [*fields["messages"], *turns],
            "max_tokens": _TOKENS,
            "temperature": 0,
            "logprobs": True,
            "top_logprobs": _ALTERNATIVES,
        }
        try:
            raw = await self._upstream.ask("chat/completions", json.dumps(asked).encode("ascii"))
            tokens = list(_tokens(parse_object(raw)))
        except RequestError as error:
            return None, error.message
        except NotStrictJSONError:
            return None, "The model server's answer cannot be used."
        found = p_sure_of(tokens)
        return (
            (found, None) if found is not None else (None, "The model says neither that it is sure nor not.")
        )


def without_pictures(messages: list[JSONObject]) -> tuple[list[JSONObject], bool]:
    """The messages with their texts alone, and whether something was left out.

    >>> parts = [{"type": "image_url"}, {"type": "text", "text": "Who?"}]
    >>> without_pictures([{"role": "user", "content": parts}])
    ([{'role': 'user', 'content': 'Who?'}], True)
    """
    found: list[JSONObject] = []
    left_out = False
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            texts = [part for part in content if _object(part).get("type") in TEXT_PARTS]
            left_out = left_out or len(texts) < len(content)
            found.append({**message, "content": "\n".join(str(part.get("text", "")) for part in texts)})
        else:
            found.append(message)
    return found, left_out


def _question(messages: list[JSONObject]) -> str:
    """What the user said last."""
    said = [one.get("content") for one in messages if one.get("role") == "user"]
    return said[-1] if said and isinstance(said[-1], str) else ""


@dataclass(frozen=True, slots=True)
class Token:
    """A token that a model wrote, with the others that it might have written.

    Attributes:
        text: The token.
        alternatives: Tokens with their natural-log probabilities, this one among them.
    """

    text: str
    alternatives: tuple[tuple[str, float], ...]


def p_sure_of(tokens: list[Token]) -> float | None:
    """Probability of «I am sure» against «I am unsure», 0..1; None if the model says something else.

    It is read where the two part: from all tokens there that go on with one of them.

    >>> p_sure_of([Token("I am", ()), Token(" sure", ((" sure", math.log(0.6)), (" uns", math.log(0.2))))])
    0.75
    """
    written = ""
    for token in tokens:
        ways = [(_way(written + text), math.exp(min(log_prob, 0.0))) for text, log_prob in token.alternatives]
        sure = sum(share for way, share in ways if way is True)
        unsure = sum(share for way, share in ways if way is False)
        if sure + unsure >= _LEAST_MASS:
            return round(sure / (sure + unsure), 6)
        written += token.text
        if not _SURE.startswith(_plain(written)):
            return None
    return None


def _way(text: str) -> bool | None:
    """Whether a beginning can only go on to «sure» (true) or «unsure» (false); None if it says neither."""
    said = _plain(text)
    sure = _SURE.startswith(said) or said.startswith(_SURE)
    unsure = _UNSURE.startswith(said) or said.startswith(_UNSURE)
    return None if sure == unsure else sure


def _plain(text: str) -> str:
    return text.lstrip().casefold()


def _tokens(answer: JSONObject) -> Iterator[Token]:
    """The tokens of the first choice, as far as they are what the protocol says."""
    for one in _list(_object(_object(_first(answer.get("choices"))).get("logprobs")).get("content")):
        alternatives = [
            (other["token"], float(other["logprob"]))
            for other in _list(_object(one).get("top_logprobs"))
            if isinstance(_object(other).get("token"), str)
            and isinstance(_object(other).get("logprob"), int | float)
        ]
        text = _object(one).get("token")
        yield Token(text if isinstance(text, str) else "", tuple(alternatives))


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else None


def _object(value: Any) -> JSONObject:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
