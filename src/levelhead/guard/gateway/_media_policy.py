"""What pictures a gateway lets in: where they may come from, how large they may be, how long they may take.

Every limit stands here, with its default. The defaults suit a gateway that faces the internet; whatever is
not allowed is refused, never passed on uninspected.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MIB = 1024 * 1024

Scheme: TypeAlias = Literal["data", "https", "http"]
PictureFormat: TypeAlias = Literal["png", "jpeg", "webp", "gif"]
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Seconds: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count: TypeAlias = Annotated[int, Field(ge=1)]


def _host_pattern(pattern: str) -> str:
    """The pattern as hosts are compared: lower case, no trailing dot, ASCII."""
    name = pattern.lower().rstrip(".")
    bare = name.removeprefix("*.")
    if not bare or "*" in bare or any(mark in bare for mark in "/@ \\") or not bare.isascii():
        raise ValueError(
            f"{pattern!r} is no host. Write a name (img.example.org), all names below one (*.example.org) or "
            "an address; a name in other letters in its xn-- form"
        )
    return name


HostPattern: TypeAlias = Annotated[str, AfterValidator(_host_pattern)]


class MediaPolicy(BaseModel):
    """Rules for the pictures of a request.

    Raises:
        pydantic.ValidationError: If a field is unknown, of a wrong type or out of range.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schemes: tuple[Scheme, ...] = Field(
        ("data", "https", "http"),
        description="Kinds of references that are read. Leave only data to fetch nothing at all.",
    )
    formats: tuple[PictureFormat, ...] = Field(
        ("png", "jpeg", "webp", "gif"),
        description="Picture formats that are let in, told by the bytes and not by what the sender claims.",
    )
    allowed_hosts: tuple[HostPattern, ...] = Field(
        (),
        description="If any are named, pictures are fetched from these hosts only. *.example.org stands for "
        "all names below example.org.",
    )
    blocked_hosts: tuple[HostPattern, ...] = Field(
        ("localhost", "*.localhost", "*.local", "*.internal"),
        description="Hosts from which nothing is fetched, even if allowed_hosts names them.",
    )
    allowed_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = Field(
        (80, 443), description="Ports that are connected to."
    )
    allowed_networks: tuple[Network, ...] = Field(
        (),
        description="Private ranges that may be reached although they are not on the public internet, such "
        "as 10.20.0.0/16. Cloud metadata addresses stay closed whatever stands here.",
    )
    max_redirects: int = Field(
        3, ge=0, description="Redirects that are followed; each hop is checked like the first address."
    )
    max_images: Count = Field(8, description="Pictures in one request.")
    max_image_bytes: Count = Field(
        10 * MIB, description="Bytes of one encoded picture, after transfer compression is undone."
    )
    max_request_bytes: Count = Field(32 * MIB, description="Bytes of all encoded pictures of one request.")
    max_pixels: Count = Field(
        25_000_000, description="Decoded pixels of one picture: width x height x frames."
    )
    max_side: Count = Field(16_384, description="Pixels of the longer side.")
    max_frames: Count = Field(16, description="Frames of an animated picture; each of them is decoded.")
    total_seconds: Seconds = Field(
        20.0, description="Time for one picture in all: waiting, fetching and decoding."
    )
    connect_seconds: Seconds = Field(5.0, description="Time to connect to one address.")
    idle_seconds: Seconds = Field(5.0, description="Longest silence of a server while a picture is fetched.")
    max_concurrent_fetches: Count = Field(16, description="Pictures fetched at the same time.")
    decode_seconds: Seconds = Field(
        5.0, description="Time to decode one picture; past it the decoding process is killed."
    )
    decode_memory_bytes: int = Field(
        768 * MIB, ge=64 * MIB, description="Address space of a decoding process, held by the system."
    )
    decoders: Count = Field(2, description="Decoding processes, each with its own memory.")
    cache_bytes: int = Field(
        64 * MIB,
        ge=0,
        description="Memory for pictures that were let in, so that a repeat is cheap.",
    )
    reading_side: int = Field(
        736,
        ge=64,
        description="Pixels of the longer side at which text in pictures is read. Larger finds smaller text "
        "and takes longer.",
    )
    read_half_turned: bool = Field(
        True, description="Whether pictures are also read upside down, which takes twice as long."
    )
    reading_seconds: Seconds = Field(
        10.0, description="Time to read the text of one picture; past it the text counts as not inspected."
    )
