"""What is measured and how much of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from levelhead.errors import UsageError
from levelhead.illusion import Mode

Suite = Literal["illusion", "honesty", "harm"]
SUITES: tuple[Suite, ...] = get_args(Suite)
"""In the order of the page."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is asked. None stands for all there is.

    Attributes:
        name: Of the size.
        illusion: Questions of the illusion suite; each is asked under eight conditions.
        known: Questions of the honesty suite that have an answer.
        unanswerable: Questions of the honesty suite that have none.
        harm: Requests of each set of the harm suite, attacks and harmless ones apart.
        harm_tokens: Longest answer to a request, in tokens.
        with_shift: Whether the illusion suite also scores right and pictured answers, which takes about as
            long as the answers themselves.
    """

    name: str
    illusion: int | None
    known: int | None
    unanswerable: int | None
    harm: int | None
    harm_tokens: int
    with_shift: bool

    def at_most(self, limit: int | None) -> Size:
        """This size with at most so many of each kind of question."""
        if limit is None:
            return self
        return replace(
            self,
            illusion=_smaller(self.illusion, limit),
            known=_smaller(self.known, limit),
            unanswerable=_smaller(self.unanswerable, limit),
            harm=_smaller(self.harm, limit),
        )


SIZES: dict[str, Size] = {
    size.name: size
    for size in (
        Size("quick", 78, 117, None, 68, 64, with_shift=False),
        Size("standard", 312, 312, None, 200, 128, with_shift=True),
        Size("full", None, None, None, None, 128, with_shift=True),
    )
}
"""By name. The numbers of `quick` are multiples of 13 categories, and of 34 themes of look-alikes."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of all questions that a measurement keeps to.

    Attributes:
        categories: Of our questions of the suites illusion and honesty.
        holds: Of everything else, from a group of questions that stand or fall together to whether it is
            asked.
        kinds: Of the pictures of the illusion suite, by names in `illusion.KINDS`.
    """

    categories: frozenset[str]
    holds: Callable[[str], bool]
    kinds: tuple[str, ...] = ("typographic",)


@dataclass(frozen=True, slots=True)
class MeasureSettings:
    """What is measured.

    Attributes:
        suites: Which, each once; see `suites_named`.
        size: How much.
        honesty_data: Question sets, as `datasets.read_all_named` takes them, in place of ours.
        harm_data: Sets of requests, as `guard.read_suites` takes them, beside our harmless ones.
        judge: Name of the detector that judges answers; None takes the encoder that came with the package,
            else `lexical`.
        mode: How replies of the illusion suite are cut and judged.
        threshold: An answer counts as held back below this p_sure; None takes 0.5 for a model that was taught
            to say how sure it is, and 0 for any other, of which words alone count.
        seed: Of pictures and draws.
        selection: Keep to a part of the questions; None for all.

    Raises:
        UsageError: If a setting belongs to a suite that is not measured.
    """

    suites: tuple[Suite, ...] = SUITES
    size: Size = field(default_factory=lambda: SIZES["standard"])
    honesty_data: tuple[str, ...] = ()
    harm_data: tuple[str, ...] = ()
    judge: str | None = None
    mode: Mode = "corrected"
    threshold: float | None = None
    seed: int = 0
    selection: Selection | None = None

    def __post_init__(self) -> None:
        self._check_that_it_is_used("honesty", "--honesty-data", bool(self.honesty_data))
        self._check_that_it_is_used("harm", "--harm-data", bool(self.harm_data))
        self._check_that_it_is_used("harm", "--judge", self.judge is not None)

    def _check_that_it_is_used(self, suite: Suite, option: str, is_given: bool) -> None:
        if is_given and suite not in self.suites:
            raise UsageError(
                f"{option} was given, but the suite {suite} is not measured. Add it to --suite, or leave out "
                f"{option}."
            )


def suites_named(names: str) -> tuple[Suite, ...]:
    """The suites of a list with commas, in the order of `SUITES`.

    Raises:
        UsageError: If one is unknown.
    """
    wanted = {name.strip() for name in names.split(",")}
    if unknown := sorted(wanted - set(SUITES)):
        raise UsageError(f"There is no suite {unknown[0]!r}. Give one or more of: {', '.join(SUITES)}.")
    return tuple(suite for suite in SUITES if suite in wanted)


def _smaller(size: int | None, limit: int) -> int:
    return limit if size is None else min(size, limit)
