"""Cases 23, 24, 27: which addresses a picture may be fetched from, whatever their spelling."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from levelhead.guard.gateway._address import allowed_addresses, is_allowed, read_target, system_resolver
from levelhead.guard.gateway._media_policy import MediaPolicy
from levelhead.guard.gateway._refusal import MediaRefused

POLICY = MediaPolicy()
PUBLIC = "93.184.215.14"


def addresses(reference: str, *answers: str, policy: MediaPolicy = POLICY) -> list[str]:
    """Where the gate would connect to, if the resolver gave these answers."""

    async def resolver(host: str, port: int) -> Sequence[str]:
        return answers

    async def run() -> list[str]:
        return [str(one) for one in await allowed_addresses(read_target(reference, policy), policy, resolver)]

    return asyncio.run(run())


def refusal(reference: str, *answers: str, policy: MediaPolicy = POLICY) -> MediaRefused:
    with pytest.raises(MediaRefused) as caught:
        addresses(reference, *answers, policy=policy)
    return caught.value


INSIDE = [
    "169.254.169.254",  # metadata of most clouds
    "169.254.170.2",  # keys of containers
    "168.63.129.16",  # Azure's host
    "100.100.100.200",  # Alibaba's metadata
    "192.0.0.192",  # Oracle's metadata
    "100.64.0.1",
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:5db8:d70e::",  # 6to4 of a public address: nobody serves pictures there
    "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",  # Amazon's metadata
    "fe80::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused_as_a_literal(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    assert refusal(f"http://{host}/x.png").code == "failed_to_download_image"


@pytest.mark.parametrize("address", [*INSIDE, "fe80::1%eth0", "nonsense", ""])
def test_an_address_inside_is_refused_as_the_answer_for_a_name(address: str) -> None:
    assert refusal("http://pictures.example/x.png", address).status == 422


@pytest.mark.parametrize("address", INSIDE)
def test_one_address_inside_among_public_ones_refuses_the_name(address: str) -> None:
    assert refusal("http://pictures.example/x.png", PUBLIC, address, "8.8.8.8").status == 422


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert addresses("https://pictures.example/x.png", address) == [address]


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "127.1",
        "127.0.1",
        "1.2.3.4.5",
        "127.0.0.01",
        "256.1.1.1",
        "１２７.0.0.1",
        "①②⑦.0.0.1",
    ],
)
def test_a_number_that_is_no_dotted_address_is_refused_unresolved(host: str) -> None:
    refused = refusal(f"http://{host}/x.png", PUBLIC)
    assert (refused.status, refused.code) == (422, "invalid_image_url")


@pytest.mark.parametrize("host", ["127.0.0.1.", "127。0。0。1", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]"])
def test_other_spellings_of_loopback_are_refused(host: str) -> None:
    assert refusal(f"http://{host}/x.png", PUBLIC).status == 422


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "metadata.google.internal",
        "Metadata.Google.Internal.",
        "ip-10-0-0-1.ec2.internal",
        "printer.local",
    ],
)
def test_names_of_the_inside_are_refused_even_if_they_resolve_to_public_addresses(host: str) -> None:
    assert refusal(f"http://{host}/x.png", PUBLIC).status == 422


@pytest.mark.parametrize(
    "url",
    [
        "http://good.example@127.0.0.1/x.png",
        "http://good.example:80@evil.example/x.png",
        "http://user:password@good.example/x.png",
        "http://good.example\\@evil.example/x.png",
        "http://good.example/\nHost: evil.example",
        "http://good.example/ x.png",
        "http://good.example:port/x.png",
        "http:///x.png",
        "http://",
        "http:x.png",
        "https://a..example/x.png",
        "https://good.example../x.png",
        "https://[::1/x.png",
        "https://[fe80::1%25eth0]/x.png",
        "http://exa%6dple.com/x.png",
        "https://" + "a" * 9000 + ".example/",
    ],
)
def test_a_url_on_which_programs_disagree_is_refused(url: str) -> None:
    refused = refusal(url, PUBLIC)
    assert (refused.status, refused.code) == (422, "invalid_image_url")


def test_a_name_in_other_letters_is_asked_for_in_its_ascii_form_and_matched_so() -> None:
    policy = MediaPolicy(blocked_hosts=("xn--bcher-kva.example",))
    assert read_target("https://bücher.example/x.png", POLICY).host == "xn--bcher-kva.example"
    assert refusal("https://BÜCHER.example./x.png", PUBLIC, policy=policy).status == 422


def test_a_trailing_dot_neither_changes_the_rules_nor_the_host_that_is_asked() -> None:
    target = read_target("https://Pictures.Example./x.png#part", POLICY)
    assert (target.host, str(target.url)) == ("pictures.example", "https://pictures.example/x.png")


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("cdn.example", True),
        ("img.cdn.example", False),
        ("a.pics.example", True),
        ("a.b.pics.example", True),
        ("pics.example", False),
        ("evilpics.example", False),
        ("cdn.example.evil.example", False),
    ],
)
def test_only_named_hosts_are_asked_where_hosts_are_named(host: str, allowed: bool) -> None:
    policy = MediaPolicy(allowed_hosts=("CDN.example.", "*.pics.example"))
    if allowed:
        assert addresses(f"https://{host}/x.png", PUBLIC, policy=policy) == [PUBLIC]
    else:
        assert refusal(f"https://{host}/x.png", PUBLIC, policy=policy).status == 422


def test_a_blocked_host_is_refused_even_if_it_is_named_as_allowed() -> None:
    policy = MediaPolicy(allowed_hosts=("cdn.example",), blocked_hosts=("cdn.example",))
    assert refusal("https://cdn.example/x.png", PUBLIC, policy=policy).status == 422


def test_a_port_that_the_policy_does_not_name_is_refused() -> None:
    assert refusal("https://cdn.example:22/x.png", PUBLIC).status == 422
    assert refusal("https://cdn.example:0/x.png", PUBLIC).status == 422
    assert addresses("http://cdn.example:443/x.png", PUBLIC) == [PUBLIC]


def test_a_network_that_the_policy_opens_is_reached_and_its_metadata_address_is_not() -> None:
    policy = MediaPolicy(allowed_networks=("10.20.0.0/16", "169.254.0.0/16", "fd00::/8"))
    assert addresses("http://store.example/x.png", "10.20.3.4", policy=policy) == ["10.20.3.4"]
    assert addresses("http://[::ffff:10.20.3.4]/x.png", policy=policy) == ["::ffff:a14:304"]
    for closed in ("10.21.0.1", "169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254"):
        assert refusal("http://store.example/x.png", closed, policy=policy).status == 422


def test_the_system_is_asked_in_threads_of_its_own() -> None:
    with ThreadPoolExecutor(1) as threads:
        assert set(asyncio.run(_resolve(threads))) <= {"127.0.0.1", "::1"}  # told by the hosts file
        assert len(threads._threads) == 1


async def _resolve(threads: ThreadPoolExecutor) -> Sequence[str]:
    return await system_resolver(threads)("localhost", 80)


@given(st.ip_addresses())
def test_no_address_that_python_calls_private_is_allowed(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_allowed(address, POLICY):
        inner = address
        if isinstance(address, ipaddress.IPv6Address) and address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        assert inner.is_global
        assert not inner.is_multicast


@pytest.mark.parametrize(
    "pattern", ["https://a.example", "a.example/x", "*", "*.*.example", "", "bücher.example"]
)
def test_a_host_pattern_that_could_never_match_is_refused_when_the_policy_is_made(pattern: str) -> None:
    with pytest.raises(ValidationError, match="is no host"):
        MediaPolicy(allowed_hosts=(pattern,))


def test_a_policy_refuses_a_field_that_it_does_not_know_and_describes_those_that_it_does() -> None:
    with pytest.raises(ValidationError, match="max_pixel"):
        MediaPolicy.model_validate({"max_pixel": 1})
    assert all(field.description and not field.is_required() for field in MediaPolicy.model_fields.values())
