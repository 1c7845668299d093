"""A thin app around llm-guard: an OpenAI-compatible server that scans questions and answers.

Runs in llm-guard's environment; it knows nothing of the rest of the benchmark.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from llm_guard import scan_output, scan_prompt
from llm_guard.input_scanners import Regex as PromptRegex
from llm_guard.output_scanners import Regex as OutputRegex
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

_REFUSAL = "I cannot help with that."
_DONE = b"data: [DONE]\n\n"


class DetectorScanner:
    """Our detector as a scanner of both kinds."""

    def __init__(self, name: str) -> None:
        from levelhead.guard import load_detector

        self._detector = load_detector(name)

    def scan(self, prompt: str, output: str | None = None) -> tuple[str, bool, float]:
        """The text, whether it is valid, and how risky it is."""
        from levelhead.guard import Pair

        pair = Pair("text", prompt) if output is None else Pair("text", output, question=prompt)
        judgement = self._detector.judge([pair])[0]
        return pair.answer, self._detector.flags(judgement) is False, judgement.p_harm or 0.0


def _scanners() -> tuple[list[Any], list[Any]]:
    if name := os.environ["BENCHMARK_DETECTOR"]:
        scanner = DetectorScanner(name)
        return [scanner], [scanner]
    patterns = json.loads(Path(os.environ["BENCHMARK_PATTERNS"]).read_text())
    if not patterns:
        return [], []
    return [PromptRegex(patterns, match_type="search", redact=False)], [
        OutputRegex(patterns, match_type="search", redact=False)
    ]


PROMPT_SCANNERS, OUTPUT_SCANNERS = _scanners()
CLIENT = httpx.AsyncClient(base_url=os.environ["BENCHMARK_UPSTREAM"], timeout=60, trust_env=False)


def _harmful_output(question: str, text: str) -> bool:
    return not all(scan_output(OUTPUT_SCANNERS, question, text)[1].values())


async def answer(request: Request) -> Response:
    """A chat completion."""
    raw = await request.body()
    asked = json.loads(raw)
    question = asked["messages"][-1]["content"]
    if not all(scan_prompt(PROMPT_SCANNERS, question)[1].values()):
        return JSONResponse({"choices": [{"index": 0, "message": {"content": _REFUSAL}}]})
    headers = {"content-type": "application/json"}
    if asked.get("stream"):
        return StreamingResponse(_stream(question, raw, headers), media_type="text/event-stream")
    answered = await CLIENT.post("/chat/completions", content=raw, headers=headers)
    fields = answered.json()
    if _harmful_output(question, fields["choices"][0]["message"]["content"]):
        fields["choices"][0]["message"]["content"] = _REFUSAL
        return JSONResponse(fields)
    return Response(answered.content, media_type="application/json")


async def _stream(question: str, raw: bytes, headers: dict[str, str]) -> AsyncIterator[bytes]:
    """Events go out when the text up to them was scanned: at the end of each sentence, and of the answer."""
    text, held = "", b""
    async with CLIENT.stream("POST", "/chat/completions", content=raw, headers=headers) as answered:
        async for line in answered.aiter_lines():
            if not line.startswith("data: {"):
                continue
            piece = json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
            text += piece
            held += f"{line}\n\n".encode()
            if piece.rstrip().endswith((".", "!", "?")):
                if _harmful_output(question, text):
                    break
                yield held
                held = b""
    if _harmful_output(question, text):
        held = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]}\n\n'
    yield held + _DONE


app = Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])])
