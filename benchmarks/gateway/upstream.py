"""A model server that costs almost nothing: bytes in, scripted bytes out. `python -m gateway.upstream`.

It reads no JSON: what it must know of a request, it finds by searching. A stream of the model `scripted` is
sent eight events at a time without a pause, as by a server that is far ahead of its clients; one of
`scripted-paced` an event every five milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import re

from gateway.traffic import HARM_ON_REQUEST, PACE_SECONDS, PACED_MODEL, events, whole

_NUMBER = re.compile(rb"Request (\d+)")
_STREAMED = re.compile(rb'"stream":\s*true')
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_MODELS = b'{"object":"list","data":[{"id":"scripted","object":"model","created":1,"owned_by":"us"}]}'
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_EVENTS_AT_ONCE = 8


class Connection(asyncio.Protocol):
    """One connection, with one request at a time on it."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._sending: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._sending is not None:
            self._sending.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n") + 4
        if head_end < 4:
            return
        length = _LENGTH.search(self._received, 0, head_end)
        end = head_end + (int(length[1]) if length else 0)
        if len(self._received) < end:
            return
        request = bytes(self._received[:end])
        del self._received[:end]
        self._answer(request)

    def _answer(self, request: bytes) -> None:
        if request.startswith(b"GET"):
            self._transport.write(_with_head(_MODELS))
            return
        found = _NUMBER.search(request)
        number = found[1] if found else b"000000"
        harmful = HARM_ON_REQUEST.encode() in request
        if not _STREAMED.search(request):
            self._transport.write(_with_head(whole(number, harmful=harmful)))
            return
        chunks = [b"%x\r\n%b\r\n" % (len(one), one) for one in events(number, harmful=harmful)]
        chunks.append(b"0\r\n\r\n")
        paced = PACED_MODEL.encode() in request
        self._sending = asyncio.get_running_loop().create_task(self._stream(chunks, paced))

    async def _stream(self, chunks: list[bytes], paced: bool) -> None:
        self._transport.write(_STREAM_HEAD)
        at_once, pause = (1, PACE_SECONDS) if paced else (_EVENTS_AT_ONCE, 0)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for place in range(0, len(chunks), at_once):
            self._transport.write(b"".join(chunks[place : place + at_once]))
            # By the clock, so that what is late once does not stay late.
            await asyncio.sleep(max(0, began + pause * (place + 1) - loop.time()) if paced else 0)


def _with_head(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    )


async def serve(host: str, port: int) -> asyncio.Server:
    """Begin to serve; port 0 takes a free one."""
    return await asyncio.get_running_loop().create_server(Connection, host, port, backlog=512)


async def _serve_on(port: int) -> None:
    server = await serve("127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(_serve_on(parser.parse_args().port))
