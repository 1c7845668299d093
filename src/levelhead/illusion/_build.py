"""Build a set of pictures from questions: for each kind a blank one, a right one and up to five wrong ones.

A build can be killed at any moment and started again. Each file appears whole under its name (written aside,
then renamed), a picture that is already right is kept, and `metadata.jsonl` appears last: a folder with it is
complete. A picture that fails is listed and does not stop the others.
"""

from __future__ import annotations

import hashlib
import json
import time
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from levelhead.errors import RunFolderError, UsageError
from levelhead.illusion._cache import PictureCache
from levelhead.illusion._card import CARD, CARD_TITLE, write_card
from levelhead.illusion._plan import Missing, Plan, plan_set
from levelhead.illusion._questions import Question
from levelhead.illusion._recheck import Recheck
from levelhead.illusion._set import METADATA, PART, Row, replace_file, write_rows
from levelhead.illusion.pictures._kind import Outcome, Picture, PictureKind
from levelhead.illusion.pictures._kinds import make_kinds

FAILURES = "failures.jsonl"
"""Lists the pictures that failed; not there if none did."""
MISSING = "missing.jsonl"
"""Lists the answers of which a kind has no picture; not there if it has all."""

_SHA256_BYTES = 32


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that could not be made.

    Attributes:
        id: The id that its row would have.
        kind: Name of its kind.
        pictured: The answer that it should show.
        why: The reason.
    """

    id: str
    kind: str
    pictured: str
    why: str


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        questions: Questions in the set.
        pictures: Pictures in the set.
        written: Pictures that were not there yet, or were different.
        rates: By kind, pictures made per second, those from the cache left out.
        failures: Pictures that could not be made.
        missing: Answers of which a kind has no picture.
    """

    questions: int
    pictures: int
    written: int
    rates: Mapping[str, float]
    failures: tuple[Failure, ...]
    missing: tuple[Missing, ...]


