"""Decoding and scoring of token rows with a causal language model: the inner loop, in batches.

This module knows token ids and tensors only; templates, texts and batches are decided above. It exists beside
`generate` of transformers because a finished row should cost nothing more: rows leave the batch as they end,
the common beginning of a batch (system prompt, few-shot examples) is computed once for all rows, and n
samples share one prefill.

Shapes: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levelhead.models._batching import common_prefix

if TYPE_CHECKING:
    import torch

    from levelhead.models._model import Sampling

_SHORTEST_SHARED_PREFIX = 8
"""A shorter common beginning is cheaper to compute again than to copy."""
_NUCLEUS_TRIED = 1024
"""So many tokens nearly always hold the nucleus."""


@dataclass(slots=True)
class Emitted:
    """Tokens that one row emitted, the end-of-turn token left out.

    Attributes:
        tokens: Token ids.
        log_probs: Natural-log probability of each, under the model's own distribution (before temperature and
            nucleus).
        ended: Whether the row ended by itself (end-of-turn token or `stops`), not at the limit.
    """

    tokens: list[int]
    log_probs: list[float]
    ended: bool = False


class Decoder:
    """A causal language model that continues and scores rows of token ids.

    Args:
        model: A transformers causal language model in evaluation mode.
        end_ids: Token ids that end a turn.
    """

    def __init__(self, model: Any, end_ids: frozenset[int]) -> None:
        self._model = model
        self._end_ids = end_ids
        self._prefix: tuple[tuple[int, ...], Any] | None = None
        # transformers 5.24 gave the argument a new name.
        forward = inspect.signature(model.forward).parameters
        self._cache_word = "cache" if "cache" in forward else "past_key_values"

    def decode(
        self,
        rows: Sequence[list[int]],
        sampling: Sampling,
        stops: Callable[[list[int]], bool],
        reshape: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> list[list[Emitted]]:
        """Continue each row.

        Args:
            rows: B rows of token ids.
            sampling: How tokens are drawn; `sampling.stop` is left to `stops`.
            stops: Asked with the tokens emitted so far whether the row is done; called after every token.
            reshape: Changes the logits (living rows, V) of a step before a token is chosen from them. It may
                look at all rows, and then has to see to it that they end together.

        Returns:
            For each row its `sampling.n` continuations.
        """
        import torch

        with torch.inference_mode():
            logits, cache, mask = self._prefill(rows)
            if sampling.n > 1:
                cache.batch_repeat_interleave(sampling.n)
                logits, mask = (x.repeat_interleave(sampling.n, dim=0) for x in (logits, mask))
            emitted = [Emitted([], []) for _ in range(len(rows) * sampling.n)]
            choose = _chooser(rows, sampling)
            alive = list(range(len(emitted)))
            for step in range(sampling.max_new_tokens):
                last = logits[:, -1].float()  # (B, V)
                tokens, log_probs = choose(last if reshape is None else reshape(last), alive, step)
                going = self._take(tokens, log_probs, alive, emitted, stops)
                if not going or step + 1 == sampling.max_new_tokens:
                    break
                if len(going) < len(alive):
                    kept = torch.tensor(going, device=mask.device)
                    cache.batch_select_indices(kept)
                    tokens, mask = tokens[kept], mask[kept]
                    alive = [alive[place] for place in going]
                mask = torch.cat([mask, mask.new_ones(len(alive), 1)], dim=1)  # (B, T + 1)
                logits = self._model(
                    input_ids=tokens[:, None],
                    attention_mask=mask,
                    position_ids=mask.sum(dim=1, keepdim=True) - 1,
                    **{self._cache_word: cache},
                    use_cache=True,
                ).logits  # (B, 1, V)
        return [emitted[at : at + sampling.n] for at in range(0, len(emitted), sampling.n)]

    def score(
        self, heads: Sequence[list[int]], continuations: Sequence[Sequence[list[int]]]
    ) -> list[list[list[float]]]:
        """Log-probabilities of continuations; a head is read once for all of its own.

        Args:
            heads: H rows of token ids, different ones.
            continuations: For each head its continuations, each of at least one token.

        Returns:
            For each head and continuation the natural-log probability of each token.
        """
        import torch

        with torch.inference_mode():
            return self._score_after(*self._prefill(heads), continuations)

    def score_encoded(
        self, inputs: Mapping[str, Any], continuations: Sequence[Sequence[list[int]]]
    ) -> list[list[list[float]]]:
        """The same for heads that a processor has encoded, pictures among them.

        Args:
            inputs: Of H rows of one length, without padding. Families differ in how padding and pictures move
                positions; where no mask is given, a model finds those of what follows by itself.
            continuations: For each row as many as for the others, so that what a model keeps of a row beside
                the cache can be repeated.
        """
        import torch

        whole = {name: tensor for name, tensor in inputs.items() if name != "attention_mask"}
        with torch.inference_mode():
            output = self._model(**whole, use_cache=True, logits_to_keep=1)
            return self._score_after(output.logits, getattr(output, self._cache_word), None, continuations)

    def _score_after(
        self,
        logits: torch.Tensor,
        cache: Any,
        mask: torch.Tensor | None,
        continuations: Sequence[Sequence[list[int]]],
    ) -> list[list[list[float]]]:
        """Score what follows on heads, given as `_prefill` returns them; None stands for no padding."""
        import torch

        flat = [tokens for own in continuations for tokens in own]  # R rows
        owners = torch.tensor(
            [head for head, own in enumerate(continuations) for _ in own], device=logits.device
        )
        width = max(len(tokens) for tokens in flat) - 1  # the last token is predicted, never read
        logits = logits[owners]  # (R, 1, V)
        if width:
            cache.batch_select_indices(owners)
            ids = torch.tensor(
                [tokens[:-1] + tokens[-1:] * (width + 1 - len(tokens)) for tokens in flat],
                device=logits.device,
            )  # (R, width), padded on the right with what nobody looks at
            places = {} if mask is None else _places_after(mask[owners], width)
            later = self._model(
                input_ids=ids, **places, **{self._cache_word: cache}, use_cache=True
            ).logits  # (R, width, V)
            logits = torch.cat([logits, later], dim=1)
        scores = iter([_token_log_probs(row, tokens) for row, tokens in zip(logits, flat, strict=True)])
        return [[next(scores) for _ in own] for own in continuations]

    def _take(
        self,
        tokens: torch.Tensor,
        log_probs: torch.Tensor,
        alive: list[int],
        emitted: list[Emitted],
        stops: Callable[[list[int]], bool],
    ) -> list[int]:
        """Record one chosen token per living row and return the places of those that go on."""
        going = []
        for place, (token, log_prob) in enumerate(zip(tokens.tolist(), log_probs.tolist(), strict=True)):
            row = emitted[alive[place]]
            if token in self._end_ids:
                row.ended = True
                continue
            row.tokens.append(token)
            row.log_probs.append(log_prob)
            row.ended = stops(row.tokens)
            if not row.ended:
                going.append(place)
        return going

    def _prefill(self, rows: Sequence[list[int]]) -> tuple[torch.Tensor, Any, torch.Tensor]:
        """Read the rows up to their ends.

        Returns:
            Logits of the last position (B, 1, V), the key-value cache, and the attention mask (B, T): the
            shared prefix, then padding on the left of what is each row's own.
        """
        import torch
        from transformers import DynamicCache

        shared = common_prefix(rows) if len(rows) > 1 else 0
        if shared < _SHORTEST_SHARED_PREFIX:
            shared = 0
        if shared:
            cache = copy.deepcopy(self._prefix_cache(tuple(rows[0][:shared])))
            cache.batch_repeat_interleave(len(rows))
        else:
            cache = DynamicCache(config=self._model.config)
        own = [row[shared:] for row in rows]
        width = max(len(row) for row in own)
        filler = min(self._end_ids, default=0)  # masked, so any id does
        device = self._model.device
        ids = torch.tensor([[filler] * (width - len(row)) + row for row in own], device=device)  # (B, width)
        mask = torch.tensor(
            [[1] * shared + [0] * (width - len(row)) + [1] * len(row) for row in own], device=device
        )  # (B, shared + width)
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0)[:, shared:],
            **{self._cache_word: cache},
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits, cache, mask

    def _prefix_cache(self, prefix: tuple[int, ...]) -> Any:
        """The key-value cache of a shared beginning; the last one is kept for the next batch."""
        import torch
        from transformers import DynamicCache

        if self._prefix is None or self._prefix[0] != prefix:
            cache = DynamicCache(config=self._model.config)
            self._model(
                input_ids=torch.tensor([prefix], device=self._model.device),
                **{self._cache_word: cache},
                use_cache=True,
                logits_to_keep=1,
            )
            self._prefix = (prefix, cache)
        return self._prefix[1]


def _places_after(mask: torch.Tensor, width: int) -> dict[str, torch.Tensor]:
    """Attention mask and positions of `width` tokens that follow on padded rows (R, T)."""
    import torch

    later = mask.new_ones(len(mask), width)
    return {
        "attention_mask": torch.cat([mask, later], dim=1),
        "position_ids": mask.sum(dim=1, keepdim=True) + torch.arange(width, device=mask.device),
    }


def _token_log_probs(logits: torch.Tensor, tokens: list[int]) -> list[float]:
    """Log-probability of each token under the logits before it (at least len(tokens), V)."""
    import torch

    distribution = logits[: len(tokens)].float().log_softmax(dim=-1)
    targets = torch.tensor(tokens, device=logits.device)
    log_probs: list[float] = distribution.gather(1, targets[:, None])[:, 0].tolist()
    return log_probs


def _chooser(
    rows: Sequence[list[int]], sampling: Sampling
) -> Callable[[torch.Tensor, list[int], int], tuple[torch.Tensor, torch.Tensor]]:
    """How the next token is chosen: (logits (B, V), living rows, step) -> (tokens (B,), log-probs (B,))."""
    import torch

    def greedy(logits: torch.Tensor, alive: list[int], step: int) -> tuple[torch.Tensor, torch.Tensor]:
        best, tokens = logits.max(dim=-1)
        return tokens, best - logits.logsumexp(dim=-1)

    if sampling.temperature == 0:
        return greedy
    # One stream of random numbers per (seed, prompt, sample): a draw does not depend on the neighbours in the
    # batch.
    uniforms = torch.stack([_stream(row, sample, sampling) for row in rows for sample in range(sampling.n)])

    def sample(logits: torch.Tensor, alive: list[int], step: int) -> tuple[torch.Tensor, torch.Tensor]:
        chances = (logits / sampling.temperature).softmax(dim=-1)
        draw = uniforms[alive, step].to(chances.device)[:, None]
        tokens = (
            _drawn(chances, draw) if sampling.top_p == 1 else _drawn_of_nucleus(chances, draw, sampling.top_p)
        )
        return tokens[:, 0], logits.log_softmax(dim=-1).gather(1, tokens)[:, 0]

    return sample


def _drawn(chances: torch.Tensor, draw: torch.Tensor) -> torch.Tensor:
    """The places (B, 1) that uniform numbers (B, 1) fall on, of chances (B, K) that need not add up to 1."""
    total = chances.cumsum(dim=-1)
    # The last place with any chance: rounding must not push a draw behind it.
    last = (total < total[:, -1:]).sum(dim=-1, keepdim=True)
    return (total <= draw * total[:, -1:]).sum(dim=-1, keepdim=True).minimum(last)


def _drawn_of_nucleus(chances: torch.Tensor, draw: torch.Tensor, top_p: float) -> torch.Tensor:
    """The same among the fewest tokens whose chances reach `top_p`."""
    ranked, order = chances.topk(min(_NUCLEUS_TRIED, chances.shape[1]))
    if bool((ranked.sum(dim=-1) < top_p).any()):
        # Sorting the whole vocabulary costs a good part of the model's step, so it is not done first.
        ranked, order = chances.sort(dim=-1, descending=True)
    before = ranked.cumsum(dim=-1) - ranked
    return order.gather(1, _drawn(ranked * (before < top_p), draw))


def _stream(row: Sequence[int], sample: int, sampling: Sampling) -> torch.Tensor:
    """Uniform numbers in [0, 1) for one sample of one row, (max_new_tokens,)."""
    import torch

    digest = hashlib.sha256(f"{sampling.seed}/{sample}/{list(row)}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return torch.rand(sampling.max_new_tokens, generator=generator)
