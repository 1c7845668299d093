"""Logs for programs to read: one JSON object a line, with hashes, categories and scores.

Texts of people stand in it only on request. So the words of an exception are left out by default: those of a
library may quote what it was given. A reader of the log that stops reading must not stop the gateway: lines
wait in a bounded queue, and what does not fit is dropped and counted.
"""

from __future__ import annotations

import json
import logging
import queue
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TextIO

from levelhead.guard.gateway._observability_settings import LogSettings
from levelhead.guard.gateway.audit._entry import AuditEntry

_logger = logging.getLogger(__name__)

_FIELDS = "levelhead_fields"
_OURS = ("levelhead", "uvicorn")
"""Loggers whose messages hold no text of people. Of others only the first line of the template is told."""

_CLOSING_SECONDS = 2.0


def log_decision(entry: AuditEntry) -> None:
    """Tell of a decision: by its hashes; by its texts too, where the entry holds them and the log may.

    What was simply let through is told at debug: it is most of what there is.
    """
    level = logging.DEBUG if entry.action == "allow" else logging.INFO
    if not _logger.isEnabledFor(level):
        return
    fields = {name: value for name, value in entry.to_json().items() if value is not None and name != "time"}
    if entry.contents is not None:
        fields["contents"] = asdict(entry.contents)
    _logger.log(level, "decision", extra={_FIELDS: fields})


class JSONFormatter(logging.Formatter):
    """Turns a record into one line of ASCII.

    Args:
        content: Whether texts of people may stand in it.
    """

    def __init__(self, *, content: bool) -> None:
        super().__init__()
        self._content = content

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._message(record),
        }
        fields = dict(getattr(record, _FIELDS, {}))
        if not self._content:
            fields.pop("contents", None)
        line |= fields
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self._told(record.exc_info[1])
        return json.dumps(line, default=repr)

    def _message(self, record: logging.LogRecord) -> str:
        if self._content or record.name.partition(".")[0] in _OURS:
            return record.getMessage()
        return str(record.msg).partition("\n")[0]

    def _told(self, error: BaseException | None) -> dict[str, object]:
        """Where an exception came from, and only with content what it says."""
        told: dict[str, object] = {
            "type": type(error).__name__,
            "frames": [
                f"{frame.filename}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__ if error else None)
            ],
        }
        if self._content:
            told["says"] = str(error)
        return told


class LineHandler(logging.Handler):
    """Writes lines in a thread of its own, so that a stream that takes none holds nobody up.

    Args:
        stream: Where lines go.
        queue_messages: How many may wait.

    Attributes:
        dropped: Lines that did not fit or that the stream refused.
    """

    def __init__(self, stream: TextIO, queue_messages: int) -> None:
        super().__init__()
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(queue_messages)
        self.dropped = 0
        self._thread = threading.Thread(target=self._write, name="log-lines", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line of a record, or count it as dropped."""
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what waits, as far as the stream takes it within two seconds."""
        if self._thread.is_alive():
            with suppress(queue.Full):
                self._lines.put_nowait(None)
            self._thread.join(_CLOSING_SECONDS)
        super().close()

    def _write(self) -> None:
        told = 0
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(f"{line}\n")
                if (dropped := self.dropped) > told:
                    self._stream.write(f"{json.dumps({'level': 'warning', 'lines_dropped': dropped})}\n")
                    told = dropped
                if self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError):  # the reader is gone, or the stream is closed
                self.dropped += 1


@contextmanager
def json_logs(settings: LogSettings, stream: TextIO | None = None) -> Iterator[LineHandler]:
    """Have all logging of this process written as JSON lines, and put things back at the end.

    Start uvicorn with `log_config=None, access_log=False`: its access log holds addresses with their queries.

    Args:
        settings: What is written.
        stream: Where to; the standard error if None.
    """
    handler = LineHandler(stream or sys.stderr, settings.queue_messages)
    handler.setFormatter(JSONFormatter(content=settings.content))
    root = logging.getLogger()
    chatty = [logging.getLogger(name) for name in ("httpx", "httpcore")]  # they tell addresses at info
    before = root.level, root.handlers[:], [one.level for one in chatty]
    root.setLevel(settings.level.upper())
    root.handlers[:] = [handler]
    for one in chatty:
        one.setLevel(logging.WARNING)
    try:
        yield handler
    finally:
        level, root.handlers[:], levels = before
        root.setLevel(level)
        for one, old in zip(chatty, levels, strict=True):
            one.setLevel(old)
        handler.close()
