"""Log-probabilities of given answers, on servers that tell them.

The OpenAI protocol has no such request for chats, so there are two ways, and `find_scorer` tries which one a
server knows:

- `EchoScorer`: completions that echo the prompt with its log-probabilities (vLLM and its like).
- `ForcedScorer`: llama.cpp generates the answer under a grammar that allows these tokens and no others. It
  tells the log-probabilities of the model before any sampling rule, so they are the same as without grammar.

Both send token ids, so that the seam between prompt and answer stands where it should. Pictures have no place
in either.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from levelhead.errors import UsageError
from levelhead.models._openai_chat import messages, raw_text
from levelhead.models._openai_pool import RowRefusedError
from levelhead.records import Prompt, Score

if TYPE_CHECKING:
    import openai

    from levelhead.models._openai_endpoint import Endpoint

Shape = TypeVar("Shape", bound=BaseModel)
Token = TypeVar("Token")

_TRIAL = "The sky is blue today"
_LOWEST = -1e30
"""llama.cpp writes the lowest float where a probability rounds to zero; that is no log-probability."""


class Scorer(ABC):
    """One way to score."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def check(self, prompts: Sequence[Prompt]) -> None:
        """Refuse prompts that this way cannot score.

        Raises:
            UsageError: If there are such.
        """
        return

    @abstractmethod
    async def score(self, client: openai.AsyncOpenAI, prompt: Prompt, continuation: str) -> Score:
        """Score one continuation.

        Raises:
            RowRefusedError: If this row cannot be scored.
            ModelError, DoubtfulError: If the server fails.
        """

    async def _ask(
        self, client: openai.AsyncOpenAI, path: str, body: dict[str, Any], shape: type[Shape]
    ) -> Shape:
        answer = await self._endpoint.ask(client, path, body)
        try:
            return shape.model_validate(answer)
        except ValidationError as error:
            raise self._endpoint.strange(answer) from error


class EchoTextScorer(Scorer):
    """Completions with echo, on a server that shows no tokenizer and no chat template: raw prompts only."""

    def check(self, prompts: Sequence[Prompt]) -> None:
        """Refuse chats, whose template is unknown."""
        if not all(prompt.raw for prompt in prompts):
            raise UsageError(
                f"The server at {self._endpoint.url} scores raw prompts only: it shows no chat template. Use "
                "Prompt.complete, a local model (hf:...), or a server with /tokenize, such as vLLM."
            )

    async def score(self, client: openai.AsyncOpenAI, prompt: Prompt, continuation: str) -> Score:
        """Score the tokens that begin at or after the end of the prompt."""
        refuse_pictures(prompt)
        head = raw_text(prompt)
        echoed = (await self._echo(client, head + continuation)).logprobs
        end = len(head) + len(continuation)
        own = [place for place, offset in enumerate(echoed.text_offset) if len(head) <= offset < end]
        if not own or echoed.text_offset[own[0]] != len(head):
            raise RowRefusedError(
                "The server joins the end of the prompt and the beginning of the answer into one token, so "
                "the answer alone has no log-probability. Move the space between them."
            )
        return Score(echoed.given(own))

    async def _echo(self, client: openai.AsyncOpenAI, prompt: str | list[int]) -> _EchoChoice:
        body = echo_request(self._endpoint.model, prompt)
        return (await self._ask(client, "/completions", body, _Echo)).choices[0]


class EchoScorer(EchoTextScorer):
    """Completions with echo, on a server with vLLM's /tokenize, which also applies the chat template."""

    def check(self, prompts: Sequence[Prompt]) -> None:
        """All prompts are fine."""
        return

    async def score(self, client: openai.AsyncOpenAI, prompt: Prompt, continuation: str) -> Score:
        """Score the tokens of the continuation behind those of the prompt."""
        refuse_pictures(prompt)
        if prompt.raw:
            text = raw_text(prompt)
            head = await self._tokens(client, {"prompt": text})
            own = tokens_behind(head, await self._tokens(client, {"prompt": text + continuation}))
        else:
            # A template may trim the text of its last turn, so the answer is never sent through it.
            head = await self._tokens(client, {"messages": messages(prompt), "add_generation_prompt": True})
            own = []
        own = own or await self._tokens(client, {"prompt": continuation, "add_special_tokens": False})
        echoed = (await self._echo(client, head + own)).logprobs
        return Score(echoed.given(range(len(head), len(head) + len(own))))

    async def _tokens(self, client: openai.AsyncOpenAI, body: dict[str, Any]) -> list[int]:
        path = f"{self._endpoint.root}/tokenize"
        return (await self._ask(client, path, {"model": self._endpoint.model, **body}, _Tokens)).tokens


