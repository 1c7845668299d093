"""Vision-language models on transformers, through their own processor and chat template.

Families differ in how pictures become tokens and positions, so generation is left to `generate` of
transformers; log-probabilities are recorded on the way. Rows with and without pictures are never in one
batch. Where several continuations of one prompt are scored, its pictures are read once.

Shapes: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levelhead.errors import ImageError, UsageError
from levelhead.models._batching import plan_batches
from levelhead.models._checkpoint import Checkpoint
from levelhead.models._decode import Decoder
from levelhead.models._local import BATCH_TOKENS, LocalModel
from levelhead.models._model import Sampling, check_pairs
from levelhead.models._picture_texts import PictureTexts
from levelhead.models._recorder import Recorder
from levelhead.models._texts import cut_at_stop, tokens_after, tokens_before
from levelhead.records import Prompt, Reply, Score

if TYPE_CHECKING:
    import torch
    from PIL import Image as PILImage

    from levelhead.models._contrast import Contrast

_BATCH_ROWS = 8
"""Pictures are hundreds of tokens each; past this a CPU gains little and memory grows fast."""


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
        self._texts = PictureTexts(self._processor, checkpoint.name)
        self._decoder = Decoder(self._model, self._end_ids)

    def iter_generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[list[tuple[int, list[Reply]]]]:
        rows = max(1, self._batch_rows // sampling.n)
        for batch in self._batches(prompts, self._texts.of(prompts), rows=rows, room=sampling.max_new_tokens):
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
        texts, count, room = self._texts.of(both), len(prompts), sampling.max_new_tokens
        # A pair is two rows of a batch.
        lengths = [2 * length for length in self._texts.lengths(prompts, texts[:count], room)]
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
        heads = self._texts.of(prompts)
        for groups in self._planned_scores(prompts, heads, continuations):
            scored = self._score_shared(groups, prompts, heads, continuations) if len(groups[0]) > 1 else None
            indices = [index for group in groups for index in group]
            yield scored or self._score_wholes(indices, prompts, heads, continuations)

    def _score_shared(
        self,
        groups: list[list[int]],
        prompts: Sequence[Prompt],
        heads: Sequence[str],
        continuations: Sequence[str],
    ) -> list[tuple[int, Score]] | None:
        """Score the continuations of prompts that are read once each; None if that cannot be done."""
        own = {
            group[0]: [self._tokens_after(heads[index], continuations[index]) for index in group]
            for group in groups
        }
        room = max(len(tokens) for several in own.values() for tokens in several)
        batch = self._encode_rows(list(own), prompts, heads, room)
        members = {group[0]: group for group in groups}
        scores = [(index, Score((), why)) for first, why in batch.failed for index in members[first]]
        if not batch.indices:
            return scores
        if not _can_be_shared(batch.inputs):
            return None
        log_probs = self._decoder.score_encoded(batch.inputs, [own[first] for first in batch.indices])
        return scores + [
            (index, Score(tuple(one)))
            for first, several in zip(batch.indices, log_probs, strict=True)
            for index, one in zip(members[first], several, strict=True)
        ]

    def _tokens_after(self, head: str, continuation: str) -> list[int]:
        whole, before = (
            self._tokenizer(text, add_special_tokens=False)["input_ids"]
            for text in (head + continuation, head)
        )
        return tokens_after(self._tokenizer, before, whole, continuation)

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
        yield from self._planned(prompts, self._texts.of(prompts), rows=rows, room=sampling.max_new_tokens)

    def plan_score(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> Iterator[list[int]]:
        for groups in self._planned_scores(prompts, self._texts.of(prompts), continuations):
            yield sorted(index for group in groups for index in group)

    def _planned_scores(
        self, prompts: Sequence[Prompt], heads: Sequence[str], continuations: Sequence[str]
    ) -> Iterator[list[list[int]]]:
        """Batches of groups; a group is the places of one prompt, which is read once for all of them.

        Groups of a batch have one size and, if that is more than one, the same length as far as can be told.
        A prompt with more continuations than a batch has rows is in several groups.
        """
        places: dict[Prompt, list[int]] = {}
        for index, prompt in enumerate(prompts):
            places.setdefault(prompt, []).append(index)
        groups = [
            own[at : at + self._batch_rows]
            for own in places.values()
            for at in range(0, len(own), self._batch_rows)
        ]
        wholes = [
            heads[group[0]] + max((continuations[index] for index in group), key=len) for group in groups
        ]
        asked = [prompts[group[0]] for group in groups]
        lengths = self._texts.lengths(asked, [heads[group[0]] for group in groups], 0)
        alike: dict[tuple[bool, int, int], list[int]] = {}
        for place, group in enumerate(groups):
            length = lengths[place] if len(group) > 1 else 0
            alike.setdefault((bool(asked[place].images), len(group), length), []).append(place)
        costs = self._texts.lengths(asked, wholes, 0)
        for (_, size, _), own in sorted(alike.items(), reverse=True):
            rows = max(1, self._batch_rows // size)
            sizes = [size * costs[place] for place in own]
            for batch in plan_batches(sizes, max_tokens=BATCH_TOKENS, max_rows=rows):
                yield [groups[own[place]] for place in batch]

    def _planned(
        self, prompts: Sequence[Prompt], texts: Sequence[str], *, rows: int, room: int
    ) -> Iterator[list[int]]:
        """The places of each batch, rows with pictures apart from those without."""
        lengths = self._texts.lengths(prompts, texts, room)
        for with_pictures in (True, False):
            group = [index for index, prompt in enumerate(prompts) if bool(prompt.images) == with_pictures]
            group_lengths = [lengths[index] for index in group]
            for places in plan_batches(group_lengths, max_tokens=BATCH_TOKENS, max_rows=rows):
                yield [group[place] for place in places]

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
        batch.inputs = self._encoded([texts[index] for index in batch.indices], batch.pictures)
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

    def _encoded(self, texts: Sequence[str], pictures: Sequence[list[PILImage.Image]]) -> Any:
        return self._texts.encode(texts, pictures).to(self._model.device, dtype=self._model.dtype)

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

    def _score_wholes(
        self,
        indices: list[int],
        prompts: Sequence[Prompt],
        heads: Sequence[str],
        continuations: Sequence[str],
    ) -> list[tuple[int, Score]]:
        """Score continuations in rows of prompt and continuation."""
        texts = [head + continuation for head, continuation in zip(heads, continuations, strict=True)]
        batch = self._encode_rows(indices, prompts, texts, room=0)
        failed = [(index, Score((), why)) for index, why in batch.failed]
        if not batch.indices:
            return failed
        scores = self._score(batch, [heads[index] for index in batch.indices])
        return failed + list(zip(batch.indices, scores, strict=True))

    def _score(self, batch: _Batch, heads: Sequence[str]) -> list[Score]:
        """Score the continuations in a batch of prompts with continuations; `heads` are the prompts alone."""
        import torch

        wholes, prompts = batch.inputs, self._encoded(heads, batch.pictures)
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


def _can_be_shared(inputs: Any) -> bool:
    """Whether continuations can be scored behind the cache of some rows.

    They cannot behind padding, nor where text attends to pictures by layers of its own, which take a mask for
    each token.
    """
    return bool(inputs["attention_mask"].all()) and "cross_attention_mask" not in inputs


def _batch_seed(input_ids: torch.Tensor, seed: int) -> int:
    """A seed of the whole batch: `generate` draws from one stream for all rows."""
    digest = hashlib.sha256(f"{seed}/{input_ids.tolist()}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
