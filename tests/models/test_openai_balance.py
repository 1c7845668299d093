"""Several servers of one model: shared out by who is free, around who is sick, and back when it is well."""

from __future__ import annotations

import asyncio
import threading

import openai
import pytest

from levelhead.errors import ModelError, UsageError
from levelhead.models._openai import OpenAIModel, find_endpoint
from levelhead.models._openai_balance import Server
from levelhead.records import Prompt
from tests.models.conftest import Serve
from tests.models.servers import Answer, Asked, Script, ScriptedServer, chat, last_text, refusal


def shout(asked: Asked) -> Answer:
    if asked.path != "/chat/completions":
        return refusal(404, "no such path")
    return chat(last_text(asked).upper())


def after(seconds: float) -> Script:
    return lambda asked: Answer(shout(asked).body, seconds=seconds)


def named(*servers: ScriptedServer) -> str:
    return "openai:m@" + ",".join(server.url for server in servers)


def asks(count: int) -> list[Prompt]:
    return [Prompt.ask(f"word {number}") for number in range(count)]


def all_answered(model: OpenAIModel, count: int) -> bool:
    replies = model.generate(asks(count))
    return [reply.text for reply in replies] == [f"WORD {number}" for number in range(count)]


# Sharing out


def test_requests_are_shared_out_and_each_is_sent_once(serve: Serve) -> None:
    servers = [serve(after(0.03)) for _ in range(3)]
    assert all_answered(OpenAIModel.from_name(named(*servers), concurrency=6), 60)
    counts = [len(server.asked) for server in servers]
    assert sum(counts) == 60
    assert min(counts) >= 14
    assert sum(server.most_at_once for server in servers) <= 6
    assert max(server.most_at_once for server in servers) <= 3, "at once: no more than its share"


def test_a_slow_server_gets_fewer(serve: Serve) -> None:
    quick, slow = serve(after(0.01)), serve(after(0.2))
    assert all_answered(OpenAIModel.from_name(named(quick, slow), concurrency=4), 40)
    assert len(quick.asked) > 2 * len(slow.asked)


def test_the_key_and_the_body_reach_every_server(serve: Serve) -> None:
    servers = [serve(after(0.03)), serve(after(0.03))]
    OpenAIModel.from_name(named(*servers), api_key="secret", concurrency=4).generate(asks(8))
    for server in servers:
        assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer secret"}
        assert {asked.headers["host"] for asked in server.asked} == {server.url[7:-3]}
        assert {asked.body["model"] for asked in server.asked} == {"m"}


# Sickness


def test_a_server_that_dies_in_the_middle_loses_no_row(serve: Serve) -> None:
    def script(asked: Asked) -> Answer:
        if len(dying.asked) == 5:
            threading.Thread(target=dying.close).start()
        return after(0.02)(asked)

    lasting, dying = serve(after(0.02)), serve(script)
    assert all_answered(OpenAIModel.from_name(named(dying, lasting), concurrency=4), 60)
    assert 5 <= len(dying.asked) < 20


@pytest.mark.parametrize("status", [500, 503])
def test_a_sick_server_rests_and_loses_no_row(serve: Serve, status: int) -> None:
    well, sick = serve(after(0.01)), serve(lambda asked: refusal(status, "out of memory"))
    assert all_answered(OpenAIModel.from_name(named(sick, well), concurrency=4), 60)
    assert len(sick.asked) <= 4, "the requests that were sent before it was known to be sick"


def test_a_busy_server_is_left_alone_as_long_as_it_asks(serve: Serve) -> None:
    well = serve(after(0.01))
    busy = serve(lambda asked: Answer({"error": {"message": "later"}}, 429, {"Retry-After": "30"}))
    assert all_answered(OpenAIModel.from_name(named(busy, well), concurrency=2), 30)
    assert len(busy.asked) <= 2


