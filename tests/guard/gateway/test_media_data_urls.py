"""Case 19: pictures inside the request. Only strict base64 within the limit becomes bytes."""

from __future__ import annotations

import base64
import string
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from levelhead.guard.gateway._data_url import read_data_url
from levelhead.guard.gateway._refusal import MediaRefused
from tests.guard.gateway.bounds import MIB, bounded

LIMIT = 1000


def refusal(reference: str, limit: int = LIMIT) -> tuple[int, str]:
    with pytest.raises(MediaRefused) as caught:
        read_data_url(reference, max_bytes=limit)
    return caught.value.status, caught.value.code


@given(st.binary(min_size=1, max_size=LIMIT))
def test_what_was_encoded_comes_back(data: bytes) -> None:
    assert read_data_url(f"data:image/png;base64,{base64.b64encode(data).decode()}", max_bytes=LIMIT) == data


@given(st.text(alphabet=string.ascii_letters + string.digits + "+/=-_ \n%é", max_size=64))
@example("AAAA====")
@example("AB==")
@example("AA==AA==")
def test_whatever_is_accepted_is_the_one_encoding_of_its_bytes(payload: str) -> None:
    try:
        data = read_data_url(f"data:image/png;base64,{payload}", max_bytes=LIMIT)
    except MediaRefused:
        return
    assert base64.b64encode(data).decode() == payload


@given(st.text(max_size=300))
def test_any_text_is_bytes_or_a_refusal(text: str) -> None:
    with suppress(MediaRefused):
        assert read_data_url(f"data:{text}", max_bytes=LIMIT)


@pytest.mark.parametrize(
    "payload", ["QUJD RA==", "QUJD\nRA==", "QUJDRA", "QUJDRA=", "QUJ-RA==", "QUJD%52A==", "=", "A"]
)
def test_bad_base64_and_missing_padding_are_refused_with_422(payload: str) -> None:
    assert refusal(f"data:image/png;base64,{payload}") == (422, "invalid_base64_image")


@pytest.mark.parametrize(
    "reference",
    [
        "data:image/png,QUJD",
        "data:,QUJD",
        "data:",
        "data:image/png;base64",
        "data:" + "x" * 300 + ";base64,QUJD",
    ],
)
def test_a_data_url_without_base64_is_refused_with_422(reference: str) -> None:
    assert refusal(reference) == (422, "invalid_image_url")


def test_an_empty_picture_is_refused_with_422() -> None:
    assert refusal("data:image/png;base64,") == (422, "empty_image_file")


@pytest.mark.parametrize("head", ["DATA:image/png;base64", "data:;base64", "data:image/png;name=a;BASE64"])
def test_scheme_and_base64_are_read_in_any_case_and_the_claimed_type_is_not_read(head: str) -> None:
    assert read_data_url(f"{head},QUJD", max_bytes=LIMIT) == b"ABC"


def test_one_byte_past_the_limit_is_refused_with_413_and_the_limit_itself_is_not() -> None:
    at_limit = base64.b64encode(bytes(LIMIT)).decode()
    assert len(read_data_url(f"data:;base64,{at_limit}", max_bytes=LIMIT)) == LIMIT
    past = base64.b64encode(bytes(LIMIT + 1)).decode()
    assert refusal(f"data:;base64,{past}") == (413, "image_file_too_large")


def test_a_data_url_of_30_mb_is_refused_with_413_before_it_is_decoded() -> None:
    reference = "data:image/png;base64," + "A" * (30 * MIB)
    with bounded(seconds=1, mebibytes=5):  # not even copied
        assert refusal(reference, 10 * MIB) == (413, "image_file_too_large")
