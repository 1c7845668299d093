"""A gateway in a process of its own that is ended in the middle of load. Cases 52 and 57.

SIGTERM: what is under way comes to its end. SIGKILL: the log holds all but what was being written.
"""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import pytest
from starlette.responses import Response

from levelhead.guard.gateway.audit._file_reader import FileReader
from levelhead.guard.gateway.audit._reading import Filter
from levelhead.guard.gateway.audit._verify import verify_audit_log
from tests.guard.gateway.scripted import Asked, ScriptedUpstream, chat, lines_of, pieces_of, running, stream
from tests.guard.gateway.test_serve import serving

AT_ONCE, ENOUGH = 16, 60
MARK = re.compile(r"loaf \d+;")


@dataclass
class Heard:
    """What clients heard before and after the end.

    Attributes:
        whole: Marks of the questions with a whole answer.
        broken: Marks of those whose answer broke off.
        silent: Marks of those that got nothing, not even a status.
        ids: Of the requests whose answers were heard to their end.
    """

    whole: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)


def slowly(asked: Asked) -> Response:
    """An answer that carries its mark and takes a tenth of a second; plain or streamed."""
    mark = asked.body["messages"][-1]["content"]
    text = f"Bread is baked. This is {mark} It tastes of rye."
    if asked.body.get("stream"):
        return stream(lines_of(pieces_of(text, 12)), size=250, pause=0.02)
    return stream(bytes(chat(text).body), size=30, pause=0.02, media_type="application/json")


async def ask(client: httpx.AsyncClient, number: int, heard: Heard) -> bool:
    """One question; False once the gateway is gone."""
    mark, streamed = f"loaf {number};", number % 2 == 0
    asked = {"model": "m", "messages": [{"role": "user", "content": mark}], "stream": streamed}
    begun = False
    try:
        async with client.stream("POST", "/v1/chat/completions", json=asked) as answer:
            begun = True
            text = (await answer.aread()).decode()
    except httpx.HTTPError:
        (heard.broken if begun else heard.silent).add(mark)
        return False
    assert answer.status_code == 200, text
    assert text.rstrip().endswith("[DONE]" if streamed else "}")
    said = re.sub(r'"\}, "finish_reason": null.*?"content": "', "", text, flags=re.DOTALL)
    assert set(MARK.findall(said)) == {mark}, text
    heard.whole.add(mark)
    heard.ids.add(answer.headers["x-levelhead-request-id"])
    return True


async def load_until(address: str, end: Callable[[], None]) -> Heard:
    """Questions from many clients at once; `end` is called in their midst, and they go on until they fail."""
    heard, numbers = Heard(), count()
    async with httpx.AsyncClient(base_url=address, timeout=60, trust_env=False) as client:

        async def one_client() -> None:
            while await ask(client, next(numbers), heard):
                if len(heard.whole) == ENOUGH:
                    end()

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(one_client())
    return heard


def audited(tmp_path: Path, on_failure: str) -> str:
    """A config with an audit log."""
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'[audit]\nfolder = "{tmp_path / "audit"}"\non_failure = "{on_failure}"\n[logs]\nlevel = "error"\n'
    )
    return str(config)


def recorded(tmp_path: Path) -> set[str]:
    """Ids of the requests whose answers stand in the log, which must hold."""
    assert verify_audit_log(tmp_path / "audit").broken is None
    rows = FileReader(tmp_path / "audit").page(Filter(), limit=10**6)
    return {row.entry.request_id for row in rows if row.entry.stage == "output"}


def ended_in_load(process: subprocess.Popen[str], address: str, how: signal.Signals) -> Heard:
    heard = asyncio.run(load_until(address, lambda: process.send_signal(how)))
    assert len(heard.whole) >= ENOUGH
    return heard


@pytest.mark.slow
def test_sigterm_in_the_middle_of_load_loses_no_request_that_was_taken(tmp_path: Path) -> None:
    """Case 52."""
    upstream = ScriptedUpstream(slowly)
    with (
        running(upstream.app) as url,
        serving("--upstream", f"{url}/v1", "--config", audited(tmp_path, "serve")) as (process, address),
    ):
        heard = ended_in_load(process, address, signal.SIGTERM)
        assert process.wait(20) == 0
    taken = {asked.body["messages"][-1]["content"] for asked in upstream.asked}
    assert heard.broken == set()
    assert taken == heard.whole
    assert len(heard.silent) == AT_ONCE  # of each client the one request that found the door closed
    assert recorded(tmp_path) == heard.ids


@pytest.mark.slow
@pytest.mark.parametrize("on_failure", ["serve", "refuse"])
def test_sigkill_in_the_middle_of_load_loses_at_most_what_was_being_written_and_the_log_goes_on(
    tmp_path: Path, on_failure: str
) -> None:
    """Case 57: with `refuse`, nothing that a client heard of is missing."""
    upstream = ScriptedUpstream(slowly)
    with running(upstream.app) as url:
        arguments = ("--upstream", f"{url}/v1", "--config", audited(tmp_path, on_failure))
        with serving(*arguments) as (process, address):
            heard = ended_in_load(process, address, signal.SIGKILL)
            assert process.wait(20) == -signal.SIGKILL
        lost = heard.ids - recorded(tmp_path)
        # With `serve` a row is queued before its answer goes out, so that at most one batch was on its way.
        assert len(lost) <= (0 if on_failure == "refuse" else AT_ONCE)
        with serving(*arguments) as (process, address):
            after = ended_in_load(process, address, signal.SIGTERM)
            assert process.wait(20) == 0
        assert after.ids <= recorded(tmp_path)
