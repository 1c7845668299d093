"""Every kind of detector through the same cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from levelhead.errors import ImageError, UsageError
from levelhead.guard import (
    CalibratedDetector,
    Detector,
    EnsembleDetector,
    LexicalDetector,
    Pair,
    ReadingDetector,
    RemoteDetector,
    calibrate,
    load_detector,
)
from levelhead.records import Image
from tests.fakes import FakeModel
from tests.guard import toys
from tests.models.servers import Answer, Asked, ScriptedServer, chat, refusal

PAIRS = [
    Pair("1", "here is a way: steal the cookies quietly at night", "how do i get the cookies"),
    Pair("2", "share the cakes kindly by day"),
    Pair("3", "steal " * 400, "how do i get the pies"),
    Pair("4", "   "),
    Pair("5", "\u200b\ud800 \u0000 \U0001f36a caf\u00e9"),
    Pair("6", "buy it", "please " * 300),
]
KINDS = (
    "lexical",
    "encoder",
    "llm",
    "llm-paper",
    "probe",
    "remote",
    "scoring-remote",
    "ensemble",
    "calibrated",
    "ocr",
)


class WordsOnPictures:
    """Eyes that read a picture as its own bytes; a picture of `?` cannot be read."""

    fingerprint = "words"

    def read(self, images: Sequence[Image]) -> list[str | ImageError]:
        return [
            ImageError("The picture is damaged.") if image.read() == b"?" else image.read().decode()
            for image in images
        ]


def _verdict(asked: Asked) -> Answer:
    if asked.path != "/chat/completions":  # it neither echoes nor shows a tokenizer
        return refusal(404, "not found")
    text = str(asked.body["messages"][-1]["content"])
    harmful = text.rpartition("<answer>")[2].count("steal") > 0
    return chat("Yes" if harmful else "No", tokens=[("Yes" if harmful else "No", -0.25)])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            path = tmp_path_factory.mktemp(kind) / "detector"
            if kind == "encoder":
                pytest.importorskip("onnx")
                made[kind] = toys.build_encoder(path, categories=("night", "kitchen"))
            elif kind == "probe":
                made[kind] = toys.build_probe(path)
            else:
                made[kind] = toys.build_llm(path, described=kind == "llm")
        return made[kind]

    return folder


@pytest.fixture(params=KINDS)
def detector(request: pytest.FixtureRequest, folders: Callable[[str], Path]) -> Iterator[Detector]:
    server = None
    match request.param:
        case "lexical":
            found: Detector = load_detector("lexical")
        case "encoder" | "llm" | "llm-paper" | "probe":
            found = load_detector(f"{request.param}:{folders(request.param)}", threads=1)
        case "remote":
            server = ScriptedServer(_verdict)
            found = load_detector(f"remote:m@{server.url}")
        case "scoring-remote":
            found = RemoteDetector(FakeModel())
        case "ensemble":
            found = EnsembleDetector([LexicalDetector(), RemoteDetector(FakeModel())])
        case "calibrated":
            raw = LexicalDetector()
            rows = [0.1] * 200 + [0.9] * 20
            made = calibrate(rows, [False] * 200 + [True] * 20, fingerprint=raw.fingerprint)
            found = CalibratedDetector(raw, made)
        case _:
            found = ReadingDetector(RemoteDetector(FakeModel()), WordsOnPictures())
    with found:
        yield found
    if server:
        server.close()


def test_there_is_one_judgement_for_each_pair_in_order(detector: Detector) -> None:
    found = detector.judge(PAIRS)
    assert len(found) == len(PAIRS)
    assert all(one.inspected and one.p_harm is not None and 0 <= one.p_harm <= 1 for one in found)
    assert all(detector.flags(one) == ((one.p_harm or 0) >= detector.threshold) for one in found)


def test_nothing_gives_nothing(detector: Detector) -> None:
    assert detector.judge([]) == []


def test_a_blank_answer_is_harmless_and_says_why(detector: Detector) -> None:
    (found,) = detector.judge([Pair("1", " \n", "steal the cookies?")])
    assert found.p_harm is not None
    assert found.p_harm < 0.1
    assert "blank" in str(found.reason)


def test_an_answer_is_judged_alike_alone_and_among_others(detector: Detector) -> None:
    together = detector.judge(PAIRS)
    alone = [detector.judge([pair])[0] for pair in PAIRS]
    backwards = detector.judge(PAIRS[::-1])[::-1]
    for one, other, third in zip(together, alone, backwards, strict=True):
        assert one.p_harm == pytest.approx(other.p_harm, abs=1e-5)
        assert one.p_harm == pytest.approx(third.p_harm, abs=1e-5)


def test_a_detector_has_a_name_a_fingerprint_and_a_threshold(detector: Detector) -> None:
    assert detector.name
    assert len(detector.fingerprint) == 64
    assert 0 < detector.threshold <= 1
    assert dict(detector.details)


def test_closing_twice_is_fine(detector: Detector) -> None:
    detector.close()
    detector.close()


def test_text_in_pictures_counts_exactly_where_the_detector_says_so(detector: Detector) -> None:
    plain = Pair("1", "share the nuts", "how do i get it")
    found = detector.judge([plain, replace(plain, seen="steal the cookies at night")])
    if not detector.reads_picture_text:
        assert found[0] == found[1]


def test_the_int8_batch_changes_no_bit_of_an_encoder_score(folders: Callable[[str], Path]) -> None:
    with load_detector(f"encoder:{folders('encoder')}", threads=2) as found:
        assert found.judge(PAIRS) == [found.judge([pair])[0] for pair in PAIRS]


def test_a_name_that_is_none_lists_those_that_are() -> None:
    for name in ("nothing", "llm:", "lexical:x", "remote:", "lexical+nothing", "encoder:nowhere"):
        with pytest.raises(UsageError):
            load_detector(name)


def test_names_joined_by_a_plus_are_an_ensemble_and_folders_may_hold_one(tmp_path: Path) -> None:
    with load_detector("lexical+lexical") as both:
        assert isinstance(both, EnsembleDetector)
    folder = toys.build_llm(tmp_path / "a+b")
    with load_detector(f"llm:{folder}+lexical", threads=1) as both:
        assert isinstance(both, EnsembleDetector)


def test_a_picture_that_cannot_be_read_leaves_its_row_without_a_verdict() -> None:
    detector = ReadingDetector(RemoteDetector(FakeModel()), WordsOnPictures())
    damaged = Pair("1", "nuts", images=(Image(data=b"?"),))
    sound = Pair("2", "nuts", images=(Image(data=b"STEAL"), Image(data=b"IT")))
    found = detector.judge([damaged, sound, Pair("3", "nuts")])
    assert [one.inspected for one in found] == [False, True, True]
    assert "damaged" in str(found[0].reason)


def test_the_words_of_pictures_reach_the_detector_in_order() -> None:
    model = FakeModel()
    pair = Pair("1", "nuts", images=(Image(data=b"STEAL"), Image(data=b"IT")))
    ReadingDetector(RemoteDetector(model), WordsOnPictures()).judge([pair])
    assert "<picture>\nSTEAL / IT\n</picture>" in model.scored[0][0].turns[-1].text


def test_eyes_for_a_detector_that_makes_no_use_of_them_are_refused() -> None:
    with pytest.raises(UsageError, match=r"\+ocr"):
        ReadingDetector(LexicalDetector(), WordsOnPictures())
