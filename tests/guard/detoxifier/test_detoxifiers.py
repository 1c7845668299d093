"""The contract of every detoxifier, and what is special about each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from levelhead.errors import ModelError, UsageError
from levelhead.guard import Detoxifier, GenerativeDetoxifier, Pair, Rewriting, TemplateDetoxifier
from levelhead.models import Sampling
from levelhead.records import Prompt, Reply
from tests.fakes import FakeModel

PAIRS = [Pair(str(number), f"steal the {word}") for number, word in enumerate(["nuts", "pies", "buns"])]


class Recording(FakeModel):
    """Remembers how it was asked to sample."""

    def __init__(self, answer: str | Reply = "Share them.") -> None:
        super().__init__(lambda prompt: answer)
        self.samplings: list[Sampling] = []

    def iter_generate(self, prompts, sampling):  # type: ignore[no-untyped-def]
        self.samplings.append(sampling)
        return super().iter_generate(prompts, sampling)


def shout(prompt: Prompt) -> str:
    return prompt.turns[-1].text.splitlines()[-2].upper()


@pytest.fixture(params=["template", "generative"])
def detoxifier(request: pytest.FixtureRequest) -> Iterator[Detoxifier]:
    made: Detoxifier = (
        TemplateDetoxifier()
        if request.param == "template"
        else GenerativeDetoxifier(FakeModel(shout), name="g")
    )
    with made:
        yield made


def test_there_is_one_rewriting_for_each_pair_in_order(detoxifier: Detoxifier) -> None:
    whole = detoxifier.rewrite(PAIRS)
    assert [detoxifier.rewrite([pair])[0] for pair in PAIRS] == whole
    assert all(one.text for one in whole)
    assert detoxifier.rewrite([]) == []


def test_an_attempt_gives_the_same_text_each_time(detoxifier: Detoxifier) -> None:
    for attempt in (0, 1):
        assert detoxifier.rewrite(PAIRS, attempt=attempt) == detoxifier.rewrite(PAIRS, attempt=attempt)


def test_it_says_of_what_kind_it_is(detoxifier: Detoxifier) -> None:
    assert detoxifier.details["kind"]
    assert detoxifier.name
    assert detoxifier.fingerprint


def test_a_rewriting_has_a_text_or_a_failure() -> None:
    for text, failure in ((None, None), ("a", "b")):
        with pytest.raises(ValueError, match="exactly one"):
            Rewriting(text, failure)


def test_the_first_attempt_is_greedy_and_each_further_one_has_a_seed_of_its_own() -> None:
    model = Recording()
    detoxifier = GenerativeDetoxifier(model, name="g", seed=5)
    for attempt in range(3):
        detoxifier.rewrite(PAIRS, attempt=attempt)
    assert [one.temperature > 0 for one in model.samplings] == [False, True, True]
    assert [one.seed for one in model.samplings[1:]] == [6, 7]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply.failed("It has too many tokens."), "too many tokens"),
        (Reply("Share the", "length"), "did not end within 512 tokens"),
        (Reply("", "content_filter"), "filter"),
    ],
)
def test_a_reply_that_is_no_whole_text_is_a_failure(reply: Reply, why: str) -> None:
    (found,) = GenerativeDetoxifier(Recording(reply), name="g").rewrite(PAIRS[:1])
    assert found.text is None
    assert why in (found.failure or "")


def test_a_model_that_breaks_is_an_error_of_all() -> None:
    def broken(prompt: Prompt) -> str:
        raise ModelError("It broke.")

    with pytest.raises(ModelError):
        GenerativeDetoxifier(FakeModel(broken), name="g").rewrite(PAIRS)


def test_another_setting_is_another_detoxifier() -> None:
    made = [
        GenerativeDetoxifier(Recording(), name="g"),
        GenerativeDetoxifier(Recording(), name="g", style="paper"),
        GenerativeDetoxifier(Recording(), name="g", max_new_tokens=9),
        GenerativeDetoxifier(Recording(), name="g", seed=1),
        GenerativeDetoxifier(FakeModel(fingerprint="other"), name="g"),
        TemplateDetoxifier(),
        TemplateDetoxifier("No."),
    ]
    assert len({one.fingerprint for one in made}) == len(made)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="style"):
        GenerativeDetoxifier(Recording(), name="g", style="poem")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="max_new_tokens"):
        GenerativeDetoxifier(Recording(), name="g", max_new_tokens=0)
    with pytest.raises(UsageError, match="blank"):
        TemplateDetoxifier("\n")
