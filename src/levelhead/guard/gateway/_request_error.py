"""An answer that is an error, in the form that clients of the OpenAI protocol know.

Its words are for the client: they name no host, no path, no key and no library. What else is known goes into
the log, as `detail`.
"""

from __future__ import annotations

import json
from typing import Literal, TypeAlias

from levelhead.errors import LevelheadError
from levelhead.guard.gateway._refusal import MediaRefused

ErrorType: TypeAlias = Literal[
    "invalid_request_error", "authentication_error", "rate_limit_error", "server_error", "upstream_error"
]


class RequestError(LevelheadError):
    """A request that gets no answer but this one.

    Args:
        status: HTTP status.
        code: A word for programs: `invalid_json`, `upstream_timeout` ...
        message: A sentence for people.
        type: The class of the error in OpenAI's form.
        param: Which field is wrong.
        retry_after: Seconds after which another try makes sense, for the header Retry-After.
        detail: For the log only.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        type: ErrorType = "invalid_request_error",  # noqa: A002 - the protocol's own name
        param: str | None = None,
        retry_after: str | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.type, self.param, self.retry_after, self.detail = type, param, retry_after, detail

    @classmethod
    def of_media(cls, refused: MediaRefused, *, place: str) -> RequestError:
        """The error for a picture that was not let in."""
        return cls(refused.status, refused.code, refused.message, param=place, detail=refused.detail)

    @property
    def envelope(self) -> dict[str, object]:
        """The error as JSON: the body of an answer, or the data of an event in a stream."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }

    @property
    def body(self) -> bytes:
        """The envelope, encoded."""
        return json.dumps(self.envelope).encode("ascii")


def busy(what: str, *, status: Literal[429, 503] = 503, seconds: int = 1) -> RequestError:
    """Too much is under way: the client should come again after so many seconds."""
    return RequestError(
        status,
        "rate_limit_exceeded" if status == 429 else "overloaded",
        f"{what} Try again in {seconds} s.",
        type="rate_limit_error" if status == 429 else "server_error",
        retry_after=str(seconds),
    )
