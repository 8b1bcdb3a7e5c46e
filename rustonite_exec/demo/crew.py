"""Who takes part in the demo: a venue here, a recorder and a trader as processes of their own."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from rustonite_data.closing import Closing
from rustonite_data.errors import Conflict, Invalid, Unavailable
from rustonite_data.lake import Lake
from rustonite_exec.exchange import LocalExchange
from rustonite_exec.limits import limits
from rustonite_exec.trader import ask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
TRADED = SYMBOLS[0]
DATASETS = ("frames", "trades", "quotes", "book_deltas")
PATIENCE_S = 30.0
REPORT = "report.html"
FACTS = "facts.json"

_MARKER = ".rustonite-demo"
_OURS = (
    "lake", "journal", "recorder.toml", "trader.toml", "limits.toml", "keys.toml", "recorder.log",
    "recorder.out", "trader.log", "trader.out", FACTS, REPORT,
)  # fmt: skip

_SPEED = 2.0
_ROOM = 256 << 20
_LOOK_S = 0.05
# What the trader begins with, and what it pays: makers nothing, as large ones do.
_BALANCES = {"USDT": 100_000, "BTC": 2}
_MAKER, _TAKER = "0", "0.0005"

_RECORDER = """\
lake = "lake"
[tape]
seal_after_s = 5
segment_bytes = 8388608
[[feed]]
venue = "binance"
symbols = {symbols}
datasets = ["trades", "quotes", "book_deltas"]
urls = {{ public = "{public}", rest = "{rest}" }}
"""

_TRADER = """\
tapes = "lake/.tapes"
limits = "limits.toml"
[[market]]
venue = "binance"
tapes = "lake/.tapes"
[[account]]
name = "main"
venue = "binance"
symbols = ["{symbol}"]
keys = "keys.toml"
urls = {{ {urls} }}
[strategy]
name = "maker"
run = "market-maker"
[strategy.settings]
venue = "binance"
symbol = "{symbol}"
size = 0.01
distance_bps = 0.2
tolerance_bps = 0.2
position_max = 0.1
"""


class Crew(Closing):
    """All of them, in a folder; whoever closes it ends them."""

    def __init__(self, folder: Path) -> None:
        """Make the folder anew and open the venue.

        Raises:
            Conflict: the folder has other things in it, or another demo runs there.
            Invalid: it cannot be written.
            Unavailable: there is too little room.
        """
        self._lock = _taken(folder)
        self.folder = folder
        self.tapes = folder / "lake" / ".tapes"
        self.journal = folder / "journal"
        self.recorder: subprocess.Popen[str] | None = None
        self.trader: subprocess.Popen[str] | None = None
        self.lake = Lake.create(folder / "lake")
        self.exchange = LocalExchange(SYMBOLS, seed=7, speed=_SPEED)
        self.account = self.exchange.account("demo", _BALANCES, maker=_MAKER, taker=_TAKER)
        self._configure()

    def _configure(self) -> None:
        urls = self.exchange.urls
        texts = {
            "recorder.toml": _RECORDER.format(symbols=json.dumps(SYMBOLS), **urls),
            "trader.toml": _TRADER.format(
                symbol=TRADED,
                urls=", ".join(f"{name} = {json.dumps(url)}" for name, url in urls.items()),
            ),
            "limits.toml": limits(),
            "keys.toml": f'key = "{self.account.key}"\nsecret = "{self.account.secret}"\n',
        }
        (self.folder / "keys.toml").touch(mode=0o600)
        for name, text in texts.items():
            (self.folder / name).write_text(text)

    def tape(self, dataset: str) -> Path:
        """A tape of the recorder."""
        return self.tapes / dataset / "recorder-binance"

    def journal_tape(self, dataset: str) -> Path:
        """A tape of the trader."""
        return self.tapes / dataset / "trader"

    def record(self) -> int:
        """Start a recorder; its process id."""
        self.recorder = self._start("recorder", "record", "recorder.toml", "--every", "1s")
        return self.recorder.pid

    def trade(self) -> int:
        """Start a trader; its process id."""
        self.trader = self._start("trader", "trade", "trader.toml", "--json")
        return self.trader.pid

    def _start(self, name: str, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "rustonite_exec.demo.child", str(os.getpid()), *words]
        with (
            (self.folder / f"{name}.out").open("a") as out,
            (self.folder / f"{name}.log").open("a") as log,
        ):
            # In a session of their own, so that Ctrl-C reaches only this process, which ends them.
            return subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=log,
                text=True, start_new_session=True,
            )  # fmt: skip

    def status(self) -> dict[str, Any] | None:
        """What the trader says of itself, if it answers."""
        return ask(self.journal, {"do": "status"}) if self.journal.exists() else None

    def check(self) -> None:
        """Look whether those that should run do.

        Raises:
            Unavailable: one has ended by itself; the message has its last words.
        """
        for name, process in (("recorder", self.recorder), ("trader", self.trader)):
            if process is not None and process.poll() is not None:
                code = process.returncode
                raise Unavailable(f"the {name} ended with code {code}: {self._last_words(name)}")

    def _last_words(self, name: str) -> str:
        said = (self.folder / f"{name}.log").read_text().splitlines() or ["it said nothing"]
        last = said[-1].removeprefix("error: ")
        with contextlib.suppress(ValueError, KeyError, TypeError):
            # One that writes JSON has its errors so, too.
            return str(json.loads(last)["error"])
        return last

    def wait(self, what: str, enough: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Wait until there is enough, and show what goes on meanwhile.

        Raises:
            Unavailable: it takes too long, or a process has ended.
        """
        until = time.monotonic() + PATIENCE_S
        while not enough():
            self.check()
            if time.monotonic() > until:
                name = "recorder" if self.trader is None else "trader"
                said = f"the {name} said last: {self._last_words(name)}"
                raise Unavailable(f"{what} for {PATIENCE_S:.0f} s; {said}")
            beat()
            time.sleep(_LOOK_S)

    def kill(self, name: str) -> None:
        """End a process with SIGKILL."""
        process = self.recorder if name == "recorder" else self.trader
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        setattr(self, name, None)

    def stop_trader(self) -> dict[str, Any]:
        """End the trader in good order; its last words."""
        self._stop("trader")
        last: dict[str, Any] = json.loads((self.folder / "trader.out").read_text().splitlines()[-1])
        return last

    def stop_recorder(self) -> None:
        """End the recorder in good order: all its rows go into the lake."""
        self._stop("recorder")

    def _stop(self, name: str) -> None:
        process = self.recorder if name == "recorder" else self.trader
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE_S)
        setattr(self, name, None)
        if code:
            raise Unavailable(f"the {name} ended with code {code}; see {self.folder}/{name}.log")

    def close(self) -> None:
        """End all of them at once."""
        for name in ("recorder", "trader"):
            self.kill(name)
        self.exchange.close()
        self._lock.close()


def _taken(folder: Path) -> TextIO:
    """The folder, empty and ours for as long as its file is open."""
    marker = folder / _MARKER
    above = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.is_dir())
    free = shutil.disk_usage(above).free
    if free < _ROOM:
        raise Unavailable(
            f"{folder}: {free >> 20} MiB are free there, and the demo wants {_ROOM >> 20}; make "
            "room, or name another folder with --folder"
        )
    try:
        if folder.exists() and any(folder.iterdir()) and not marker.is_file():
            raise Conflict(f"{folder}: other things are in it; name a new folder with --folder")
        folder.mkdir(parents=True, exist_ok=True)
        lock = marker.open("w")
    except OSError as error:
        raise Invalid(f"{folder}: {error.strerror}; name another folder with --folder") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise Conflict(f"{folder}: another demo runs there; name another folder") from None
    # What an earlier demo left.
    for path in (folder / name for name in _OURS):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return lock