def test_a_server_that_recovers_is_brought_back(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("levelhead.models._openai_balance._SHORTEST_REST", 0.2)
    broken = [True, True]

    def recovering(asked: Asked) -> Answer:
        return refusal(500, "loading") if broken and broken.pop() else after(0.02)(asked)

    well, sick = serve(after(0.02)), serve(recovering)
    assert all_answered(OpenAIModel.from_name(named(well, sick), concurrency=2), 120)
    assert len(sick.asked) > 10


def test_a_row_that_every_server_refuses_fails_alone(serve: Serve) -> None:
    def script(asked: Asked) -> Answer:
        return refusal(400, "maximum context length is 8") if "word 3" in last_text(asked) else shout(asked)

    servers = [serve(script), serve(script)]
    replies = OpenAIModel.from_name(named(*servers)).generate(asks(6))
    assert [reply.error is None for reply in replies] == [True, True, True, False, True, True]
    assert sum(len(server.asked) for server in servers) == 6, "a refusal is an answer"


@pytest.mark.usefixtures("few_retries")
def test_all_servers_down_is_told(serve: Serve) -> None:
    servers = [serve(shout), serve(shout)]
    model = OpenAIModel.from_name(named(*servers))
    for server in servers:
        server.close()
    with pytest.raises(ModelError, match="cannot be reached"):
        model.generate(asks(2))


@pytest.fixture
def few_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("levelhead.models._openai_endpoint._RETRIES", 1)


def test_a_server_rests_twice_as_long_each_time_and_one_request_tries_it() -> None:
    server = Server("http://h/v1")
    assert server.takes(0.0)
    rests = []
    for _ in range(9):
        server.fails(100.0)
        rests.append(server.rests_until - 100.0)
    assert rests == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    assert not server.takes(159.0)
    assert server.takes(160.0)
    server.under_way = 1
    assert not server.takes(160.0)
    server.recovers()
    assert server.takes(0.0)


def test_what_is_under_way_is_counted_down_however_it_ends(serve: Serve) -> None:
    cut, whole = serve(lambda asked: Answer({"much": "x" * 1000}, cut=True)), serve(shout)
    endpoint = find_endpoint(named(cut, whole))
    balance = endpoint.balance
    assert balance is not None
    body = {"messages": [{"role": "user", "content": "a"}]}

    async def post() -> None:
        async with endpoint.connect() as client:
            await endpoint.post(client, "/chat/completions", body)
            with pytest.raises(openai.NotFoundError):
                await endpoint.post(client, f"{endpoint.root}/tokenize", body)

    asyncio.run(post())
    assert [(server.failures, server.under_way) for server in balance.servers] == [(1, 0), (0, 0)]
    assert [asked.path for asked in whole.asked] == ["/chat/completions", "/tokenize"]


# Names


def test_servers_of_different_models_are_refused(serve: Serve) -> None:
    other = serve(shout, models=Answer({"data": [{"id": "m", "owned_by": "others"}]}))
    with pytest.raises(UsageError, match="do not serve the same model"):
        OpenAIModel.from_name(named(serve(shout), other))


def test_a_server_that_is_down_at_the_start_is_told(serve: Serve) -> None:
    with pytest.raises(ModelError, match=r"127\.0\.0\.1:9/v1 cannot be reached"):
        OpenAIModel.from_name(f"{named(serve(shout))},http://127.0.0.1:9/v1")


def test_a_server_named_twice_or_without_a_scheme_is_refused(serve: Serve) -> None:
    server = serve(shout)
    with pytest.raises(UsageError, match="twice"):
        OpenAIModel.from_name(named(server, server))
    with pytest.raises(UsageError, match="with commas"):
        OpenAIModel.from_name(f"{named(server)},127.0.0.1:8000/v1")


def test_a_run_goes_on_when_servers_are_added(serve: Serve) -> None:
    first, second = serve(shout), serve(shout)
    one, two = (OpenAIModel.from_name(named(*some)) for some in ([first], [first, second]))
    assert one.fingerprint == two.fingerprint
    assert two.details["base_url"] == f"{first.url},{second.url}"
