"""Cases 25 to 32: what may happen while a picture is fetched."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from levelhead.guard.gateway._media import MediaGate
from levelhead.guard.gateway._picture import Picture
from levelhead.guard.gateway._refusal import MediaRefused
from tests.guard.gateway.bounds import MIB, bounded
from tests.guard.gateway.picture_servers import (
    HOST,
    Answer,
    Names,
    Server,
    loopback_policy,
    redirects,
    sends,
    serving,
)
from tests.guard.gateway.pictures import as_url, encoded, plain

PNG = encoded(plain())
Result = TypeVar("Result")


def with_server(
    answers: dict[str, Answer] | Answer,
    work: Callable[[MediaGate, Server], Awaitable[Result]],
    *,
    names: Names | None = None,
    ports: tuple[int, ...] = (),
    **policy: object,
) -> Result:
    """Run `work` with a gate that may reach a server."""

    async def run() -> Result:
        async with serving(answers) as server:
            rules = loopback_policy(server.port, *ports, **policy)
            async with MediaGate(rules, resolver=names or Names()) as gate:
                return await work(gate, server)

    return asyncio.run(run())


def fetched(answer: Answer, **policy: object) -> Picture:
    return with_server(answer, lambda gate, server: gate.admit(server.url()), **policy)  # type: ignore[arg-type]


def refused(answer: Answer, **policy: object) -> MediaRefused:
    with pytest.raises(MediaRefused) as caught:
        fetched(answer, **policy)
    return caught.value


def test_a_picture_is_fetched_once_and_passed_on_as_bytes_never_as_an_address() -> None:
    async def work(gate: MediaGate, server: Server) -> None:
        picture = await gate.admit(server.url())
        assert picture.as_data_url() == as_url(PNG)
        assert len(server.requests) == 1

    with_server(sends(PNG, "Content-Type: text/html"), work)


def test_the_request_names_the_host_and_carries_nothing_of_the_client_or_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # would be connected to, and fail

    async def work(gate: MediaGate, server: Server) -> None:
        await gate.admit(server.url("/a?b=c"))
        line, *headers = server.requests[0].strip().lower().split("\r\n")
        assert line == "get /a?b=c http/1.1"
        assert f"host: {HOST}:{server.port}" in headers
        assert {header.partition(":")[0] for header in headers} == {
            "host",
            "accept",
            "accept-encoding",
            "connection",
            "user-agent",
        }

    with_server(sends(PNG), work)


@pytest.mark.parametrize("scheme", ["file", "ftp", "gopher", "blob", "javascript", "data2", "HTTPx", ""])
def test_other_schemes_are_refused_with_422_unread(scheme: str) -> None:
    async def work(gate: MediaGate, server: Server) -> MediaRefused:
        with pytest.raises(MediaRefused) as caught:
            await gate.admit(f"{scheme}://127.0.0.1:{server.port}/etc/hostname")
        assert server.requests == []
        return caught.value

    assert with_server(sends(PNG), work).code == "invalid_image_url"


def test_a_redirect_to_another_public_host_is_followed_with_its_own_host_header() -> None:
    async def work(gate: MediaGate, server: Server) -> None:
        server_answers["/x.png"] = redirects(server.url("/y.png", "cdn.example"))
        assert (await gate.admit(server.url())).data == PNG
        assert f"Host: cdn.example:{server.port}" in server.requests[1]

    server_answers = {"/y.png": sends(PNG)}
    with_server(server_answers, work, names=Names(cdn_example=[["127.0.0.1"]]))


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2/x.png",
        "http://[::1]/x.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://inside.example/x.png",
        "http://pictures.example:22/x.png",
        "file:///etc/hostname",
        "data:image/png;base64,QUJD",
        "gopher://pictures.example/",
        "//0x7f.1/x.png",
        "http://user:password@pictures.example/x.png",
        "http://[",
        "",
    ],
)
@pytest.mark.parametrize("status", ["301 Moved", "307 Temporary"])
def test_a_redirect_to_where_the_policy_does_not_lead_is_refused_with_422(location: str, status: str) -> None:
    async def work(gate: MediaGate, server: Server) -> MediaRefused:
        with pytest.raises(MediaRefused) as caught:
            await gate.admit(server.url())
        assert len(server.requests) <= 4  # an empty location is the same page again
        return caught.value

    names = Names(inside_example=[["10.0.0.5"]])
    assert with_server(redirects(location, status), work, names=names, ports=(80,)).status == 422


def test_a_redirect_without_a_location_is_refused_with_422() -> None:
    assert refused(sends(b"", status="302 Found")).status == 422


def test_eleven_hops_are_refused_with_422_after_those_allowed() -> None:
    answers = {f"/{hop}": redirects(f"/{hop + 1}") for hop in range(11)} | {"/11": sends(PNG)}

    async def work(gate: MediaGate, server: Server) -> None:
        with pytest.raises(MediaRefused) as caught:
            await gate.admit(server.url("/0"))
        assert (caught.value.status, len(server.requests)) == (422, 4)
        assert (await gate.admit(server.url("/8"))).data == PNG  # three hops

    with_server(answers, work)


def test_a_loop_of_redirects_ends_with_422() -> None:
    assert refused(redirects("/x.png")).code == "failed_to_download_image"


def test_no_cookie_is_carried_to_the_next_hop_or_the_next_picture() -> None:
    answers = {"/x.png": redirects("/y.png", "302 Found", "Set-Cookie: key=1"), "/y.png": sends(PNG)}

    async def work(gate: MediaGate, server: Server) -> None:
        await gate.admit(server.url())
        await gate.admit(server.url())
        assert not any("cookie" in head.lower() for head in server.requests)

    with_server(answers, work)


def test_a_name_that_answers_differently_the_second_time_is_asked_once_and_connected_to_as_checked() -> None:
    names = Names(rebinding_example=[["127.0.0.1"], ["127.0.0.2"]])

    async def work(gate: MediaGate, server: Server) -> None:
        assert (await gate.admit(server.url(host="rebinding.example"))).data == PNG
        assert names.asked == ["rebinding.example"]

    with_server(sends(PNG), work, names=names)


def test_a_name_that_turns_inward_between_two_hops_is_refused_with_422() -> None:
    names = Names(rebinding_example=[["127.0.0.1"], ["127.0.0.2"]])

    async def work(gate: MediaGate, server: Server) -> None:
        with pytest.raises(MediaRefused):
            await gate.admit(server.url(host="rebinding.example"))
        assert len(server.requests) == 1

    with_server(redirects("/y.png"), work, names=names)


def test_a_name_with_an_allowed_and_a_forbidden_address_is_refused_unconnected() -> None:
    async def work(gate: MediaGate, server: Server) -> None:
        with pytest.raises(MediaRefused):
            await gate.admit(server.url(host="mixed.example"))
        assert server.requests == []

    with_server(sends(PNG), work, names=Names(mixed_example=[["127.0.0.1", "127.0.0.2"]]))


def test_the_next_address_of_a_name_is_tried_if_the_first_does_not_answer() -> None:
    names = Names(two_example=[["127.0.0.3", "127.0.0.1"]])

    async def work(gate: MediaGate, server: Server) -> Picture:
        return await gate.admit(server.url(host="two.example"))

    networks = ["127.0.0.1/32", "127.0.0.3/32"]
    assert with_server(sends(PNG), work, names=names, allowed_networks=networks).data == PNG


def test_unknown_names_closed_ports_and_forbidden_addresses_get_one_answer_that_tells_nothing() -> None:
    names = Names(inside_example=[["10.0.0.5"]], closed_example=[["127.0.0.1"]])

    async def work(gate: MediaGate, server: Server) -> set[tuple[int, str, str]]:
        told: set[tuple[int, str, str]] = set()
        for url in (
            "http://inside.example/",
            "http://unknown.example/",
            "http://closed.example:9/",
            "http://10.0.0.5/",
            "http://pictures.example:21/",
        ):
            with pytest.raises(MediaRefused) as caught:
                await gate.admit(url)
            told.add((caught.value.status, caught.value.code, caught.value.message))
            assert not any(word in str(caught.value) for word in ("10.0", "127.0", "example", "ort 9"))
        return told

    assert len(with_server(sends(PNG), work, names=names, ports=(80, 9))) == 1


def test_an_endless_body_is_refused_with_413_at_the_limit() -> None:
    with bounded(seconds=5, mebibytes=20):
        answer = sends(bytes(64 * 1024), length=-1, times=100_000)
        assert refused(answer, max_image_bytes=MIB).code == "image_file_too_large"


def test_a_length_past_the_limit_is_refused_with_413_unread() -> None:
    with bounded(seconds=1, mebibytes=5):
        assert refused(sends(b"", length=10**12)).status == 413


def test_a_body_without_a_length_is_read_to_its_end() -> None:
    assert fetched(sends(PNG, length=-1)).data == PNG


def test_a_chunked_body_is_read_to_its_end() -> None:
    chunked = f"{len(PNG):x}\r\n".encode() + PNG + b"\r\n0\r\n\r\n"
    assert fetched(sends(chunked, "Transfer-Encoding: chunked", length=-1)).data == PNG


@pytest.mark.parametrize("wrong_by", [-10, 10])
def test_a_length_that_lies_is_refused_with_422(wrong_by: int) -> None:
    assert refused(sends(PNG, length=len(PNG) + wrong_by)).status == 422


def test_a_compressed_body_is_inflated() -> None:
    assert fetched(sends(gzip.compress(PNG), "Content-Encoding: gzip")).data == PNG
    assert fetched(sends(zlib.compress(PNG), "Content-Encoding: deflate")).data == PNG


def test_a_compressed_body_that_inflates_past_the_limit_is_refused_with_413_at_the_limit() -> None:
    bomb = gzip.compress(bytes(200 * MIB), 9)
    with bounded(seconds=3, mebibytes=15):
        refusal = refused(sends(bomb, "Content-Encoding: gzip"), max_image_bytes=2 * MIB)
        assert (refusal.status, refusal.code) == (413, "image_file_too_large")


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x"])
def test_other_compressions_are_refused_with_422(encoding: str) -> None:
    assert refused(sends(PNG, f"Content-Encoding: {encoding}")).status == 422


@pytest.mark.parametrize("body", [b"no gzip at all", gzip.compress(PNG)[:-20]], ids=["not gzip", "cut off"])
def test_a_damaged_compressed_body_is_refused_with_422(body: bytes) -> None:
    assert refused(sends(body, "Content-Encoding: gzip")).code == "failed_to_download_image"


def test_one_byte_a_moment_ends_with_504_when_the_time_is_over() -> None:
    with bounded(seconds=3, mebibytes=5):
        answer = sends(b"\x89", length=1000, times=1000, pause=0.05)
        assert refused(answer, total_seconds=0.5).status == 504


def test_silence_after_the_head_ends_with_504_when_idle_time_is_over() -> None:
    with bounded(seconds=3, mebibytes=5):
        refusal = refused(sends(PNG[:10], length=1000, pause=20), idle_seconds=0.3)
        assert (refusal.status, refusal.code) == (504, "failed_to_download_image")


def test_silence_before_the_head_ends_with_504_when_idle_time_is_over() -> None:
    async def says_nothing(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(20)

    with bounded(seconds=3, mebibytes=5):
        assert refused(says_nothing, idle_seconds=0.3).status == 504


def test_an_endless_head_is_refused_with_422() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(100_000):
            writer.write(b"X-A: " + b"a" * 1000 + b"\r\n")
            await writer.drain()

    with bounded(seconds=5, mebibytes=10):
        assert refused(endless).code == "failed_to_download_image"


@pytest.mark.parametrize(
    "status", ["404 Not Found", "500 Error", "204 No Content", "206 Partial Content", "304 Same"]
)
def test_an_answer_other_than_200_is_refused_with_422_though_it_holds_a_picture(status: str) -> None:
    body = b"" if status[0:3] in {"204", "304"} else PNG
    assert refused(sends(body, status=status, length=len(body))).code == "failed_to_download_image"


def test_a_page_instead_of_a_picture_is_refused_with_422() -> None:
    refusal = refused(sends(b"<html>Not here</html>", "Content-Type: image/png"))
    assert (refusal.status, refusal.code) == (422, "unsupported_image_media_type")


def test_an_empty_body_is_refused_with_422() -> None:
    assert refused(sends(b"")).code == "empty_image_file"


def test_a_server_that_breaks_off_or_speaks_something_else_is_refused_with_422() -> None:
    async def hangs_up(writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async def another_protocol(writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")

    assert refused(hangs_up).code == "failed_to_download_image"
    assert refused(another_protocol).code == "failed_to_download_image"


def test_no_more_pictures_are_fetched_at_once_than_allowed() -> None:
    async def after_a_moment(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        await sends(PNG)(writer)

    async def work(gate: MediaGate, server: Server) -> None:
        pictures = await asyncio.gather(*(gate.admit(server.url(f"/{index}")) for index in range(12)))
        assert len(pictures) == len(server.requests) == 12
        assert server.most_at_once == 3

    with_server(after_a_moment, work, max_concurrent_fetches=3)


def test_a_cancelled_fetch_gives_its_place_and_its_connection_back() -> None:
    async def stalls(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(20)

    async def work(gate: MediaGate, server: Server) -> None:
        task = asyncio.create_task(gate.admit(server.url("/slow")))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await gate.admit(server.url("/x.png"))).data == PNG

    with_server({"/slow": stalls, "/x.png": sends(PNG)}, work, max_concurrent_fetches=1)


def test_fetching_and_refusing_leave_no_file_open() -> None:
    def files_open() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def work(gate: MediaGate, server: Server) -> None:
        await gate.admit(server.url("/x.png"))
        before = files_open()
        for _ in range(20):
            await gate.admit(server.url("/x.png"))
            for path in ("/cut", "/loop"):
                with pytest.raises(MediaRefused):
                    await gate.admit(server.url(path))
        assert files_open() <= before

    with_server({"/x.png": sends(PNG), "/cut": sends(PNG[:60]), "/loop": redirects("/loop")}, work)


def test_a_policy_of_data_urls_only_fetches_nothing() -> None:
    async def work(gate: MediaGate, server: Server) -> None:
        with pytest.raises(MediaRefused):
            await gate.admit(server.url())
        assert server.requests == []

    with_server(sends(PNG), work, schemes=["data"])


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with the openssl program")
def test_a_certificate_is_checked_against_the_name_though_the_connection_goes_to_an_address(
    tmp_path: Path,
) -> None:
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem "
        f"-out cert.pem -days 2 -subj /CN={HOST} -addext subjectAltName=DNS:{HOST}"
    )
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")

    async def run() -> None:
        async with serving(sends(PNG), tls=ours) as server:
            rules = loopback_policy(server.port)
            names = Names(other_example=[["127.0.0.1"]])
            async with MediaGate(rules, resolver=names, tls=trusting) as gate:
                assert (await gate.admit(server.url().replace("http:", "https:"))).data == PNG
                with pytest.raises(MediaRefused):  # the same address under a name that the certificate lacks
                    await gate.admit(server.url(host="other.example").replace("http:", "https:"))
            async with MediaGate(rules, resolver=names) as gate:
                with pytest.raises(MediaRefused):  # nobody vouches for it
                    await gate.admit(server.url().replace("http:", "https:"))

    asyncio.run(run())
