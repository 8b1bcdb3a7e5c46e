"""What a running recorder says to those who watch machines: metrics and a health check."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from rustonite_data.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from http.server import HTTPServer

    from rustonite_data.record import Recorder

_NS = 1e9
_SILENT_S = 60.0
_PORT_MAX = 65535
COUNTERS = {
    "frames": "Frames received and sent.",
    "bytes": "Bytes of frames.",
    "rows": "Rows written to tapes.",
    "malformed": "Messages that could not be read.",
    "unknown": "Messages of unknown sorts.",
    "duplicates": "Rows that were there already.",
    "gaps": "Losses noticed.",
    "missing": "Messages, updates or trades known to be missing.",
    "resyncs": "Books rebuilt.",
    "dropped": "Messages that no tape took.",
    "reconnects": "Connections opened again.",
}
GAUGES = {
    "connections": "Open connections.",
    "topics": "Topics subscribed to.",
    "books_live": "Books that are whole.",
    "books_waiting": "Books without a whole picture.",
}
LAG = {
    "rows_waiting": "Rows on tapes that the lake does not have.",
    "seconds_waiting": "How long the oldest sealed segment waits.",
    "failures": "Commits that failed in a row.",
}


def metrics(recorder: Recorder) -> str:
    """All counters in the text format of Prometheus."""
    lines: list[str] = []
    found = recorder.status()
    for kind, names in (("counter", COUNTERS), ("gauge", GAUGES)):
        for name, about in names.items():
            full = f"rustonite_feed_{name}" + ("_total" if kind == "counter" else "")
            values = [(f'venue="{one.venue}"', getattr(one, name)) for one in found]
            lines += family(full, kind, about, values)
    delays = [(f'venue="{one.venue}"', one.delay_ns / _NS) for one in found]
    about = "Our time minus the venue's."
    lines += family("rustonite_feed_delay_seconds", "gauge", about, delays)
    last = [(f'venue="{one.venue}"', one.ts_last / _NS) for one in found]
    lines += family("rustonite_feed_last_frame_seconds", "gauge", "When a frame came last.", last)
    lags = recorder.lag()
    labels = [f'dataset="{lag.dataset}",tape="{escaped(lag.path.name)}"' for lag in lags]
    for name, about in LAG.items():
        pairs = [
            (label, float(getattr(lag, name))) for label, lag in zip(labels, lags, strict=True)
        ]
        lines += family(f"rustonite_lake_{name}", "gauge", about, pairs)
    return "\n".join(lines) + "\n"


class Histogram(NamedTuple):
    """Measurements by what they are below."""

    labels: str
    buckets: list[tuple[float, int]]
    """Borders, and how many are not above each."""
    total: float
    measured: int


def histogram(name: str, about: str, values: list[Histogram]) -> list[str]:
    """Lines of one histogram, by its labels; none without values."""
    lines = [f"# HELP {name} {about}", f"# TYPE {name} histogram"] if values else []
    for one in values:
        more = f"{one.labels}," if one.labels else ""
        shown = f"{{{one.labels}}}" if one.labels else ""
        bounds = [*((str(border), below) for border, below in one.buckets), ("+Inf", one.measured)]
        lines += [f'{name}_bucket{{{more}le="{border}"}} {below}' for border, below in bounds]
        lines += [f"{name}_sum{shown} {one.total}", f"{name}_count{shown} {one.measured}"]
    return lines


def family(name: str, kind: str, about: str, values: list[tuple[str, float]]) -> list[str]:
    """Lines of one metric, by its labels; none without values."""
    head = [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
    shown = [
        f"{name}{{{labels}}} {_number(value)}" if labels else f"{name} {_number(value)}"
        for labels, value in values
    ]
    return [*head, *shown] if values else []


def _number(value: float) -> str:
    return "+Inf" if value == inf else str(value)


def escaped(text: str) -> str:
    """The value of a label."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def health(recorder: Recorder) -> tuple[bool, str]:
    """Whether all is well, and if not, why."""
    problems = [] if recorder.running else ["a venue's thread has ended"]
    now = time.time_ns()
    for one in recorder.status():
        if one.ts_last and (now - one.ts_last) / _NS > _SILENT_S:
            problems.append(f"{one.venue}: nothing received for {(now - one.ts_last) / _NS:.0f} s")
        problems += [f"{one.venue}: {about}: {text}" for about, text in one.problems.items()]
    problems += [f"lake: {recorder.lake_problem}"] if recorder.lake_problem else []
    problems += [f"{lag.path.name}: {lag.error}" for lag in recorder.lag() if lag.error]
    return not problems, "\n".join(problems) or "ok"


def listening(listen: str) -> ThreadingHTTPServer:
    """Take an address, before there is anything to tell there.

    Raises:
        Invalid: it is no address.
        Unavailable: somebody else has it.
    """
    host, colon, port = listen.rpartition(":")
    if not (colon and port.isdecimal() and int(port) <= _PORT_MAX):
        raise Invalid(f"metrics: found {listen!r}, expected HOST:PORT such as 127.0.0.1:9108")
    try:
        return ThreadingHTTPServer((host or "127.0.0.1", int(port)), BaseHTTPRequestHandler)
    except OSError as error:
        raise Unavailable(f"metrics: {listen}: {error.strerror}") from error


def serve(recorder: Recorder, server: HTTPServer) -> AbstractContextManager[None]:
    """Answer `/metrics` and `/health` of a recorder at an address that was taken."""
    return answering(server, lambda: metrics(recorder), lambda: health(recorder))


@contextmanager
def answering(
    server: HTTPServer, metrics: Callable[[], str], health: Callable[[], tuple[bool, str]]
) -> Iterator[None]:
    """Answer `/metrics` and `/health` at an address that was taken."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, metrics(), "text/plain; version=0.0.4")
            elif self.path == "/health":
                fine, text = health()
                self._answer(200 if fine else 503, text + "\n", "text/plain")
            else:
                self._answer(404, "there are /metrics and /health\n", "text/plain")

        def _answer(self, status: int, text: str, kind: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server.RequestHandlerClass = Handler
    thread = threading.Thread(target=server.serve_forever, name="rustonite-metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
