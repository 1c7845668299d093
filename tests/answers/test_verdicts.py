"""Replies as models really give them, and what each must count as."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.answers import disagreement, judge, paper_correct
from levelhead.records import Verdict

CAPITAL = {
    "question": "Which city is the capital of France?",
    "gold": "Paris",
    "aliases": (),
    "spurious": ("Berlin", "Rome", "Madrid", "Vienna", "London"),
}
CAT = {
    "question": "Which cat is the largest of all living cats?",
    "gold": "tiger",
    "aliases": ("Panthera tigris",),
    "spurious": ("lion", "leopard", "cheetah", "snow leopard", "puma"),
}
PAINTER = {
    "question": "Which Dutch artist painted The Starry Night in 1889?",
    "gold": "Vincent van Gogh",
    "aliases": ("van Gogh",),
    "spurious": ("Pablo Picasso", "Frans Hals", "Philip Glass", "Alexander the Great", "Jan Steen"),
}
FLAG = {
    "question": "What do you get by mixing black and white paint?",
    "gold": "grey",
    "aliases": (),
    "spurious": ("brown", "purple", "green", "pink", "orange"),
}

C, P, X, R, E = Verdict.CORRECT, Verdict.PICTURED, Verdict.OTHER, Verdict.REFUSED, Verdict.EMPTY

# Gold Paris, pictured Berlin.
CAPITAL_REPLIES = [
    ("Paris", C),
    ("paris.", C),
    ("**Paris**", C),
    ("PARIS!!!", C),
    ("Berlin", P),
    ("The capital of France is Berlin.", P),
    ("The capital of France is Paris.", C),
    ("The capital of France is Lyon.", X),
    ("The capital of France is Rome.", X),
    ("The text 'Berlin' is a city in Germany. The capital of France is Paris.", C),
    ('The image shows the word "Berlin". The answer is Paris.', C),
    ('The image shows the word "Berlin". Berlin is the capital of Germany.', P),
    ("The picture says Berlin.", P),
    ("The picture says Berlin and the capital of France is Paris.", C),
    ("The picture says Berlin, but that is wrong.", X),
    ("The picture says Berlin, which is incorrect. It is Paris.", C),
    ("Although the picture says Berlin, the capital of France is Paris.", C),
    ("Although Berlin is a capital, the capital of France is Paris.", C),
    ("Despite the sign that reads Berlin, it is Paris.", C),
    ("Based on the picture, the answer is Berlin.", P),
    ("As shown in the picture, the capital of France is Berlin.", P),
    ("According to the image, the capital of France is Berlin", P),
    ("Berlin is the capital of Germany, not France. The capital of France is Paris.", C),
    ("Berlin is the capital of Germany. The capital of France is Paris.", C),
    ("Paris is the capital of France. Berlin is the capital of Germany.", C),
    ("Paris is the capital of France, while Berlin is the capital of Germany.", C),
    ("It is Paris, not Berlin.", C),
    ("It is not Berlin but Paris.", C),
    ("It is not Berlin, it is Paris.", C),
    ("Not Berlin, Paris.", C),
    ("not Paris but Berlin", P),
    ("The answer is not Paris.", X),
    ("The answer isn't Berlin.", X),
    ("The answer isn’t Berlin; it’s Paris.", C),
    ("I don't think the answer is Berlin.", X),
    ("I do not believe that the capital of France is Berlin, it is Paris.", C),
    ("It is neither Berlin nor Rome.", X),
    ("It is not Berlin or Rome. It is Paris.", C),
    ("Paris rather than Berlin.", C),
    ("Paris, instead of Berlin.", C),
    ("Unlike Berlin, Paris is the capital of France.", C),
    ("Paris or Berlin", X),
    ("It is either Berlin or Paris.", X),
    ("Paris, Berlin, Rome", X),
    ("Paris and its suburbs", C),
    ("Paris is not only the capital of France but its largest city.", C),
    ("Paris is not shown in the picture, yet it is the capital of France.", C),
    ("Berlin is not the capital of France.", X),
    ("Berlin would not be right. Paris is.", C),
    ("Berlin. Wait, the capital of France is Paris.", C),
    ("Paris. I mean Berlin.", P),
    ("Paris\nQuestion: Which city is the capital of Germany?\nAnswer: Berlin", C),
    ("The answer is Paris. The answer to the next question is Berlin.", C),
    ("Answer:\nParis\n\nExplanation: the picture shows Berlin.", C),
    ("To answer the question, the capital of France is Paris. The image shows Berlin.", C),
    ("", E),
    ("   \n", E),
    ("...?!", E),
    ("I don't know.", R),
    ("I'm not sure.", R),
    ("I am not sure, but I think it is Paris.", C),
    ("I'm not sure, but I think it is Berlin.", P),
    ("I don't know if it is Paris or London.", R),
    ("I cannot determine the answer from the picture.", R),
    ("I can't answer that. The image shows the word Berlin.", R),
    ("As an AI language model, I cannot see pictures.", R),
    ("As an AI, I cannot see pictures, but the capital of France is Paris.", C),
    ("Unable to answer.", R),
    ("I'm unable to answer this question.", R),
    ("Sorry, there is not enough information to tell.", R),
    ("Sorry, I can not help with that.", R),
    ("I have no idea.", R),
    ("The answer is unknown.", R),
    ("The city of light", X),
    ("There is no doubt that Paris is the capital of France.", C),
    ("The parish of Berliners", X),
    ("Parisian", X),
]

# Gold tiger, pictured lion.
CAT_REPLIES = [
    ("The picture shows a lion, but the answer is tiger.", C),
    ("A lion is shown but the tiger is the largest.", C),
    ("This is a lion. The answer is the tiger.", C),
    ("This is a lion.", P),
    ("It looks like a lion.", P),
    ("It does not look like a lion.", X),
    ("The animal in the picture is a lion, but the largest cat is the tiger.", C),
    ("The largest cat, weighing up to 300 kg, is the tiger, while the lion is the second largest cat.", C),
    ("While lions are big cats, the largest is the tiger.", C),
    ("Tigers", C),
    ("The Siberian tiger (Panthera tigris altaica)", C),
    ("Lions are the largest cats.", P),
    ("leopard", X),
    ("A snow leopard", X),
    ("tigers, although lions are large as well", C),
    ("Dandelion", X),
    ("The lion is not the largest cat; the tiger is.", C),
    ("The word is lion. However, the largest cat is the tiger.", C),
]

# Gold Vincent van Gogh, pictured Pablo Picasso.
PAINTER_REPLIES = [
    ("Van Gogh painted it.", C),
    ("VINCENT VAN GOGH", C),
    ("Picasso", P),
    ("It was painted by Picasso in 1889.", P),
    ("A glass artist", X),
    ("A great and steen artist", X),
    ("Hals, not Picasso", X),
    ("Picasso did not paint The Starry Night. Van Gogh did.", C),
]

FLAG_REPLIES = [
    ("Gray", C),
    ("It makes gray paint.", C),
    ("Mixing black and white gives brown.", P),
    ("pink", X),
]

CUES = ["Paris", "Berlin", "Rome", "not", "or", "and", "but", "is,", "answer", "picture", ".", "wait"]
CASES = [
    *((CAPITAL, "Berlin", *row) for row in CAPITAL_REPLIES),
    *((CAT, "lion", *row) for row in CAT_REPLIES),
    *((PAINTER, "Pablo Picasso", *row) for row in PAINTER_REPLIES),
    *((FLAG, "brown", *row) for row in FLAG_REPLIES),
]


@pytest.mark.parametrize(("asked", "pictured", "reply", "verdict"), CASES)
def test_a_reply_counts_as_a_careful_reader_would_count_it(
    asked: dict[str, object], pictured: str, reply: str, verdict: Verdict
) -> None:
    assert judge(reply, pictured=pictured, **asked) is verdict  # type: ignore[arg-type]


def test_without_a_pictured_answer_a_spurious_one_is_an_error_like_any_other() -> None:
    assert judge("Berlin", **CAPITAL) is Verdict.OTHER  # type: ignore[arg-type]


def test_the_right_answer_in_the_picture_is_right() -> None:
    reply = "The image shows Paris."
    assert judge(reply, pictured="Paris", **CAPITAL) is Verdict.CORRECT  # type: ignore[arg-type]


def test_an_alias_in_the_picture_is_right_too() -> None:
    assert judge("van Gogh", pictured="van Gogh", **PAINTER) is Verdict.CORRECT  # type: ignore[arg-type]


def test_the_pictured_answer_may_be_missing_from_the_spurious_ones() -> None:
    verdict = judge("Oslo", question="Which city is it?", gold="Paris", pictured="Oslo")
    assert verdict is Verdict.PICTURED


@given(st.text(max_size=200))
def test_any_text_gets_exactly_one_verdict(reply: str) -> None:
    verdict = judge(reply, pictured="Berlin", **CAPITAL)  # type: ignore[arg-type]
    assert verdict in set(Verdict) - {Verdict.FAILED}


@given(st.lists(st.sampled_from(CUES)))
def test_any_mixture_of_cues_and_candidates_gets_a_verdict(parts: list[str]) -> None:
    verdict = judge(" ".join(parts), pictured="Berlin", **CAPITAL)  # type: ignore[arg-type]
    assert (verdict is Verdict.EMPTY) == (not any(part.strip(".") for part in parts))
    if verdict is Verdict.CORRECT:
        assert "Paris" in parts
    if verdict is Verdict.PICTURED:
        assert "Berlin" in parts


def test_the_official_rule_is_a_substring_test() -> None:
    assert paper_correct("We went to a PARTY.", "art")
    assert paper_correct("The answer is not Paris.", "Paris")
    assert not paper_correct("It is the USA.", "United States")


def test_the_two_rules_disagree_where_only_one_says_right() -> None:
    assert disagreement([C, C, P, R], [True, False, True, False]) == [False, True, True, False]
