"""Pictures that stand in the request itself: `data:image/png;base64,...`.

Only strict base64 is read. The media type is not believed, so it is not parsed either: what the bytes are,
the bytes say.
"""

from __future__ import annotations

import binascii

from levelhead.guard.gateway._refusal import MediaRefused, too_many_bytes

_LONGEST_HEAD = 256
"""Characters before the comma: room for a media type with a parameter or two."""


def read_data_url(reference: str, *, max_bytes: int) -> bytes:
    """The bytes of a `data:` URL.

    Args:
        reference: The URL; the scheme may be in any case.
        max_bytes: Most bytes that are decoded. The length is checked before.

    Raises:
        MediaRefused: If it is no base64 (padding included), empty, or too large.
    """
    comma = reference.find(",", 0, _LONGEST_HEAD)
    if comma < 0 or not reference[:comma].lower().endswith(";base64"):
        raise MediaRefused(
            422, "invalid_image_url", "A data: URL must have the form data:image/png;base64,<base64>."
        )
    length = len(reference) - comma - 1
    if length == 0:
        raise MediaRefused(422, "empty_image_file", "The image is empty.")
    if length > _encoded_length(max_bytes):
        raise too_many_bytes(max_bytes)
    payload = reference[comma + 1 :]
    try:
        data = binascii.a2b_base64(payload, strict_mode=True)
    except ValueError as error:  # binascii.Error is one; so is a character outside ASCII
        raise _no_base64(str(error)) from error
    # The strict mode still lets surplus padding and stray last bits pass.
    last = len(data) - (len(data) % 3 or 3)
    if length != _encoded_length(len(data)) or payload[-4:].encode() != binascii.b2a_base64(
        data[last:], newline=False
    ):
        raise _no_base64("not canonical")
    if len(data) > max_bytes:
        raise too_many_bytes(max_bytes)
    return data


def _encoded_length(count: int) -> int:
    return -(-count // 3) * 4


def _no_base64(detail: str) -> MediaRefused:
    return MediaRefused(
        422,
        "invalid_base64_image",
        "The image is not valid base64: only the standard alphabet with full padding is read.",
        detail=detail,
    )
