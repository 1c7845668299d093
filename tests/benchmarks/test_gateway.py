"""The measuring code of the gateway benchmark, against its own upstream and nothing before it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import gateway
from gateway.client import Connection, load
from gateway.figures import added, of_load, percentile
from gateway.measuring import DIRECT, Load, Running, Turn, numbers, proper, take_rounds, what_it_stops
from gateway.peers import LAUNCHES, Launch, Setting, Skipped
from gateway.plot import write_plot
from gateway.processes import Cores, Server, StartError, free_port, running
from gateway.traffic import PICTURE_SIZES, Mode, body, patterns, picture, question
from gateway.upstream import serve

FOLDER = Path(gateway.__file__).parents[1]


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "gateway.upstream", "--port", str(port)]
    cores = Cores.of_this_machine().client
    with running(Server(command, {"PYTHONPATH": str(FOLDER)}, port, cores, tmp_path / "log")) as server:
        yield server


def test_each_answer_carries_the_number_of_its_request_plain_and_streamed() -> None:
    async def ask() -> None:
        async with await serve("127.0.0.1", 0) as server:
            connection = Connection("127.0.0.1", server.sockets[0].getsockname()[1], "key")
            modes: tuple[Mode, ...] = ("plain", "stream", "plain")
            for number, mode in zip((111_111, 222_222, 333_333), modes, strict=True):
                found = await connection.ask(body(question(number), mode))
                assert found.status == 200
                assert str(number).encode() in found.raw
                assert proper(found, mode)
                assert found.first_text is not None
                assert found.first_text <= found.seconds
            connection.close()

    asyncio.run(ask())


def test_a_load_keeps_all_connections_busy_and_counts_every_exchange() -> None:
    async def ask() -> None:
        async with await serve("127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            connections = [Connection("127.0.0.1", port, "key") for _ in range(4)]
            bodies = (body(question(number), "plain") for number in numbers(0))
            found, elapsed = await load(connections, bodies, seconds=0, at_least=40)
            assert 40 <= len(found) < 44
            assert all(proper(one, "plain") for one in found)
            assert sum(one.seconds for one in found) <= 4 * elapsed
            for connection in connections:
                connection.close()

    asyncio.run(ask())


def test_a_connection_that_breaks_is_a_failure_and_not_an_answer() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        writer.close()

    async def ask() -> None:
        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            connection = Connection("127.0.0.1", server.sockets[0].getsockname()[1], "key")
            found = await connection.ask(body(question(1), "plain"))
            assert found.status == 0
            assert not proper(found, "plain")

    asyncio.run(ask())


def test_rounds_give_every_server_its_turns_and_numbers(upstream: Server, tmp_path: Path) -> None:
    loads = (Load("plain", 1), Load("stream", 2), Load("paced", 1))
    servers = {DIRECT: Running(upstream), "same": Running(upstream)}

    async def measure() -> int:
        cold = await upstream.first_answer(body(question(0), "plain"), "key")
        assert cold > 0
        return await take_rounds(
            servers, loads=loads, turn_seconds=0.02, budget_seconds=0, most_rounds=9, seed=0
        )

    rounds = asyncio.run(measure())
    assert rounds == 1
    for kind in loads:
        found = of_load("same", servers, kind)
        assert found["failures"] == 0
        assert found["requests"] >= kind.at_once
        assert ("first_text_ms" in found) == (kind.mode != "plain")
    assert servers["same"].resident_bytes > 1e6


def test_direct_access_stops_nothing(upstream: Server) -> None:
    async def look() -> dict[str, bool]:
        await upstream.first_answer(body(question(0), "plain"), "key")
        return await what_it_stops(Running(upstream))

    assert asyncio.run(look()) == {"question": False, "answer": False, "stream": False}


def test_a_server_that_ends_at_once_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no weights')"]
    server = Server(command, {}, free_port(), Cores.of_this_machine().client, tmp_path / "log")
    with running(server), pytest.raises(StartError, match="no weights"):
        asyncio.run(server.first_answer(b"{}", "key"))


def test_added_latency_is_the_difference_of_percentiles_and_inside_its_interval() -> None:
    draw = np.random.default_rng(0)
    direct = [Turn(list(draw.exponential(0.001, 200)), [], [], 1, 0, 0) for _ in range(6)]
    slower = [Turn([one + 0.004 for one in turn.seconds], [], [], 1, 0, 0) for turn in direct]
    found = added(slower, direct, lambda turn: turn.seconds, 50)
    assert found["value"] == pytest.approx(4)
    assert found["low"] <= found["value"] <= found["high"]


def test_a_percentile_that_no_sample_lies_above_is_not_told() -> None:
    assert percentile(np.arange(99.0), 99) is None
    assert percentile(np.arange(100.0), 99) == pytest.approx(98.01)


def test_no_two_pictures_have_the_same_bytes_and_a_question_with_harm_is_found_by_a_pattern() -> None:
    import re

    assert picture(PICTURE_SIZES[0], 1) != picture(PICTURE_SIZES[0], 2)
    assert any(re.search(one, question(1, harm="question")) for one in patterns())
    assert not any(re.search(one, question(1)) for one in patterns())


@pytest.mark.parametrize("name", LAUNCHES)
def test_without_a_detector_t2_is_left_out_with_a_reason(name: str, tmp_path: Path) -> None:
    setting = Setting("T2", tmp_path, tmp_path, "http://127.0.0.1:1/v1", 2, None)
    found = LAUNCHES[name](setting)
    assert isinstance(found, Skipped)
    assert found.reason.endswith(".")


def test_our_config_is_one_that_the_gateway_takes(tmp_path: Path) -> None:
    from levelhead.guard.gateway import read_config

    launch = LAUNCHES["levelhead"](Setting("T1", tmp_path, tmp_path, "http://127.0.0.1:1/v1", 2, None))
    assert isinstance(launch, Launch)
    settings = read_config(Path(launch.command[-1]), {})
    assert (settings.rails.input, settings.rails.output, settings.listen.port) == (True, True, 2)


def test_the_plot_shows_each_guard_that_has_figures(tmp_path: Path) -> None:
    value = {"value": 1.5}
    loads = {
        "plain-1": {"added_ms": {"p50": value}},
        "plain-8": {"requests_per_second": 500.0},
        "stream-1": {"added_first_text_ms": {"p50": {"value": None}}},
    }
    guards = {"levelhead": {"loads": loads, "loaded_megabytes": 80.0}, "litellm": {"skipped": "Not here."}}
    write_plot({"tiers": {"T0": {"what": "nothing", "guards": guards}}}, tmp_path / "plot.svg")
    drawn = (tmp_path / "plot.svg").read_text()
    assert drawn.startswith("<svg")
    assert ">levelhead<" in drawn
    assert "litellm" not in drawn
    assert json.dumps(1.5) + "0" in drawn