class ForcedScorer(Scorer):
    """llama.cpp's own requests: the answer is generated under a grammar that allows nothing else."""

    async def score(self, client: openai.AsyncOpenAI, prompt: Prompt, continuation: str) -> Score:
        """Score the tokens that the grammar forces."""
        refuse_pictures(prompt)
        text = raw_text(prompt) if prompt.raw else await self._template(client, prompt)
        head = await self._tokens(client, text, whole=True)
        own = tokens_behind(head, await self._tokens(client, text + continuation, whole=True))
        own = own or await self._tokens(client, continuation, whole=False)
        if not all(isinstance(token.piece, str) for token in own):
            # A grammar of llama.cpp lets no part of a character through; asked to, the server answers 500.
            raise RowRefusedError(
                "The server cannot score an answer in which one character is made of several tokens."
            )
        path = f"{self._endpoint.root}/completion"
        forced = (await self._ask(client, path, forced_request(head, own), _Forced)).completion_probabilities
        if [token.id for token in forced] != [token.id for token in own]:
            raise RowRefusedError("The server did not generate the tokens of the answer that it was given.")
        if any(token.logprob < _LOWEST for token in forced):
            raise RowRefusedError("A token of the answer is so improbable that the server rounds it to zero.")
        return Score(tuple(token.logprob for token in forced))

    async def _template(self, client: openai.AsyncOpenAI, prompt: Prompt) -> str:
        path = f"{self._endpoint.root}/apply-template"
        return (await self._ask(client, path, {"messages": messages(prompt)}, _Templated)).prompt

    async def _tokens(self, client: openai.AsyncOpenAI, text: str, *, whole: bool) -> list[_Piece]:
        # llama.cpp takes the begin-of-text token out of a template's text where the tokenizer writes it.
        body = {"content": text, "add_special": whole, "parse_special": True, "with_pieces": True}
        return (await self._ask(client, f"{self._endpoint.root}/tokenize", body, _Pieces)).tokens


async def find_scorer(endpoint: Endpoint, client: openai.AsyncOpenAI) -> Scorer | None:
    """The way in which a server scores, found by trying; None if it does not.

    Raises:
        ModelError: If the server is down or refuses the key.
        DoubtfulError: If it breaks down.
    """
    echoed = _read(
        _Echo, await endpoint.try_post(client, "/completions", echo_request(endpoint.model, _TRIAL))
    )
    if echoed is not None and echoed.echoes(_TRIAL):
        trial: dict[str, Any] = {"model": endpoint.model, "prompt": _TRIAL}
        tokens = _read(_Tokens, await endpoint.try_post(client, f"{endpoint.root}/tokenize", trial))
        return EchoTextScorer(endpoint) if tokens is None else EchoScorer(endpoint)
    trial = {"content": _TRIAL, "with_pieces": True}
    pieces = _read(_Pieces, await endpoint.try_post(client, f"{endpoint.root}/tokenize", trial))
    if pieces is None:
        return None
    head, own = pieces.tokens[:1], pieces.tokens[1:]
    path = f"{endpoint.root}/completion"
    forced = _read(_Forced, await endpoint.try_post(client, path, forced_request(head, own)))
    # A llama.cpp from before grammars of tokens refuses, or generates something else.
    if forced is None or [token.id for token in forced.completion_probabilities] != [
        token.id for token in own
    ]:
        return None
    return ForcedScorer(endpoint)


def _read(shape: type[Shape], answer: object) -> Shape | None:
    try:
        return shape.model_validate(answer)
    except ValidationError:
        return None


def echo_request(model: str, prompt: str | list[int]) -> dict[str, Any]:
    """A completion that repeats its prompt, and one new token, since not every server takes none."""
    return {"model": model, "prompt": prompt, "echo": True, "logprobs": 1, "max_tokens": 1, "temperature": 0}


def forced_request(head: list[_Piece], own: list[_Piece]) -> dict[str, Any]:
    """A completion of llama.cpp that can only emit the given tokens."""
    return {
        "prompt": [token.id for token in head],
        "n_predict": len(own),
        "grammar": "root ::= " + " ".join(f"<[{token.id}]>" for token in own),
        "temperature": 0,
        "n_probs": 1,
        "cache_prompt": True,
    }


def tokens_behind(head: list[Token], whole: list[Token]) -> list[Token]:
    """The tokens of the whole behind the head; none where the seam falls inside a token.

    >>> tokens_behind([1, 2], [1, 2, 3]), tokens_behind([1, 2], [1, 9])
    ([3], [])
    """
    return whole[len(head) :] if whole[: len(head)] == head else []


def refuse_pictures(prompt: Prompt) -> None:
    """Fail a row that holds a picture.

    Raises:
        RowRefusedError: If it does.
    """
    if prompt.images:
        raise RowRefusedError("Servers score given answers to texts only, and this prompt holds a picture.")


class _Tokens(BaseModel):
    tokens: list[int]


class _Piece(BaseModel):
    """A token of llama.cpp; its text, or its bytes where they are no whole characters."""

    id: int
    piece: str | list[int]


class _Pieces(BaseModel):
    tokens: list[_Piece]


class _Templated(BaseModel):
    prompt: str


class _EchoLogProbs(BaseModel):
    token_logprobs: list[float | None]
    text_offset: list[int] = []

    def given(self, places: Sequence[int]) -> tuple[float, ...]:
        """The log-probabilities at these places.

        Raises:
            RowRefusedError: If one of them has none; the very first token of a text has nothing before it.
        """
        found = [self.token_logprobs[place] for place in places if place < len(self.token_logprobs)]
        known = tuple(log_prob for log_prob in found if log_prob is not None)
        if len(known) < len(places):
            raise RowRefusedError("The server tells no log-probability for a token of the answer.")
        return known


class _EchoChoice(BaseModel):
    text: str
    logprobs: _EchoLogProbs


class _Echo(BaseModel):
    choices: list[_EchoChoice]

    def echoes(self, text: str) -> bool:
        """Whether the prompt was repeated, with a log-probability of each token after the first."""
        if not self.choices or not self.choices[0].text.startswith(text):
            return False
        log_probs = self.choices[0].logprobs.token_logprobs
        return len(log_probs) > 2 and None not in log_probs[1:]


class _ForcedToken(BaseModel):
    id: int
    logprob: float


class _Forced(BaseModel):
    completion_probabilities: list[_ForcedToken]
