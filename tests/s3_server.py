"""moto's S3 as a program; `s3.S3` starts it: `python tests/s3_server.py <bucket>`.

Two things differ from `moto_server`. Requests are answered one at a time: moto looks for the object
of a conditional PUT and stores it in two steps, so that of two racing writers now and then both
win, while real stores decide at once. And the parent commands it, one line of JSON each on standard
input: to fail by rules, to go away and come back, to tell which requests it had. It ends when its
standard input does, so none outlives the tests.
"""

import contextlib
import dataclasses
import json
import socket
import sys
import threading
import time
from collections import deque
from io import BytesIO

from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3.models import s3_backends
from s3 import REGION, Request, Rule
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import get_input_stream

ACCOUNT = "123456789012"
REQUESTS_KEPT = 200_000


class Server:
    """The server's side: moto behind a lock and the rules, on one port."""

    def __init__(self, app):
        self.app = app
        self.one_at_a_time = threading.Lock()
        self.rules = []
        self.requests = deque(maxlen=REQUESTS_KEPT)
        self.connections = set()
        self.http = None
        self.port = 0

    def up(self):
        if self.http is None:
            self.http = listen(self)
            self.port = self.http.server_port
            threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        return self.port

    def down(self):
        http, self.http = self.http, None
        if http is not None:
            http.shutdown()
            http.server_close()
        for connection in list(self.connections):
            reset(connection)

    def rule(self, **details):
        self.rules.append(Rule(**details))

    def heal(self):
        self.rules.clear()
        self.up()

    def record(self):
        self.requests.clear()

    def recorded(self):
        return [dataclasses.asdict(request) for request in list(self.requests)]

    def __call__(self, environ, start_response):
        """WSGI: the body is read before the lock is taken, and the answer sent after it."""
        body = get_input_stream(environ).read()
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        environ.pop("wsgi.input_terminated", None)
        rule = self.rule_for(environ)
        action = rule.action if rule else "answer"
        if action == "slow":
            time.sleep(rule.seconds)
        if action == "cut":
            raise reset(environ["werkzeug.socket"])
        if action == "error":
            status, headers, answer = refusal(rule.status)
        else:
            status, headers, answer = self.answer(environ)
        self.remember(environ, status, len(body), len(answer))
        if action == "lose":
            raise reset(environ["werkzeug.socket"])
        start_response(status, headers)
        if action == "truncate":
            return Half(answer, environ["werkzeug.socket"])
        return [answer]

    def rule_for(self, environ):
        query = environ.get("QUERY_STRING", "")
        line = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{query}"
        with self.one_at_a_time:
            return next((rule for rule in self.rules if rule.hits(line)), None)

    def answer(self, environ):
        said = []
        with self.one_at_a_time:
            parts = self.app(environ, lambda status, headers, *_: said.extend((status, headers)))
            body = b"".join(parts)
            if hasattr(parts, "close"):
                parts.close()
        return *said, body

    def remember(self, environ, status, received, sent):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        query, part = environ.get("QUERY_STRING", ""), environ.get("HTTP_RANGE")
        self.requests.append(
            Request(method, path, query, part, int(status.split()[0]), received, sent)
        )


class Half:
    """A body that breaks off in the middle."""

    def __init__(self, body, connection):
        self.body, self.connection = body, connection

    def __iter__(self):
        yield self.body[: len(self.body) // 2]
        raise reset(self.connection)


def refusal(status):
    names = {500: "InternalError", 503: "SlowDown", 403: "AccessDenied", 404: "NoSuchKey"}
    name = names.get(status, "Injected")
    body = f"<Error><Code>{name}</Code><Message>injected by a test</Message></Error>".encode()
    headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
    return f"{status} {name}", headers, body


def reset(connection):
    """Close so that the other side gets a reset, not an orderly end; returns what to raise."""
    with contextlib.suppress(OSError):
        on, seconds = (1).to_bytes(4, sys.byteorder), bytes(4)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, on + seconds)
        connection.shutdown(socket.SHUT_RDWR)
    return ConnectionResetError()


def listen(server):
    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"  # connections stay open
        disable_nagle_algorithm = True  # header and body go out in two writes

        def setup(self):
            super().setup()
            server.connections.add(self.connection)

        def finish(self):
            server.connections.discard(self.connection)
            with contextlib.suppress(OSError):
                super().finish()

        def log(self, kind, message, *arguments):
            """Errors the tests asked for are no news."""

    return make_server("127.0.0.1", server.port, server, threaded=True, request_handler=Handler)


def main(bucket):
    """Serve until standard input ends; one JSON command a line, one JSON answer each."""
    s3_backends[ACCOUNT]["aws"].create_bucket(bucket, REGION)
    # Threads change places all the time, so that a test would notice if the lock were not there.
    sys.setswitchinterval(1e-5)
    server = Server(create_backend_app("s3"))
    say(server.up())
    for line in sys.stdin:
        command = json.loads(line)
        say(getattr(server, command.pop("do"))(**command))


def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
