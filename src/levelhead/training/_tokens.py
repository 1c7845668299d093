"""From a dialogue to the tokens that are trained on, and which of them are in the loss.

A dialogue becomes a row of pieces of text, each learned or only read. A piece is tokenized so that all before
it keeps its tokens, which is how a model meets it when it is asked: the tokens before a learned piece equal
those of the prompt. What shows the tokens in the loss and what makes the batches is the same code.

The labels are made here and not by TRL: its masks cover one kind of data each (a template with generation
marks, a prompt with one completion), and none covers raw text of several turns. For dialogues that both can
do, a test compares the two.

Shapes: B rows, T tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from levelhead.errors import UsageError
from levelhead.records import Turn
from levelhead.training._dialogues import Dialogue

if TYPE_CHECKING:
    import torch

IGNORED = -100
"""Label of a token that is not in the loss."""


@dataclass(frozen=True, slots=True)
class LossSpan:
    """Neighboring tokens that are all in the loss, or all not."""

    text: str
    in_loss: bool


@dataclass(frozen=True, slots=True)
class LossShare:
    """How many tokens there are, and how many of them are in the loss."""

    tokens: int
    in_loss: int

    @classmethod
    def of(cls, rows: Iterable[Encoded]) -> Self:
        """The share of some tokenized dialogues."""
        counts = [(len(row.token_ids), row.in_loss) for row in rows]
        return cls(sum(tokens for tokens, _ in counts), sum(in_loss for _, in_loss in counts))

    @property
    def share(self) -> float:
        """Share of the tokens that are in the loss, 0..1."""
        return self.in_loss / self.tokens if self.tokens else 0.0


@dataclass(frozen=True, slots=True)
class Piece:
    """Neighboring text that is learned as a whole or not."""

    text: str
    learned: bool


@dataclass(frozen=True, slots=True)
class Encoded:
    """The tokens of a dialogue and their labels, of the same length; pictures are not unfolded yet."""

    token_ids: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def in_loss(self) -> int:
        """Number of tokens in the loss."""
        return sum(label != IGNORED for label in self.labels)


class Encoder:
    """Tokenizes dialogues for one model.

    Args:
        owner: Its tokenizer, or its processor if it sees.
        name: What the user called the model.
        sees: Whether it takes pictures.
        ends: The tokens that end a turn; what a template writes behind them is not the model's to write.

    Attributes:
        owner: What was given.
        tokenizer: Its tokenizer.
    """

    def __init__(self, owner: Any, name: str, *, sees: bool, ends: Sequence[str]) -> None:
        self.tokenizer = owner.tokenizer if sees else owner
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.owner, self._name, self._sees, self._ends = owner, name, sees, ends

    def encode(self, dialogue: Dialogue) -> Encoded:
        """Tokenize a dialogue.

        Raises:
            UsageError: If it needs a chat template or eyes that the model does not have, the template drops
                or changes earlier turns, or no token of it would be learned.
        """
        token_ids: list[int] = []
        labels: list[int] = []
        text = ""
        for piece in self._pieces(dialogue):
            text += piece.text
            whole = self._tokens(text, special=dialogue.prompt.raw)
            if whole[: len(token_ids)] == token_ids:
                added = whole[len(token_ids) :]
            else:  # the seam lies inside a token of the whole
                added = self._tokens(piece.text, special=False)
            token_ids += added
            labels += added if piece.learned else [IGNORED] * len(added)
        encoded = Encoded(tuple(token_ids), tuple(labels))
        if not encoded.in_loss:
            raise UsageError(
                f"No token of the dialogue {dialogue.id} would be learned by {self._name}: its learned turns "
                "are empty, or its chat template drops them. Look at its data, or use raw dialogues."
            )
        return encoded

    def length(self, dialogue: Dialogue, encoded: Encoded) -> int:
        """Tokens of a dialogue, its pictures unfolded.

        Raises:
            ImageError: If a picture cannot be read.
        """
        if not dialogue.prompt.images:
            return len(encoded.token_ids)
        return int(self.collate([dialogue])["attention_mask"].sum())

    def spans(self, dialogue: Dialogue) -> list[LossSpan]:
        """The decoded tokens of a dialogue, neighbors of one kind together."""
        encoded = self.encode(dialogue)
        found: list[LossSpan] = []
        start = 0
        for end in range(1, len(encoded.labels) + 1):
            learned = encoded.labels[start] != IGNORED
            if end == len(encoded.labels) or (encoded.labels[end] != IGNORED) != learned:
                found.append(LossSpan(self.tokenizer.decode(encoded.token_ids[start:end]), learned))
                start = end
        return found

    def collate(self, dialogues: Sequence[Dialogue]) -> dict[str, torch.Tensor]:
        """A batch, padded on the right.

        Returns:
            `input_ids`, `attention_mask` and `labels` (B, T), and what a vision model wants beside them.
        """
        encoded = [self.encode(dialogue) for dialogue in dialogues]
        if self._sees:
            return self._collate_with_pictures(dialogues, encoded)
        import torch

        width = max(len(row.token_ids) for row in encoded)
        padding = self.tokenizer.pad_token_id

        def padded(rows: Sequence[Sequence[int]], value: int) -> torch.Tensor:
            return torch.tensor([[*row, *[value] * (width - len(row))] for row in rows])

        return {
            "input_ids": padded([row.token_ids for row in encoded], padding),
            "attention_mask": padded([[1] * len(row.token_ids) for row in encoded], 0),
            "labels": padded([row.labels for row in encoded], IGNORED),
        }

    def _collate_with_pictures(
        self, dialogues: Sequence[Dialogue], encoded: Sequence[Encoded]
    ) -> dict[str, torch.Tensor]:
        """The processor unfolds pictures into tokens; labels are laid from the end, where no picture is."""
        import torch

        pictures = [[image.decode() for image in dialogue.prompt.images] for dialogue in dialogues]
        batch = self.owner(
            text=["".join(piece.text for piece in self._pieces(dialogue)) for dialogue in dialogues],
            **({"images": pictures} if any(pictures) else {}),
            padding=True,
            padding_side="right",
            add_special_tokens=False,
            return_tensors="pt",
        )
        labels = torch.full_like(batch["input_ids"], IGNORED)
        for place, row in enumerate(encoded):
            length = int(batch["attention_mask"][place].sum())
            first = next(at for at, label in enumerate(row.labels) if label != IGNORED)
            own = len(row.labels) - first
            tail = batch["input_ids"][place, length - own : length]
            if tail.tolist() != list(row.token_ids[first:]):
                raise UsageError(
                    f"The processor of {self._name} tokenizes the dialogue {dialogues[place].id} otherwise "
                    "than its tokenizer alone, so its learned tokens cannot be found. Use a raw style."
                )
            labels[place, length - own : length] = torch.tensor(row.labels[first:])
        return {**batch, "labels": labels}

    def _pieces(self, dialogue: Dialogue) -> Iterator[Piece]:
        if dialogue.prompt.images and not self._sees:
            raise UsageError(
                f"The dialogue {dialogue.id} has a picture, and {self._name} is a text-only model. Tune a "
                "vision-language model, or leave the pictures out of the data."
            )
        if dialogue.prompt.raw:
            yield from self._raw_pieces(dialogue)
        elif self.owner.chat_template is None:
            raise UsageError(
                f"The model {self._name} has no chat template, so the chat dialogue {dialogue.id} cannot be "
                "written for it (it is probably a base model). Build the data with a raw style, such as "
                "--style completion."
            )
        else:
            yield from self._chat_pieces(dialogue)

    def _raw_pieces(self, dialogue: Dialogue) -> Iterator[Piece]:
        prompt = dialogue.prompt
        begin = ""
        if self._sees:
            begin = (self.tokenizer.bos_token or "") + self.owner.image_token * len(prompt.images)
        yield Piece(begin, learned=False)
        for place, turn in enumerate(prompt.turns):
            yield Piece(self._harmless(turn.text), learned=dialogue.learned(place))
        yield Piece(self.tokenizer.eos_token or "", learned=True)

    def _chat_pieces(self, dialogue: Dialogue) -> Iterator[Piece]:
        """Cut the rendered dialogue: a learned turn goes from its generation prompt to its end token."""
        turns = dialogue.prompt.turns
        whole = self._render(dialogue, len(turns), prompt=False)
        done = 0
        for place, turn in enumerate(turns):
            if not dialogue.learned(place):
                continue
            head = self._render(dialogue, place, prompt=True)
            start, end = len(head), self._end_of_turn(whole, len(head))
            own = self._harmless(turn.text).strip()
            if not whole.startswith(head) or start < done or own not in whole[start:end]:
                raise UsageError(
                    f"The chat template of {self._name} writes the dialogue {dialogue.id} otherwise than it "
                    "asks for an answer, so what is learned would differ from what is asked. Use a raw "
                    "style, such as --style completion."
                )
            yield Piece(whole[done:start], learned=False)
            yield Piece(whole[start:end], learned=True)
            done = end

    def _end_of_turn(self, text: str, start: int) -> int:
        """Where the first end token from `start` on ends; the end of the text if there is none."""
        ends = [place + len(end) for end in self._ends if (place := text.find(end, start)) >= 0]
        return min(ends, default=len(text))

    def _render(self, dialogue: Dialogue, count: int, *, prompt: bool) -> str:
        text: str = self.owner.apply_chat_template(
            self._messages(dialogue.prompt.turns[:count], len(dialogue.prompt.images)),
            tokenize=False,
            add_generation_prompt=prompt,
        )
        return text

    def _messages(self, turns: Sequence[Turn], pictures: int) -> list[Mapping[str, object]]:
        if not self._sees:
            return [{"role": turn.role, "content": turn.text} for turn in turns]
        first = next(place for place, turn in enumerate(turns) if turn.role == "user")
        return [
            {
                "role": turn.role,
                "content": [
                    *([{"type": "image"}] * pictures if place == first else []),
                    {"type": "text", "text": self._harmless(turn.text)},
                ],
            }
            for place, turn in enumerate(turns)
        ]

    def _harmless(self, text: str) -> str:
        """Break up image markers in somebody's words, which would be taken for pictures."""
        if not self._sees:
            return text
        token = self.owner.image_token
        return text.replace(token, f"{token[0]} {token[1:]}")

    def _tokens(self, text: str, *, special: bool) -> list[int]:
        tokens: list[int] = self.tokenizer(text, add_special_tokens=special and not self._sees)["input_ids"]
        return tokens


def show_loss(spans: Sequence[LossSpan]) -> str:
    """A dialogue for the terminal, its tokens in the loss between ⟦ and ⟧.

    >>> show_loss([LossSpan("Where is Oslo?", False), LossSpan(" Norway", True)])
    'Where is Oslo?⟦ Norway⟧'
    """
    return "".join(f"⟦{span.text}⟧" if span.in_loss else span.text for span in spans)
