"""A page for people at /ui: what the guard decided lately, and whether it was right.

It has a key of its own, apart from those of the API, and works without scripts: folding, filters and marks
are plain HTML. What models and clients said is untrusted text; it is escaped everywhere, and the content
security policy forbids the browser to load or run anything.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias, get_args
from urllib.parse import parse_qs

from jinja2 import Environment, PackageLoader, StrictUndefined

from levelhead.errors import LevelheadError, MissingExtraError, UsageError
from levelhead.guard.gateway._decision import ACTIONS, Stage
from levelhead.guard.gateway._observability_settings import UISettings
from levelhead.guard.gateway._ui_sessions import Session, Sessions
from levelhead.guard.gateway._ui_view import ACTION_NAMES, query_of, read_view
from levelhead.guard.gateway.audit._entry import JUDGED, MAX_NOTE_CHARACTERS
from levelhead.guard.gateway.audit._export import marked_lines
from levelhead.guard.gateway.audit._log import AuditLog
from levelhead.guard.gateway.audit._reading import Feedback, Filter
from levelhead.running import json_text

try:
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
    from starlette.routing import Route
except ImportError as missing:
    raise MissingExtraError("Gateways", extra="serve", module=missing.name or "starlette") from missing

if TYPE_CHECKING:
    Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
    SignedIn: TypeAlias = Callable[[Request, Session], Awaitable[Response]]

COOKIE = "levelhead_ui"
MAX_FORM_BYTES = 16 * 1024
FORM_SECONDS = 10.0

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_logger = logging.getLogger(__name__)


class _FormError(Exception):
    """A request of a browser that cannot be used, with the status and the words of the answer."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


def ui_routes(
    log: AuditLog,
    settings: UISettings,
    *,
    on_feedback: Callable[[Feedback], None] = lambda feedback: None,
) -> list[Route]:
    """The routes of the page; none if it has no key.

    Args:
        log: What it shows, and where marks are recorded.
        settings: Its key.
        on_feedback: Told after each mark what people say by now (`GatewayMetrics.marked`).

    Raises:
        UsageError: If the key cannot be read or is too short.
    """
    key = settings.read_key()
    if key is None:
        return []
    sessions = Sessions(key, settings.session_hours * 3600)
    page = _Page(log, sessions, on_feedback)
    return [
        Route("/ui", page.guarded(page.decisions), methods=["GET"]),
        Route("/ui/login", page.open(page.login), methods=["GET", "POST"]),
        Route("/ui/logout", page.guarded(page.logout), methods=["POST"]),
        Route("/ui/decisions/{sequence:int}/mark", page.guarded(page.mark), methods=["POST"]),
        Route("/ui/marks.jsonl", page.guarded(page.export), methods=["GET"]),
        Route("/ui/ui.css", page.open(page.style), methods=["GET"]),
    ]


