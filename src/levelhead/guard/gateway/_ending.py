"""How a gateway leaves: it says so, goes on for a while, and closes the door when nobody stands in it.

A balancer learns from its health checks, seconds late, that a server is about to go; until then it sends
requests, over new connections and over idle ones. What must not happen is that a connection is closed whose
request is on its way: a balancer may not ask again elsewhere, because it cannot know that nothing was done.
"""

from __future__ import annotations

import asyncio
import ctypes
import select
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass

_HANDSHAKE_SECONDS = 0.05
"""For connections that were begun before the door closed; a round trip in a data centre is far shorter."""
_ACCEPTING_SECONDS = 0.01
"""For what was accepted to become connections: asyncio forgets those that it has not made when it closes."""
_SO_ATTACH_FILTER = 26
_NO_SYN = (
    (0x30, 0, 0, 13),  # the flags of a TCP header
    (0x45, 0, 1, 0x02),  # SYN, the first packet of a connection:
    (0x06, 0, 0, 0),  # dropped,
    (0x06, 0, 0, 0xFFFFFFFF),  # all else is taken
)


@dataclass
class Ending:
    """Whether a gateway was told to end. Its server sets it, its `/readyz` reads it."""

    began: bool = False


async def last_ones_in(listening: Sequence[socket.socket]) -> None:
    """Have the event loop accept all connections that the system has accepted already.

    The system takes connections before a program does, and resets those that wait when the program stops
    listening. So it is first told to take no more: who tries now, tries again a second later and is refused.

    Args:
        listening: Sockets that the event loop accepts connections on. They are to be closed right after this.
    """
    for one in listening:
        _take_no_more(one)
    await asyncio.sleep(_HANDSHAKE_SECONDS)
    while any(_someone_waits(one) for one in listening):
        await asyncio.sleep(0)
    await asyncio.sleep(_ACCEPTING_SECONDS)


def _take_no_more(listening: socket.socket) -> None:
    if sys.platform != "linux":
        return  # what is left is the moment between the last look and the closing
    program = b"".join(struct.pack("HBBI", *line) for line in _NO_SYN)
    held = ctypes.create_string_buffer(program)
    try:
        listening.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_NO_SYN), ctypes.addressof(held))
        )
    except OSError:
        return  # some sandboxes have no filters; the same moment is left


def _someone_waits(listening: socket.socket) -> bool:
    waiting = select.poll()
    waiting.register(listening, select.POLLIN)
    return bool(waiting.poll(0))
