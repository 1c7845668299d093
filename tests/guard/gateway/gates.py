"""A gate for one test: opened, asked and closed within one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from levelhead.guard.gateway._media import MediaGate
from levelhead.guard.gateway._media_policy import MediaPolicy
from levelhead.guard.gateway._picture import Picture
from levelhead.guard.gateway._refusal import MediaRefused
from tests.guard.gateway.pictures import as_url

Result = TypeVar("Result")


def with_gate(
    work: Callable[[MediaGate], Awaitable[Result]], policy: MediaPolicy | None = None, **parts: object
) -> Result:
    """Run `work` with a gate."""

    async def run() -> Result:
        async with MediaGate(policy or MediaPolicy(schemes=("data",)), **parts) as gate:  # type: ignore[arg-type]
            return await work(gate)

    return asyncio.run(run())


def admitted(data: bytes, policy: MediaPolicy | None = None) -> Picture:
    """Let a picture in."""
    return with_gate(lambda gate: gate.admit(as_url(data)), policy)


def refused(reference: bytes | str, policy: MediaPolicy | None = None, **parts: object) -> MediaRefused:
    """The refusal of a picture or of a reference to one."""
    url = as_url(reference) if isinstance(reference, bytes) else reference
    with pytest.raises(MediaRefused) as caught:
        with_gate(lambda gate: gate.admit(url), policy, **parts)
    return caught.value