class _Page:
    """What the routes do."""

    def __init__(self, log: AuditLog, sessions: Sessions, on_feedback: Callable[[Feedback], None]) -> None:
        self._log, self._sessions, self._on_feedback = log, sessions, on_feedback
        self._templates = _environment()
        self._css = (files("levelhead.guard.gateway") / "assets" / "ui.css").read_bytes()

    def open(self, answer: Endpoint) -> Endpoint:
        """Answer anybody; an error becomes a page."""

        async def endpoint(request: Request) -> Response:
            try:
                response = await answer(request)
            except _FormError as error:
                response = self._message(request, error.status, error.words)
            except UsageError as error:
                response = self._message(request, 409, str(error))
            except LevelheadError as error:
                response = self._message(request, 503, str(error))
            except ClientDisconnect:
                response = Response(status_code=400)
            response.headers.update(_HEADERS)
            return response

        return endpoint

    def guarded(self, answer: SignedIn) -> Endpoint:
        """Answer who is signed in; whoever is not gets to the sign-in."""

        async def endpoint(request: Request) -> Response:
            session = self._sessions.find(request.cookies.get(COOKIE, ""))
            if session is None:
                return RedirectResponse(f"{_root(request)}/login", status_code=303)
            if request.method == "POST":
                form = await _form(request)
                if not self._sessions.allows(session, form.get("csrf", "")):
                    raise _FormError(
                        403, "This form is out of date. Go back, load the page anew and try again."
                    )
                request.state.form = form
            return await answer(request, session)

        return self.open(endpoint)

    async def login(self, request: Request) -> Response:
        if request.method != "POST":
            return self._render(request, "login.html.j2", wrong=False)
        session = self._sessions.sign_in((await _form(request)).get("key", "").strip())
        if session is None:
            _logger.warning("Somebody gave a wrong key to the page /ui.")
            return self._render(request, "login.html.j2", status=401, wrong=True)
        response = RedirectResponse(_root(request), status_code=303)
        response.set_cookie(
            COOKIE,
            session.token,
            path=_root(request),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    async def logout(self, request: Request, session: Session) -> Response:
        self._sessions.sign_out(session)
        response = RedirectResponse(f"{_root(request)}/login", status_code=303)
        response.delete_cookie(COOKIE, path=_root(request), httponly=True, samesite="strict")
        return response

    async def decisions(self, request: Request, session: Session) -> Response:
        wanted, before = _wanted(request)
        view = await asyncio.to_thread(read_view, self._log, wanted, before, time.time())
        return self._render(request, "decisions.html.j2", view=view, csrf=session.csrf)

    async def mark(self, request: Request, session: Session) -> Response:
        wanted, before = _wanted(request)
        form = request.state.form
        said = {"right": True, "wrong": False, "withdraw": None}
        if form.get("mark") not in said:
            raise _FormError(400, "A mark is right, wrong or withdraw.")
        sequence = request.path_params["sequence"]
        await self._log.mark(sequence, said[form["mark"]], form.get("note", "").strip())
        self._on_feedback(await asyncio.to_thread(self._log.reader.feedback))
        query = query_of(wanted, before)
        return RedirectResponse(f"{_root(request)}?{query}#d{sequence}", status_code=303)

    async def export(self, request: Request, session: Session) -> Response:
        lines = await asyncio.to_thread(marked_lines, self._log.reader)

        def encoded() -> Iterator[bytes]:
            for line in lines:
                yield f"{json_text(line)}\n".encode()

        return StreamingResponse(
            encoded(),
            media_type="application/jsonl",
            headers={"Content-Disposition": 'attachment; filename="PAIRS.jsonl"'},
        )

    async def style(self, request: Request) -> Response:
        return Response(self._css, media_type="text/css")

    def _message(self, request: Request, status: int, words: str) -> Response:
        return self._render(request, "message.html.j2", status=status, words=words)

    def _render(self, request: Request, name: str, *, status: int = 200, **values: object) -> Response:
        html = self._templates.get_template(name).render(root=_root(request), **values)
        # Half a surrogate pair in a text cannot be encoded; a question mark stands in for it.
        return HTMLResponse(html.encode("utf-8", errors="replace"), status_code=status)


def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("levelhead.guard.gateway"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {
        "action_names": ACTION_NAMES,
        "stages": get_args(Stage),
        "judged": JUDGED,
        "max_note": MAX_NOTE_CHARACTERS,
    }
    found.filters["moment"] = _moment
    return found


def _moment(seconds: float) -> str:
    """A time as the page tells it; a clock may have said anything."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f} s"


def _root(request: Request) -> str:
    """Where the page lies, also behind a proxy that puts something before it."""
    return f"{request.scope.get('root_path', '')}/ui"


def _wanted(request: Request) -> tuple[Filter, int | None]:
    """The filter that an address asks for; empty values ask for nothing."""
    values = {name: value for name, value in request.query_params.items() if value}
    action, stage, marked = values.get("action"), values.get("stage"), values.get("marked")
    before, category = values.get("before"), values.get("category")
    if (
        (action is not None and action not in ACTIONS)
        or (stage is not None and stage not in get_args(Stage))
        or (marked is not None and marked not in ("right", "wrong"))
        or (before is not None and not (before.isdecimal() and before.isascii() and len(before) < 19))
    ):
        raise _FormError(400, "This address asks for decisions that cannot be.")
    # Checked above; the types of Literal do not follow.
    return Filter(action, stage, category, marked), None if before is None else int(before)  # type: ignore[arg-type]


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, read under a limit."""
    if (
        request.headers.get("content-type", "").partition(";")[0].strip()
        != "application/x-www-form-urlencoded"
    ):
        raise _FormError(415, "This is not the form of the page.")
    body = b""
    try:
        async with asyncio.timeout(FORM_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_FORM_BYTES:
                    raise _FormError(413, f"The form is larger than {MAX_FORM_BYTES:,} bytes.")
    except TimeoutError as error:
        raise _FormError(408, "The form did not come in time.") from error
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=10)
    except ValueError as error:
        raise _FormError(400, "This is not the form of the page.") from error
    return {name: values[0] for name, values in fields.items()}
