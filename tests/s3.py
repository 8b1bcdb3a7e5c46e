"""An S3 server for tests, in a process of its own on the loopback: see `s3_server`.

    with S3() as store:
        DeltaTable(store.url("trades"), storage_options=store.options)

It is moto's, a package of PyPI that needs no download but pip's. The parent can make it fail
(`rule`), go away and come back with its objects (`down`, `up`), stall (`pause`, `resume`), and say
which requests it had (`recorded`). Objects are in memory: `kill` loses them.
"""

import contextlib
import dataclasses
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

from obstore.fsspec import FsspecStore
from obstore.store import S3Store

SERVER = Path(__file__).with_name("s3_server.py")
REGION = "us-east-1"
KEY_ID, SECRET = "test", "not-a-secret"  # the server accepts any


@dataclasses.dataclass
class Rule:
    """What befalls requests whose `METHOD /bucket/key?query` contains all words of `match`.

    `action` is one of
      - `slow`: answered `seconds` later;
      - `error`: refused with `status`, nothing is done;
      - `cut`: the connection is reset, nothing is done;
      - `lose`: it is done, but the connection is reset instead of the answer;
      - `truncate`: done, but only half of the body of the answer is sent.
    The first `skip` such requests are spared, then `times` are hit (None: all).
    """

    action: str
    match: str = ""
    times: int | None = 1
    skip: int = 0
    seconds: float = 0.0
    status: int = 503

    def hits(self, line):
        if self.times == 0 or not all(word in line for word in self.match.split()):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclasses.dataclass(frozen=True)
class Request:
    """One request the server had; `sent` bytes are those of the answer's body."""

    method: str
    path: str
    query: str
    range: str | None
    status: int
    received: int
    sent: int


class S3:
    """A running server with one bucket. A context manager; `url("a/b")` is `s3://lake/a/b`."""

    def __init__(self, bucket="lake"):
        self.bucket = bucket
        command = [sys.executable, "-W", "ignore", SERVER, bucket]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self._turn = threading.Lock()
        self.port = self._answer()
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the server; its objects are gone."""
        if self.process.poll() is None:
            self.resume()
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):  # a command that it did not live to read
            self.process.stdin.close()
        self.process.stdout.close()

    # How clients reach it.

    def url(self, path=""):
        return f"s3://{self.bucket}/{path}"

    @property
    def options(self):
        """`storage_options` of deltalake and Polars: what the object_store crate takes."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
            "AWS_ALLOW_HTTP": "true",
            "AWS_CONDITIONAL_PUT": "etag",
        }

    @property
    def impatient(self):
        """The same for tests of a store that fails: clients give up within seconds, not minutes."""
        return self.options | {
            "timeout": "2s",
            "connect_timeout": "1s",
            "max_retries": "2",
            "retry_timeout": "5s",
            "backoff_config.init_backoff": "20ms",
            "backoff_config.max_backoff": "100ms",
        }

    def obstore(self, prefix=None):
        """An `obstore` store of the bucket, or of what lies behind `prefix`."""
        return S3Store(self.bucket, prefix=prefix, **self._client)

    def fsspec(self):
        """An fsspec file system for `s3://`, which DuckDB and pyarrow take."""
        return FsspecStore("s3", **self._client)

    @property
    def _client(self):
        return {
            "endpoint": self.endpoint,
            "access_key_id": KEY_ID,
            "secret_access_key": SECRET,
            "region": REGION,
            "virtual_hosted_style_request": False,
            "client_options": {"allow_http": True},
        }

    # What befalls it.

    def rule(self, action, match="", **details):
        """Add a `Rule`. The first that hits a request decides."""
        Rule(action, match, **details)
        self._tell("rule", action=action, match=match, **details)

    def heal(self):
        """Forget all rules, and come back if it was down."""
        self._tell("heal")

    def down(self):
        """Refuse connections and cut those there are; objects stay."""
        self._tell("down")

    def up(self):
        """Listen again, on the same port."""
        self._tell("up")

    def pause(self):
        """Stop the process where it is: connections stay open, nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """kill -9: connections break, objects are lost."""
        self.process.kill()
        self.process.wait()

    @contextlib.contextmanager
    def recorded(self):
        """A list that has the requests of the block once it is left."""
        requests = []
        self._tell("record")
        yield requests
        requests.extend(Request(**each) for each in self._tell("recorded"))

    def _tell(self, do, **details):
        with self._turn:
            print(json.dumps({"do": do, **details}), file=self.process.stdin, flush=True)
            return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the S3 server ended with status {self.process.wait(10)}")
        return json.loads(line)
