"""Vision-language models on transformers, through their own processor and chat template.

Families differ in how pictures become tokens and positions, so generation is left to `generate` of
transformers; log-probabilities are recorded on the way. Rows with and without pictures are never in one
batch.

Shapes: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levelhead.errors import ImageError, UsageError
from levelhead.models._batching import plan_batches
from levelhead.models._checkpoint import (
    Checkpoint,
    cut_at_stop,
    raw_text,
    require_template,
    tokens_before,
)
from levelhead.models._local import BATCH_TOKENS, LocalModel
from levelhead.models._model import Sampling, check_pairs
from levelhead.models._recorder import Recorder
from levelhead.records import Prompt, Reply, Score

if TYPE_CHECKING:
    import torch
    from PIL import Image as PILImage

    from levelhead.models._contrast import Contrast

_BATCH_ROWS = 8
"""Pictures are hundreds of tokens each; past this a CPU gains little and memory grows fast."""
_TOKENS_OF_A_PICTURE = 576
"""A guess for planning only: the processors of the families do not tell before they run."""


class VisionModel(LocalModel):
    """A transformers image-text-to-text model."""

    sees = True

    def __init__(
        self, checkpoint: Checkpoint, *, weights: Any = None, fingerprint: str | None = None
    ) -> None:
        import transformers

        try:
            self._processor = transformers.AutoProcessor.from_pretrained(checkpoint.location)
        except ImportError as error:
            reason = str(error).strip().splitlines()[0]
            raise UsageError(
                f"The processor of {checkpoint.name} cannot be loaded: {reason} Install what it names (often "
                "torchvision, in the version that goes with the installed torch)."
            ) from error
        tokenizer = self._processor.tokenizer
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        super().__init__(
            checkpoint, tokenizer, batch_rows=_BATCH_ROWS, weights=weights, fingerprint=fingerprint
        )

    def iter_generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        rows = max(1, self._batch_rows // sampling.n)
        for batch in self._batches(prompts, self._texts(prompts), rows=rows, room=sampling.max_new_tokens):
            if batch.failed:
                yield [(index, [Reply.failed(why)] * sampling.n) for index, why in batch.failed]
            if batch.indices:
                yield list(zip(batch.indices, self._generate(batch.inputs, sampling), strict=True))

    def iter_contrast(
        self,
        prompts: Sequence[Prompt],
        blanks: Sequence[Prompt],
        sampling: Sampling,
        contrast: Contrast,
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        both = [*prompts, *blanks]
        texts, count, room = self._texts(both), len(prompts), sampling.max_new_tokens
        # A pair is two rows of a batch.
        lengths = [2 * length for length in self._lengths(prompts, texts[:count], room)]
        rows = max(1, self._batch_rows // 2)
        for places in plan_batches(lengths, max_tokens=BATCH_TOKENS, max_rows=rows):
            batch = self._encode_rows([*places, *(count + place for place in places)], both, texts, room)
            if batch.failed:
                failed = {index % count: why for index, why in batch.failed}
                yield [(index, [Reply.failed(why)]) for index, why in failed.items()]
                places = [place for place in places if place not in failed]
                batch = self._encode_rows([*places, *(count + place for place in places)], both, texts, room)
            if places:
                replies = self._generate(batch.inputs, sampling, contrast)
                yield list(zip(places, replies[: len(places)], strict=True))

    def iter_score(
        self, prompts: Sequence[Prompt], continuations: Sequence[str]
    ) -> Iterator[list[tuple[int, Score]]]:
        check_pairs(prompts, continuations)
        heads = self._texts(prompts)
        wholes = [head + continuation for head, continuation in zip(heads, continuations, strict=True)]
        for batch in self._batches(prompts, wholes, rows=self._batch_rows, room=0):
            if batch.failed:
                yield [(index, Score((), why)) for index, why in batch.failed]
            if batch.indices:
                scores = self._score(batch, [heads[index] for index in batch.indices])
                yield list(zip(batch.indices, scores, strict=True))

    def _batches(
        self, prompts: Sequence[Prompt], texts: Sequence[str], *, rows: int, room: int
    ) -> Iterator[_Batch]:
        """Cut prompts into encoded batches, rows with pictures apart from those without.

        Args:
            prompts: Where the pictures come from.
            texts: What is encoded, one text per prompt.
            rows: Most rows in a batch.
            room: Tokens kept free in the context for the answer.
        """
        for indices in self._planned(prompts, texts, rows=rows, room=room):
            yield self._encode_rows(indices, prompts, texts, room)

    def plan_generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[list[int]]:
        rows = max(1, self._batch_rows // sampling.n)
        yield from self._planned(prompts, self._texts(prompts), rows=rows, room=sampling.max_new_tokens)

    def plan_score(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> Iterator[list[int]]:
        wholes = [head + own for head, own in zip(self._texts(prompts), continuations, strict=True)]
        yield from self._planned(prompts, wholes, rows=self._batch_rows, room=0)

    def _planned(
        self, prompts: Sequence[Prompt], texts: Sequence[str], *, rows: int, room: int
    ) -> Iterator[list[int]]:
        """The places of each batch, rows with pictures apart from those without."""
        lengths = self._lengths(prompts, texts, room)
        for with_pictures in (True, False):
            group = [index for index, prompt in enumerate(prompts) if bool(prompt.images) == with_pictures]
            group_lengths = [lengths[index] for index in group]
            for places in plan_batches(group_lengths, max_tokens=BATCH_TOKENS, max_rows=rows):
                yield [group[place] for place in places]

    def _lengths(self, prompts: Sequence[Prompt], texts: Sequence[str], room: int) -> list[int]:
        """Tokens of each row, as far as can be told before the processor runs."""
        return [
            len(self._tokenizer(text)["input_ids"]) + _TOKENS_OF_A_PICTURE * len(prompt.images) + room
            for text, prompt in zip(texts, prompts, strict=True)
        ]

    def _encode_rows(
        self, indices: list[int], prompts: Sequence[Prompt], texts: Sequence[str], room: int
    ) -> _Batch:
        """Decode the pictures of some rows and encode them; rows that cannot be asked are set apart."""
        batch = _Batch()
        for index in indices:
            try:
                batch.pictures.append([image.decode() for image in prompts[index].images])
                batch.indices.append(index)
            except ImageError as error:
                batch.failed.append((index, str(error)))
        if not batch.indices:
            return batch
        batch.inputs = self._encode([texts[index] for index in batch.indices], batch.pictures)
        sizes = batch.inputs["attention_mask"].sum(dim=1).tolist()
        long = {
            index: size
            for index, size in zip(batch.indices, sizes, strict=True)
            if size + room > self._context
        }
        if long:
            batch = self._encode_rows([index for index in indices if index not in long], prompts, texts, room)
            batch.failed += [(index, self._too_long(size, room)) for index, size in long.items()]
        return batch

    def _texts(self, prompts: Sequence[Prompt]) -> list[str]:
        require_template(self._processor, self.name, prompts)
        return [
            self._mark(prompt)
            if prompt.raw
            else self._processor.apply_chat_template(
                self._messages(prompt), tokenize=False, add_generation_prompt=True
            )
            for prompt in prompts
        ]

    def _mark(self, prompt: Prompt) -> str:
        """A raw prompt, its pictures first."""
        # Some tokenizers have a beginning but do not write it, and their models were trained without.
        writes_it = self._tokenizer("")["input_ids"][:1] == [self._tokenizer.bos_token_id]
        begin = self._tokenizer.bos_token if writes_it else ""
        return begin + self._image_token * len(prompt.images) + self._harmless(raw_text(prompt))

    @property
    def _image_token(self) -> str:
        token: str = self._processor.image_token
        return token

    def _harmless(self, text: str) -> str:
        """Break up image markers in a user's words, which would be taken for pictures."""
        token = self._image_token
        return text.replace(token, f"{token[0]} {token[1:]}")

    def _messages(self, prompt: Prompt) -> list[dict[str, object]]:
        first = next(index for index, turn in enumerate(prompt.turns) if turn.role == "user")
        messages: list[dict[str, object]] = []
        for index, turn in enumerate(prompt.turns):
            content: list[dict[str, str]] = [{"type": "image"}] * (
                len(prompt.images) if index == first else 0
            )
            messages.append(
                {
                    "role": turn.role,
                    "content": [*content, {"type": "text", "text": self._harmless(turn.text)}],
                }
            )
        return messages

    def _encode(self, texts: Sequence[str], pictures: Sequence[list[PILImage.Image]]) -> Any:
        """Tensors of a batch, padded on the left so that all rows end together."""
        inputs = self._processor(
            text=list(texts),
            **({"images": list(pictures)} if any(pictures) else {}),
            padding=True,
            padding_side="left",
            add_special_tokens=False,
            return_tensors="pt",
        )
        return inputs.to(self._model.device, dtype=self._model.dtype)

    def _generate(
        self, inputs: Any, sampling: Sampling, contrast: Contrast | None = None
    ) -> list[list[Reply]]:
        """Answer an encoded batch; with a contrast, its second half are the blank twins of the first."""
        import torch
        from transformers import GenerationConfig

        width = inputs["input_ids"].shape[1]
        recorder = Recorder(self._tokenizer, width, sampling.stop)
        config = GenerationConfig(
            do_sample=sampling.temperature > 0,
            temperature=sampling.temperature or None,
            top_p=sampling.top_p if sampling.temperature else None,
            top_k=0 if sampling.temperature else None,
            max_new_tokens=sampling.max_new_tokens,
            num_return_sequences=sampling.n,
            eos_token_id=sorted(self._end_ids),
            pad_token_id=self._tokenizer.pad_token_id,
        )
        processors = (
            [] if contrast is None else [lambda ids, logits: contrast.apply_to_halves(logits.float())]
        )
        with torch.inference_mode(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(_batch_seed(inputs["input_ids"], sampling.seed))
            output = self._model.generate(
                **inputs,
                generation_config=config,
                logits_processor=[*processors, recorder.see_logits],
                stopping_criteria=[recorder.see_tokens],
            )  # (B * n, T)
        replies = [
            self._reply(row[width:].tolist(), log_probs, sampling)
            for row, log_probs in zip(output, recorder.log_probs(), strict=True)
        ]
        return [replies[at : at + sampling.n] for at in range(0, len(replies), sampling.n)]

    def _reply(self, tokens: list[int], log_probs: list[float], sampling: Sampling) -> Reply:
        ends = [place for place, token in enumerate(tokens) if token in self._end_ids]
        ended = bool(ends)
        tokens = tokens[: ends[0]] if ends else tokens
        whole = self._tokenizer.decode(tokens, skip_special_tokens=True)
        text = cut_at_stop(whole, sampling.stop)
        count = len(tokens) if text == whole else tokens_before(self._tokenizer, tokens, text)
        return Reply(text, "stop" if ended or text != whole else "length", tuple(log_probs[:count]))

    def _score(self, batch: _Batch, heads: Sequence[str]) -> list[Score]:
        """Score the continuations in a batch of prompts with continuations; `heads` are the prompts alone."""
        import torch

        wholes, prompts = batch.inputs, self._encode(heads, batch.pictures)
        # How many of the last tokens are the continuation. Templates end in a token of their own, so the seam
        # is clean.
        lengths = (wholes["attention_mask"].sum(dim=1) - prompts["attention_mask"].sum(dim=1)).tolist()
        keep = max(lengths) + 1
        with torch.inference_mode():
            logits = self._model(**wholes, logits_to_keep=keep).logits  # (B, keep, V)
        scores = []
        for row, length, row_logits in zip(wholes["input_ids"], lengths, logits, strict=True):
            distribution = row_logits[-length - 1 : -1].float().log_softmax(dim=-1)  # (length, V)
            scores.append(Score(tuple(distribution.gather(1, row[-length:, None])[:, 0].tolist())))
        return scores


@dataclass(slots=True)
class _Batch:
    """Encoded rows, and those that could not be: their index and why."""

    indices: list[int] = field(default_factory=list)
    pictures: list[list[PILImage.Image]] = field(default_factory=list)
    inputs: Any = None
    failed: list[tuple[int, str]] = field(default_factory=list)


def _batch_seed(input_ids: torch.Tensor, seed: int) -> int:
    """A seed of the whole batch: `generate` draws from one stream for all rows."""
    digest = hashlib.sha256(f"{seed}/{input_ids.tolist()}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
