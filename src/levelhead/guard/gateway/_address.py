"""Which addresses a picture may be fetched from.

A name is turned into addresses once; every one of them must be allowed; and the connection goes to an address
that was checked, so a name that answers differently a moment later changes nothing. Ranges are those of the
IANA special-purpose registries (RFC 6890 and what followed), written out, since the answers of Python's
`ipaddress` changed between its versions.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple, TypeAlias

import httpx

from levelhead.guard.gateway._media_policy import MediaPolicy, Network
from levelhead.guard.gateway._refusal import MediaRefused, unreachable

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host's name and a port to its addresses; raises OSError if there are none."""

_LONGEST_URL = 8192
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*")
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\\]")
"""Characters at which programs that read URLs disagree about where the host ends."""

_METADATA: tuple[Network, ...] = (
    ipaddress.IPv4Network("169.254.0.0/16"),
    ipaddress.IPv4Network("168.63.129.16/32"),
    ipaddress.IPv4Network("100.100.100.200/32"),
    ipaddress.IPv4Network("192.0.0.192/32"),
    ipaddress.IPv6Network("fd00:ec2::/32"),
    ipaddress.IPv6Network("fd20:ce::/32"),
    ipaddress.IPv6Network("fe80::/10"),
)
"""Where clouds hand out keys to whoever asks from inside. Closed whatever a policy allows."""
_SPECIAL_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by carriers
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/3",  # multicast, reserved, broadcast
        ),
    )
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
"""All unicast addresses of the internet; everything outside is local, reserved or multicast."""
_SPECIAL_V6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocol assignments; Teredo, which hides an IPv4 address
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which hides an IPv4 address
            "3ffe::/16",  # an abandoned test network
            "3fff::/20",  # documentation
        ),
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Target(NamedTuple):
    """An address of a picture, taken apart once: nothing reads the URL again.

    Attributes:
        url: Without user, password and fragment; its host in ASCII, without a trailing dot.
        host: The host, as names are compared.
        port: The port, the scheme's own if none was given.
    """

    url: httpx.URL
    host: str
    port: int


def read_target(reference: str, policy: MediaPolicy) -> Target:
    """Take a URL apart and check all that can be checked without asking for an address.

    Raises:
        MediaRefused: If it is no such URL, or the policy does not allow its scheme, host or port.
    """
    try:
        if len(reference) > _LONGEST_URL or _NOT_IN_URLS.search(reference):
            raise httpx.InvalidURL("length or characters")
        url = httpx.URL(reference).copy_with(fragment=None)
        host = _host(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise MediaRefused(
            422, "invalid_image_url", "The image URL is not a valid http or https URL.", detail=str(error)
        ) from error
    if url.scheme not in set(policy.schemes) - {"data"}:
        raise unreachable(f"scheme {url.scheme}")
    if url.userinfo:
        raise MediaRefused(422, "invalid_image_url", "The image URL must not hold a user name or a password.")
    port = {"http": 80, "https": 443}[url.scheme] if url.port is None else url.port
    if port not in policy.allowed_ports:
        raise unreachable(f"port {port}")
    if _named(host, policy.blocked_hosts) or (
        policy.allowed_hosts and not _named(host, policy.allowed_hosts)
    ):
        raise unreachable(f"host {host}")
    return Target(url.copy_with(host=host), host, port)


async def allowed_addresses(target: Target, policy: MediaPolicy, resolver: Resolver) -> list[Address]:
    """The addresses of a target, in the order in which the resolver gave them.

    Raises:
        MediaRefused: If there is none, or any of them is not allowed.
    """
    literal = _parsed(target.host)
    if literal is not None:
        answers = [str(literal)]
    else:
        try:
            answers = list(dict.fromkeys(await resolver(target.host, target.port)))
        except (OSError, UnicodeError) as error:
            raise unreachable(f"{target.host}: {error}") from error
    addresses = [_parsed(answer) for answer in answers]
    forbidden = [answer for answer, one in zip(answers, addresses, strict=True) if not _may(one, policy)]
    if forbidden or not addresses:
        raise unreachable(f"{target.host} is at {', '.join(answers) or 'no address'}")
    return [address for address in addresses if address is not None]


def is_allowed(address: Address, policy: MediaPolicy) -> bool:
    """Whether an address is on the public internet, or in a network that the policy opens."""
    inner = _inner(address)
    if any(address in network or inner in network for network in _METADATA):
        return False
    if any(inner in network for network in policy.allowed_networks):
        return True
    if isinstance(inner, ipaddress.IPv4Address):
        return not any(inner in network for network in _SPECIAL_V4)
    return inner in _GLOBAL_V6 and not any(inner in network for network in _SPECIAL_V6)


def system_resolver(executor: Executor) -> Resolver:
    """The system's way from names to addresses, in threads of its own: a slow answer holds nothing up."""

    async def resolve(host: str, port: int) -> list[str]:
        found = await asyncio.get_running_loop().run_in_executor(
            executor, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [str(address[0]) for *_, address in found]

    return resolve


def _host(url: httpx.URL) -> str:
    host = url.raw_host.decode("ascii").lower().removesuffix(".")
    if _parsed(host) is not None:
        return host
    last = host.rpartition(".")[2]
    if not _NAME.fullmatch(host) or len(host) > 253 or last.isdigit() or last.startswith("0x"):
        # 2130706433, 0177.1 and 0x7f.0.0.1 are addresses to some programs and names to others.
        raise ValueError("the host is neither a name nor an address in its usual form")
    return host


def _parsed(host: str) -> Address | None:
    """The address that a text spells, or None. One with a zone is on a link of this machine: it is none."""
    try:
        return None if "%" in host else ipaddress.ip_address(host)
    except ValueError:
        return None


def _may(address: Address | None, policy: MediaPolicy) -> bool:
    return address is not None and is_allowed(address, policy)


def _inner(address: Address) -> Address:
    """The IPv4 address that is reached through an IPv6 one, or the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _named(host: str, patterns: Sequence[str]) -> bool:
    return any(
        host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern for pattern in patterns
    )
