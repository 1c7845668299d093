"""What the audit log says of one decision, and of a person's mark on one.

By itself an entry holds hashes, categories and scores. The texts stand in it only on request.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self, TypeAlias

from levelhead.guard.gateway._decision import ACTIONS, Action, Decision, Stage

JUDGED: tuple[Action, ...] = ("allow", "rewrite", "block")
"""Actions that rest on a verdict, which a person can call right or wrong."""

INTERVENED: tuple[Action, ...] = ("rewrite", "block")
"""Actions that say: the original is harmful."""

MAX_NOTE_CHARACTERS = 2_000

JSONObject: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Contents:
    """The texts of a decision, which are kept only on request.

    Attributes:
        original: The text that was judged.
        released: What went on in its place; None if nothing did.
        question: What the text answers, where it is an answer.
    """

    original: str = field(repr=False)
    released: str | None = field(repr=False)
    question: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One decision as the log keeps it.

    Attributes:
        time: When, in seconds since 1970 by the wall clock, which may jump: rows are ordered by their
            sequence, never by this.
        request_id: Of the request that the text belongs to. Several entries share one.
        key_id: Name of the client's key, never the key; None where no keys are used.
        model: What the client asked for, so untrusted text.
        stage: Whether the text went to the model or came from it.
        action: What was decided.
        original_sha256: Hash of the text that was judged, in hexadecimal.
        released_sha256: Hash of what went on in its place; None if nothing did.
        p_harm: Probability that the original is harmful, 0..1; None if it was not judged.
        category: The kind of harm, where the detector tells one.
        reason: Why the text was not let through as it is, or was without a verdict.
        place: Where the text stood in the request or the reply.
        seconds: How long each step took.
        contents: The texts, only on request.

    Raises:
        ValueError: If the fields contradict each other.
    """

    time: float
    request_id: str
    key_id: str | None
    model: str
    stage: Stage
    action: Action
    original_sha256: str
    released_sha256: str | None
    p_harm: float | None = None
    category: str | None = None
    reason: str | None = None
    place: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    contents: Contents | None = None

    def __post_init__(self) -> None:
        if self.action not in ACTIONS or self.stage not in ("input", "output"):
            raise ValueError(f"There is no action {self.action!r} at a stage {self.stage!r}.")
        if (self.action in JUDGED) != self.inspected:
            raise ValueError("An AuditEntry has a p_harm exactly if the text was judged.")
        if not all(math.isfinite(number) for number in (self.time, *self.seconds.values())):
            raise ValueError("Times of an AuditEntry are finite numbers.")
        if self.contents is not None and (
            sha256_of(self.contents.original) != self.original_sha256
            or sha256_of(self.contents.released) != self.released_sha256
        ):
            raise ValueError("The hashes of an AuditEntry are those of its contents.")

    @property
    def inspected(self) -> bool:
        """Whether there is a verdict."""
        return self.p_harm is not None

    @classmethod
    def of(
        cls,
        decision: Decision,
        *,
        time: float,
        request_id: str,
        key_id: str | None,
        model: str,
        question: str | None = None,
        content: bool = False,
    ) -> Self:
        """The entry of a decision.

        Args:
            decision: What was decided.
            time: When, in seconds since 1970.
            request_id: Of the request.
            key_id: Name of the client's key.
            model: What the client asked for.
            question: What the text answers; kept only with `content`.
            content: Whether the texts are kept (`AuditSettings.content`).
        """
        kept = Contents(decision.original, decision.released, question) if content else None
        return cls(
            time=time,
            request_id=request_id,
            key_id=key_id,
            model=model,
            stage=decision.stage,
            action=decision.action,
            original_sha256=_sha256(decision.original),
            released_sha256=sha256_of(decision.released),
            p_harm=decision.p_harm,
            category=decision.category,
            reason=decision.reason,
            place=decision.place,
            seconds=dict(decision.seconds),
            contents=kept,
        )

    def to_json(self) -> JSONObject:
        """All but the contents, as plain data."""
        return {
            "time": self.time,
            "request_id": self.request_id,
            "key_id": self.key_id,
            "model": self.model,
            "stage": self.stage,
            "action": self.action,
            "category": self.category,
            "p_harm": self.p_harm,
            "inspected": self.inspected,
            "reason": self.reason,
            "place": self.place,
            "seconds": dict(self.seconds),
            "original_sha256": self.original_sha256,
            "released_sha256": self.released_sha256,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, object], contents: Mapping[str, object] | None) -> Self:
        """The entry that `to_json` wrote, and its contents where they were kept."""
        known = {name: value for name, value in body.items() if name in cls.__slots__}
        kept = None if contents is None else Contents(**contents)  # type: ignore[arg-type]
        return cls(**known, contents=kept)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a person says of a decision. The latest mark of a decision holds.

    Attributes:
        target: Sequence of the decision in the log.
        action: What had been decided.
        right: Whether the guard judged the original rightly; None takes an earlier mark back.
        note: Why, in the person's words.
        time: When, in seconds since 1970.

    Raises:
        ValueError: If the decision rests on no verdict, or the note is too long.
    """

    target: int
    action: Action
    right: bool | None
    note: str
    time: float

    def __post_init__(self) -> None:
        if self.action not in JUDGED:
            raise ValueError(f"Decision {self.target} rests on no verdict that could be right or wrong.")
        if len(self.note) > MAX_NOTE_CHARACTERS:
            raise ValueError(f"A note has at most {MAX_NOTE_CHARACTERS:,} characters.")

    def to_json(self) -> JSONObject:
        """The mark as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, object]) -> Self:
        """The mark that `to_json` wrote."""
        return cls(**{name: body[name] for name in cls.__slots__})  # type: ignore[arg-type]


def sha256_of(text: str | None) -> str | None:
    """Hash of a text in UTF-8, in hexadecimal; None for no text. Half a surrogate pair is hashed too."""
    return None if text is None else _sha256(text)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
