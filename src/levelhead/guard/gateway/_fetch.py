"""Fetching a picture: one request at a time to an address that was checked, read up to a limit.

No redirect is followed by the library, no cookie, credential or proxy setting takes part, and no connection
is kept: one that was made for a name is never used for another name at the same address.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from concurrent.futures import ThreadPoolExecutor

import httpx

from levelhead.guard.gateway._address import (
    Address,
    Resolver,
    Target,
    allowed_addresses,
    read_target,
    system_resolver,
)
from levelhead.guard.gateway._media_policy import MediaPolicy
from levelhead.guard.gateway._refusal import MediaRefused, too_many_bytes, too_slow, unreachable

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class Fetcher:
    """Fetches pictures under a policy.

    Args:
        policy: The rules.
        resolver: Turns names into addresses; the system's by default.
        tls: Which certificates are trusted; those of certifi by default.
    """

    def __init__(
        self, policy: MediaPolicy, *, resolver: Resolver | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._policy = policy
        self._threads = ThreadPoolExecutor(policy.max_concurrent_fetches, thread_name_prefix="resolver")
        self._resolver = resolver or system_resolver(self._threads)
        self._transport = httpx.AsyncHTTPTransport(
            verify=tls if tls is not None else httpx.create_ssl_context(trust_env=False),
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._slots = asyncio.Semaphore(policy.max_concurrent_fetches)

    async def fetch(self, reference: str) -> bytes:
        """The bytes at a URL. The caller bounds the time of the whole.

        Raises:
            MediaRefused: If the policy does not allow it, or no bytes come.
        """
        target = read_target(reference, self._policy)
        async with self._slots:
            for _ in range(self._policy.max_redirects + 1):
                response = await self._ask(target)
                try:
                    if response.status_code not in _REDIRECTS:
                        return await self._body(response)
                    target = self._next(target, response)
                finally:
                    await response.aclose()
        raise _failed("The image could not be fetched: too many redirects.", "redirects")

    async def aclose(self) -> None:
        """Close connections; threads end when the system has answered them."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._transport.aclose()

    def _next(self, target: Target, response: httpx.Response) -> Target:
        try:
            location = target.url.join(response.headers["location"])
        except (KeyError, httpx.InvalidURL) as error:
            raise _failed("The image could not be fetched: its server redirects to no URL.", "") from error
        return read_target(str(location), self._policy)

    async def _ask(self, target: Target) -> httpx.Response:
        """Send the request to the first of the target's addresses that takes a connection."""
        addresses = await allowed_addresses(target, self._policy, self._resolver)
        why: Exception | None = None
        for address in addresses:
            try:
                return await self._transport.handle_async_request(self._request(target, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                why = error
            except httpx.TimeoutException as error:
                raise self._silent() from error
            except httpx.TransportError as error:
                raise _failed("The image could not be fetched: its server broke off.", str(error)) from error
        raise unreachable(f"{target.host}: {why}") from why

    def _request(self, target: Target, address: Address) -> httpx.Request:
        seconds = {"connect": self._policy.connect_seconds, "pool": self._policy.connect_seconds}
        seconds |= {"read": self._policy.idle_seconds, "write": self._policy.idle_seconds}
        return httpx.Request(
            "GET",
            target.url.copy_with(host=str(address)),
            headers={
                "Host": target.url.netloc.decode("ascii"),
                "Accept": "image/*",
                "Accept-Encoding": "identity",
                "Connection": "close",
                "User-Agent": "levelhead-guard",
            },
            extensions={"timeout": seconds, "sni_hostname": target.host},
        )

    async def _body(self, response: httpx.Response) -> bytes:
        if response.status_code != 200:
            raise _failed(
                "The image could not be fetched: its server answered with an error.",
                f"status {response.status_code}",
            )
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and len(declared) < 20 and int(declared) > self._policy.max_image_bytes:
            raise too_many_bytes(self._policy.max_image_bytes)
        try:
            data = await self._read(response)
        except httpx.TimeoutException as error:
            raise self._silent() from error
        except (httpx.TransportError, zlib.error) as error:
            raise _failed("The image could not be fetched: its server broke off.", str(error)) from error
        if not data:
            raise MediaRefused(422, "empty_image_file", "The image is empty.")
        return data

    async def _read(self, response: httpx.Response) -> bytes:
        """The body, inflated; neither what comes in nor what is inflated ever passes the limit."""
        limit = self._policy.max_image_bytes
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding != "identity" and encoding not in _WINDOW:
            raise _failed("The image could not be fetched: its server compresses it.", encoding)
        inflate = zlib.decompressobj(_WINDOW[encoding]) if encoding in _WINDOW else None
        data = bytearray()
        received = 0
        async for chunk in response.aiter_raw():
            received += len(chunk)
            data += inflate.decompress(chunk, limit + 1 - len(data)) if inflate else chunk
            if max(received, len(data)) > limit:
                raise too_many_bytes(limit)
        if inflate and not inflate.eof:
            raise zlib.error("the compressed body is cut off")
        return bytes(data)

    def _silent(self) -> MediaRefused:
        return too_slow("failed_to_download_image", self._policy.idle_seconds, "silence")


def _failed(message: str, detail: str) -> MediaRefused:
    return MediaRefused(422, "failed_to_download_image", message, detail=detail)
