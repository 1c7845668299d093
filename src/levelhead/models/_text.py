"""Text models on transformers: prompts to token rows, batches through the decoder, tokens back to text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from levelhead.models._batching import plan_batches
from levelhead.models._checkpoint import Checkpoint
from levelhead.models._decode import Decoder, Emitted
from levelhead.models._local import BATCH_TOKENS, LocalModel
from levelhead.models._model import Sampling, check_pairs, check_pictures
from levelhead.models._texts import cut_at_stop, raw_text, require_template, tokens_after, tokens_before
from levelhead.records import Prompt, Reply, Score

if TYPE_CHECKING:
    from levelhead.models._contrast import Contrast

_BATCH_ROWS = 128
_LOGITS_COST = 4
"""A scored token weighs as much as so many others: its whole distribution over the vocabulary is held."""


class TextModel(LocalModel):
    """A causal language model that sees text only."""

    sees = False

    def __init__(
        self, checkpoint: Checkpoint, *, weights: Any = None, fingerprint: str | None = None
    ) -> None:
        import transformers

        tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint.location)
        super().__init__(
            checkpoint, tokenizer, batch_rows=_BATCH_ROWS, weights=weights, fingerprint=fingerprint
        )
        self._decoder = Decoder(self._model, self._end_ids)

    def iter_generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        check_pictures(self, prompts)
        rows = self._prompt_rows(prompts)
        left_out, batches = self._planned([len(row) for row in rows], sampling)
        if left_out:
            room = sampling.max_new_tokens
            yield [
                (index, [Reply.failed(self._too_long(len(rows[index]), room))] * sampling.n)
                for index in left_out
            ]
        for batch in batches:
            emitted = self._decoder.decode([rows[index] for index in batch], sampling, self._stops(sampling))
            yield [
                (index, [self._reply(row, sampling) for row in samples])
                for index, samples in zip(batch, emitted, strict=True)
            ]

    def plan_generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[list[int]]:
        left_out, batches = self._planned([len(row) for row in self._prompt_rows(prompts)], sampling)
        yield from [left_out] if left_out else []
        yield from batches

    def _planned(self, lengths: Sequence[int], sampling: Sampling) -> tuple[list[int], list[list[int]]]:
        """The places of prompts that are too long, and the batches of the others."""
        room = sampling.max_new_tokens
        fitting = [index for index, length in enumerate(lengths) if length + room <= self._context]
        costs = [(lengths[index] + room) * sampling.n for index in fitting]
        plan = plan_batches(costs, max_tokens=BATCH_TOKENS, max_rows=self._rows_of(sampling))
        left_out = sorted(set(range(len(lengths))) - set(fitting))
        return left_out, [[fitting[place] for place in places] for places in plan]

    def iter_contrast(
        self,
        prompts: Sequence[Prompt],
        blanks: Sequence[Prompt],
        sampling: Sampling,
        contrast: Contrast,
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        check_pictures(self, [*prompts, *blanks])
        pairs = list(zip(self._prompt_rows(prompts), self._prompt_rows(blanks), strict=True))
        sizes = [max(map(len, pair)) for pair in pairs]
        room = sampling.max_new_tokens
        fitting = [index for index, size in enumerate(sizes) if size + room <= self._context]
        for index in sorted(set(range(len(pairs))) - set(fitting)):
            yield [(index, [Reply.failed(self._too_long(sizes[index], room))])]
        # A pair is two rows of a batch.
        lengths = [2 * (sizes[index] + room) for index in fitting]
        for places in plan_batches(lengths, max_tokens=BATCH_TOKENS, max_rows=max(1, self._batch_rows // 2)):
            batch = [fitting[place] for place in places]
            rows = [pairs[index][half] for half in (0, 1) for index in batch]
            emitted = self._decoder.decode(rows, sampling, self._stops(sampling), contrast.apply_to_halves)
            yield [
                (index, [self._reply(row, sampling) for row in samples])
                for index, samples in zip(batch, emitted[: len(batch)], strict=True)
            ]

    def iter_score(
        self, prompts: Sequence[Prompt], continuations: Sequence[str]
    ) -> Iterator[list[tuple[int, Score]]]:
        check_pairs(prompts, continuations)
        check_pictures(self, prompts)
        too_long, batches = self._planned_scores(list(self._scored_rows(prompts, continuations)))
        for index, length in too_long.items():
            yield [(index, Score((), self._too_long(length, 0)))]
        for batch in batches:
            scores = self._decoder.score(
                [list(head) for head, _ in batch], [list(own.values()) for _, own in batch]
            )
            yield [
                (index, Score(tuple(score)))
                for (_, own), group_scores in zip(batch, scores, strict=True)
                for index, score in zip(own, group_scores, strict=True)
            ]

    def plan_score(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> Iterator[list[int]]:
        too_long, batches = self._planned_scores(list(self._scored_rows(prompts, continuations)))
        yield from [list(too_long)] if too_long else []
        for batch in batches:
            yield sorted(index for _, own in batch for index in own)

    def _planned_scores(
        self, rows: Sequence[tuple[list[int], list[int]]]
    ) -> tuple[dict[int, int], list[list[tuple[tuple[int, ...], dict[int, list[int]]]]]]:
        """The lengths of rows that are too long, by place, and the batches of the others.

        A batch holds the beginnings that are read once, each with what is scored after it, by place.
        """
        heads: dict[tuple[int, ...], dict[int, list[int]]] = {}
        too_long: dict[int, int] = {}
        for index, (head, own) in enumerate(rows):
            if len(head) + len(own) > self._context:
                too_long[index] = len(head) + len(own)
            else:
                heads.setdefault(tuple(head), {})[index] = own
        groups = list(heads.items())
        costs = [len(own) * (len(head) + _LOGITS_COST * max(map(len, own.values()))) for head, own in groups]
        plan = plan_batches(costs, max_tokens=BATCH_TOKENS, max_rows=self._batch_rows)
        return too_long, [[groups[place] for place in places] for places in plan]

    def _rows_of(self, sampling: Sampling) -> int:
        return max(1, self._batch_rows // sampling.n)

    def _texts(self, prompts: Sequence[Prompt]) -> list[str]:
        require_template(self._tokenizer, self.name, prompts)
        return [
            raw_text(prompt)
            if prompt.raw
            else self._tokenizer.apply_chat_template(
                [{"role": turn.role, "content": turn.text} for turn in prompt.turns],
                tokenize=False,
                add_generation_prompt=True,
            )
            for prompt in prompts
        ]

    def _token_rows(self, texts: Sequence[str], prompts: Sequence[Prompt]) -> list[list[int]]:
        # A template writes the special tokens itself; a raw prompt gets those the tokenizer wants.
        return [
            self._tokenizer(text, add_special_tokens=prompt.raw)["input_ids"]
            for text, prompt in zip(texts, prompts, strict=True)
        ]

    def _prompt_rows(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        return self._token_rows(self._texts(prompts), prompts)

    def _scored_rows(
        self, prompts: Sequence[Prompt], continuations: Sequence[str]
    ) -> Iterator[tuple[list[int], list[int]]]:
        """Tokens of each prompt and of its continuation."""
        texts = self._texts(prompts)
        heads = self._token_rows(texts, prompts)
        wholes = self._token_rows([a + b for a, b in zip(texts, continuations, strict=True)], prompts)
        for head, whole, continuation in zip(heads, wholes, continuations, strict=True):
            yield head, tokens_after(self._tokenizer, head, whole, continuation)

    def _stops(self, sampling: Sampling) -> Any:
        if not sampling.stop:
            return lambda tokens: False
        decode = self._tokenizer.decode
        return lambda tokens: any(stop in decode(tokens, skip_special_tokens=True) for stop in sampling.stop)

    def _reply(self, emitted: Emitted, sampling: Sampling) -> Reply:
        whole = self._tokenizer.decode(emitted.tokens, skip_special_tokens=True)
        text = cut_at_stop(whole, sampling.stop)
        log_probs = emitted.log_probs
        if text != whole:
            log_probs = log_probs[: tokens_before(self._tokenizer, emitted.tokens, text)]
        return Reply(text, "stop" if emitted.ended else "length", tuple(log_probs))
