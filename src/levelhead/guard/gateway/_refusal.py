"""Why a picture is not let in, in words for the client; what else is known stands apart, for the log."""

from __future__ import annotations

from typing import Literal, TypeAlias

from levelhead.errors import LevelheadError

RefusalCode: TypeAlias = Literal[
    "empty_image_file",
    "failed_to_download_image",
    "image_file_too_large",
    "image_parse_error",
    "image_too_large",
    "invalid_base64_image",
    "invalid_image_url",
    "too_many_images",
    "unsupported_image_media_type",
]


class MediaRefused(LevelheadError):  # noqa: N818 - a decision, not a mishap
    """A picture that is not let in.

    Args:
        status: HTTP status of the answer: 422 for what is no picture that can be used, 413 for what is too
            large, 504 for what took too long.
        code: The `code` of the error in OpenAI's form.
        message: For the client. It names limits, but no address, host, path or library.
        detail: For the log only.
    """

    def __init__(
        self, status: Literal[413, 422, 504], code: RefusalCode, message: str, *, detail: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail

    def anew(self) -> MediaRefused:
        """The same refusal without the frames it went through, which hold the picture."""
        return MediaRefused(self.status, self.code, self.message, detail=self.detail)


def unreachable(detail: str) -> MediaRefused:
    """One answer for a forbidden address, an unknown name and a closed port.

    Were they told apart, the gateway could be used to map the network that it stands in.
    """
    return MediaRefused(
        422,
        "failed_to_download_image",
        "The image could not be fetched: its address is not allowed or does not answer. Send the image as a "
        "data: URL instead.",
        detail=detail,
    )


def too_many_bytes(limit: int) -> MediaRefused:
    """The encoded picture is too large."""
    return MediaRefused(413, "image_file_too_large", f"The image is larger than {limit:,} bytes.")


def too_slow(code: RefusalCode, seconds: float, detail: str) -> MediaRefused:
    """The picture took too long."""
    return MediaRefused(504, code, f"The image was not ready within {seconds:g} seconds.", detail=detail)