def build(
    questions: Sequence[Question],
    out: Path,
    *,
    kinds: Sequence[str | PictureKind] = ("typographic",),
    seed: int = 0,
    cache: Path | None = None,
    recheck: Recheck | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BuildReport:
    """Write the pictures of questions as an ImageFolder.

    Args:
        questions: The questions, each with its own id.
        out: Folder of the set: a new or empty one, or one that an earlier build of the same questions left.
        kinds: How pictures are made, by names in `KINDS` or as `make_kinds` makes them.
        seed: Seed of the set. The same questions, kinds and seed give the same bytes.
        cache: Folder that keeps pictures which took time or money; None keeps none.
        recheck: What was found wrong in a sample of the questions, for the card.
        progress: Called with (pictures done, pictures in all) after each picture.

    Raises:
        UsageError: If a kind is unknown or has no picture, no question is given, an id repeats, or the folder
            is not ours.
        ModelError: If the model behind a kind fails as a whole. What was made until then is kept.
        RunFolderError: If the folder or the cache cannot be written.
    """
    made_kinds = resolve_kinds(kinds)
    plans, missing = plan_set(questions, made_kinds, seed)
    _check_folder(out, plans)
    workshop = _Workshop(out, len(plans), None if cache is None else PictureCache(cache))
    try:
        for kind in made_kinds:
            for _ in workshop.make([plan for plan in plans if plan.kind is kind]):
                if progress is not None:
                    progress(workshop.done, len(plans))
        _list(out / FAILURES, [asdict(failure) for failure in workshop.failures])
        _list(out / MISSING, [asdict(one) for one in missing])
        write_card(out, workshop.rows(plans), seed=seed, questions=len(questions), recheck=recheck)
        write_rows(out, workshop.rows(plans))
    except OSError as error:
        raise RunFolderError(
            f"The set cannot be written to {out}: {error.strerror}. What is there is kept; run the command "
            "again when there is room and permission."
        ) from error
    return BuildReport(
        questions=len({plan.question.id for plan in plans if workshop.holds(plan)}),
        pictures=sum(map(workshop.holds, plans)),
        written=workshop.written,
        rates=workshop.rates(),
        failures=tuple(workshop.failures),
        missing=tuple(missing),
    )


def resolve_kinds(kinds: Sequence[str | PictureKind]) -> list[PictureKind]:
    """Kinds by name and made ones as made ones."""
    if not kinds:
        return make_kinds([])
    return [kind if isinstance(kind, PictureKind) else make_kinds([kind])[0] for kind in dict.fromkeys(kinds)]


class _Workshop:
    """Makes pictures and puts them into the set. Of a finished one it remembers 34 bytes.

    Attributes:
        done: Pictures that are finished, failed ones included.
        written: Pictures that were not there yet, or were different.
        failures: The failed ones.
    """

    def __init__(self, out: Path, pictures: int, cache: PictureCache | None) -> None:
        self.done = self.written = 0
        self._sha256 = bytearray(_SHA256_BYTES * pictures)
        self._origins = array("I", [0]) * pictures  # 0: not finished; else a number of license and source
        self._numbered: dict[tuple[str, str], int] = {}
        self.failures: list[Failure] = []
        self._out, self._cache = out, cache
        self._made: dict[str, int] = {}
        self._seconds: dict[str, float] = {}

    def make(self, plans: Sequence[Plan]) -> Iterator[None]:
        """Make the pictures of one kind; yields after each."""
        with closing(self._outcomes(plans)) as outcomes:
            for plan, outcome in outcomes:
                self._put(plan, outcome)
                self.done += 1
                yield

    def holds(self, plan: Plan) -> bool:
        """Whether a planned picture is finished."""
        return self._origins[plan.number] > 0

    def rows(self, plans: Iterable[Plan]) -> Iterator[Row]:
        """The rows of those that are finished; each is made when it is wanted, for they are many."""
        licenses_and_sources = list(self._numbered)
        for plan in filter(self.holds, plans):
            begin = _SHA256_BYTES * plan.number
            sha256 = self._sha256[begin : begin + _SHA256_BYTES].hex()
            license_name, source = licenses_and_sources[self._origins[plan.number] - 1]
            yield plan.row(sha256=sha256, license=license_name, source=source)

    def rates(self) -> dict[str, float]:
        """By kind, pictures made per second."""
        return {kind: self._made[kind] / seconds for kind, seconds in self._seconds.items() if seconds > 0}

    def _outcomes(self, plans: Sequence[Plan]) -> Generator[tuple[Plan, Outcome], None, None]:
        size = plans[0].kind.batch_size
        for start in range(0, len(plans), size):
            wanted: list[Plan] = []
            for plan in plans[start : start + size]:
                held = self._cache.get(plan) if self._cache is not None and plan.kind.costly else None
                if held is None:
                    wanted.append(plan)
                else:
                    yield plan, held
            if wanted:
                yield from self._draw(wanted)

    def _draw(self, wanted: Sequence[Plan]) -> Iterator[tuple[Plan, Outcome]]:
        kind = wanted[0].kind
        since = time.perf_counter()
        for index, outcome in kind.draw([plan.order for plan in wanted]):
            self._made[kind.name] = self._made.get(kind.name, 0) + 1
            self._seconds[kind.name] = self._seconds.get(kind.name, 0.0) + time.perf_counter() - since
            if isinstance(outcome, Picture) and self._cache is not None and kind.costly:
                self._cache.put(wanted[index], outcome)
            yield wanted[index], outcome
            since = time.perf_counter()

    def _put(self, plan: Plan, outcome: Outcome) -> None:
        """Make sure that the picture is there, or, if it failed, that none is."""
        path = self._out / plan.file_name
        if not isinstance(outcome, Picture):
            self.failures.append(Failure(plan.id, plan.kind.name, plan.pictured, str(outcome)))
            if path.is_file():
                (self._out / METADATA).unlink(missing_ok=True)
                path.unlink()
            return
        sha256 = hashlib.sha256(outcome.data).digest()
        if not path.is_file() or hashlib.sha256(path.read_bytes()).digest() != sha256:
            # While pictures change, the old list of them would lie.
            (self._out / METADATA).unlink(missing_ok=True)
            replace_file(path, outcome.data)
            self.written += 1
        begin = _SHA256_BYTES * plan.number
        self._sha256[begin : begin + _SHA256_BYTES] = sha256
        origin = (outcome.license, outcome.source)
        self._origins[plan.number] = self._numbered.setdefault(origin, 1 + len(self._numbered))


def _list(path: Path, entries: Sequence[Mapping[str, object]]) -> None:
    """Write a list, one entry a line; an empty one is no file."""
    if entries:
        replace_file(path, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in entries).encode())
    else:
        path.unlink(missing_ok=True)


def _check_folder(out: Path, plans: Sequence[Plan]) -> None:
    """Refuse a folder with other things in it: `datasets` fails on pictures without a line of metadata.

    An empty card is written at once: it tells our folders from others.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file. Give a folder for the set.")
    found = sorted(path for path in out.rglob("*") if path.is_file()) if out.exists() else []
    # A build that was killed between writing and renaming leaves one part; the next write takes its name.
    ours = {out / name for name in (CARD, METADATA, FAILURES, MISSING)}
    expected = ours | {out / plan.file_name for plan in plans}
    found = [path for path in found if path.with_suffix("") not in expected or path.suffix != PART]
    card = out / CARD
    if found and (not card.is_file() or CARD_TITLE not in card.read_text(encoding="utf-8", errors="replace")):
        raise UsageError(f"{out} holds other files (such as {found[0].name}). Give a new or an empty one.")
    strays = [path for path in found if path not in expected]
    if strays:
        raise UsageError(
            f"{out} holds {len(strays)} files that do not belong to this set (such as "
            f"{strays[0].relative_to(out)}): it was built from other questions or kinds. Give a new folder, "
            "or delete this one."
        )
    if not card.is_file():
        try:
            replace_file(card, f"{CARD_TITLE}\n\nThis set is being built.\n".encode())
        except OSError as error:
            raise RunFolderError(f"The set cannot be written to {out}: {error.strerror}.") from error
