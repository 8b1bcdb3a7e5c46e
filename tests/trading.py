"""A venue to trade on, a recorder of it and a folder for a trader, shared by tests of trading."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustonite_data.record import Recorder
from rustonite_exec import LocalExchange, Strategy, Trader, ask

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 30.0
LIMITS = (Path(__file__).parents[1] / "native/trade/tests/limits.toml").read_text()


class Place:
    """A venue, its recorder, and a folder for a trader."""

    def __init__(self, folder: Path, exchange: LocalExchange) -> None:
        self.folder = folder
        self.exchange = exchange
        self.account = exchange.account("me", {"USDT": 100_000, "BTC": 2})
        self.journal = folder / "journal"
        self.configure()

    def configure(self, run: str = "test:Test", top: str = "", **settings: Any) -> Path:
        """Write a trader's configuration; `top` is more of its first table."""
        keys = self.folder / "keys.toml"
        keys.write_text(f'key = "{self.account.key}"\nsecret = "{self.account.secret}"\n')
        keys.chmod(0o600)
        (self.folder / "limits.toml").write_text(LIMITS)
        urls = ", ".join(f"{name} = {json.dumps(url)}" for name, url in self.exchange.urls.items())
        text = f"""
            limits = "limits.toml"
            {top}
            [[market]]
            venue = "binance"
            tapes = "tapes"
            [[account]]
            name = "main"
            venue = "binance"
            symbols = ["BTCUSDT"]
            keys = "keys.toml"
            urls = {{ {urls} }}
            [strategy]
            run = {json.dumps(run)}
            [strategy.settings]
        """
        text += "\n".join(f"{name} = {json.dumps(value)}" for name, value in settings.items())
        path = self.folder / "trader.toml"
        path.write_text(text)
        return path

    def run(self, strategy: Strategy | None, enough: Any = lambda _status: False) -> list[str]:
        """Trade until there is enough; returns what people were told."""
        told: list[str] = []
        began = time.monotonic()

        def beat(status: dict[str, Any], notices: list[str]) -> bool:
            told.extend(notices)
            assert time.monotonic() - began < PATIENCE_S, (status, told)
            return not enough(status)

        Trader(self.folder / "trader.toml", strategy).run(beat)
        return told

    def status(self) -> dict[str, Any] | None:
        """What a running trader says, if there is one."""
        return ask(self.journal, {"do": "status"}) if self.journal.exists() else None

    def wait(self, enough: Any) -> dict[str, Any]:
        """What a trader says once there is enough."""
        status = None
        for _ in range(int(PATIENCE_S * 50)):
            status = self.status()
            if status is not None and enough(status):
                return status
            time.sleep(0.02)
        raise AssertionError(status)


def feed_of(urls: dict[str, str]) -> str:
    """Configuration of a recorder."""
    feed = "\n".join(f"{name} = {json.dumps(urls[name])}" for name in ("public", "rest"))
    return f"""
        frames = false
        [[feed]]
        venue = "binance"
        symbols = ["BTCUSDT"]
        datasets = ["trades", "quotes"]
        [feed.urls]
        {feed}
    """


@contextmanager
def recording(tapes: Path, urls: dict[str, str]) -> Iterator[None]:
    """A recorder in this process."""
    with Recorder(feed_of(urls), tapes=tapes):
        yield


def command(*words: str, folder: Path, ok: bool = True) -> str:
    """Run `rustonite` and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "rustonite_data.cli", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode == 0) is ok, done.stderr
    return done.stdout if ok else done.stderr


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
