"""Configuration files to begin with: a venue on this machine, its recorder, a trader with limits.

They work together at once, and each says what else can be set. Real venues are a few lines away.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from rustonite_data.errors import Conflict, Invalid
from rustonite_exec.limits import limits

if TYPE_CHECKING:
    from pathlib import Path

_PORT_MIN, _PORT_MAX = 1, 65_535

EXCHANGE = """\
# A venue on this machine, to trade on without an account: rustonite exchange exchange.toml
# Paths start from this file's folder. "${{NAME}}" is a variable of the environment,
# "${{NAME:-text}}" the text where it is not set.

venue = "binance"                      # or "binance-usdm", "alpaca"
symbols = ["BTCUSDT", "ETHUSDT"]
port = {port}                            # on this machine alone
seed = 7                               # what the other traders are drawn from
speed = 1.0                            # how busy they are
# others = false                       # nobody else trades
# prices = {{ BTCUSDT = 60000 }}         # at the start

[[account]]
name = "demo"
keys = "keys.toml"
balances = {{ USDT = 100000, BTC = 1, ETH = 10 }}
# maker = "0.001"                      # fees, as parts
# taker = "0.001"
# fees_in = {{ asset = "BNB", price = 600, discount = 0.25 }}  # while there is enough of it
"""

RECORDER = """\
# What is recorded, and where to: rustonite record recorder.toml
# Paths start from this file's folder. "${{NAME}}" is a variable of the environment,
# "${{NAME:-text}}" the text where it is not set.

lake = "lake"                          # or "s3://bucket/lake"; made if it is not there
# tapes = "/dev/shm/ticks"             # where the newest rows are; by default in the lake's folder
name = "recorder"                      # unique among the recorders of one lake
# frames = false                       # raw bytes are kept; without them nothing is decoded again

[tape]
seal_after_s = 30                      # rows go into the lake so long after they came
# segment_bytes = 33554432
# segments_max = 64                    # what is kept while the lake is away

# [metrics]
# listen = "127.0.0.1:9108"            # /metrics for Prometheus, and /health

[[feed]]
venue = "binance"
symbols = ["BTCUSDT", "ETHUSDT"]
datasets = ["trades", "quotes", "book_deltas", "instruments"]
# copies = 2                           # connections that carry each topic; the first one wins
# Of the local exchange; without this line the real venue is recorded.
urls = {{ public = "ws://127.0.0.1:{port}/stream", rest = "http://127.0.0.1:{port}" }}

# [[feed]]
# venue = "binance-usdm"
# symbols = ["BTCUSDT"]
# datasets = ["trades", "quotes", "book_deltas", "tickers", "liquidations"]
"""

TRADER = """\
# Who trades what, where, within which limits: rustonite trade trader.toml
# Paths start from this file's folder. "${{NAME}}" is a variable of the environment,
# "${{NAME:-text}}" the text where it is not set.

name = "trader"                        # unique among the traders of one account
journal = "journal"                    # orders, fills, switches; a restart reads it back
tapes = "lake/.tapes"                  # its tapes, beside the recorder's: one lake has both
limits = "limits.toml"
# sync = "every"                       # what an intent outlives: "process", "interval", "every"
# on_stop = "keep"                     # open orders at the end; "cancel" by default
# on_error = "keep"                    # the same when the strategy fails
# reconcile = "refuse"                 # differences to the venue's books: "adjust", "report"
# wait = "spin"                        # the lowest latency, for a whole core

[[market]]
venue = "binance"
tapes = "lake/.tapes"                  # of the recorder
datasets = ["quotes", "trades"]        # also "book_deltas", "bars", "tickers"

[[account]]
name = "main"
venue = "binance"
symbols = ["BTCUSDT"]
# Without this line the key is in RUSTONITE_MAIN_KEY and RUSTONITE_MAIN_SECRET.
keys = "keys.toml"
# Of the local exchange. For the venue itself: no urls, and live = true.
urls = {{ rest = "http://127.0.0.1:{port}", ws_api = "ws://127.0.0.1:{port}/ws-api/v3" }}
# live = true                          # real money

[strategy]
name = "maker"
run = "market-maker"                   # or "ema-cross", or "module:Class" in Python

[strategy.settings]
venue = "binance"
symbol = "BTCUSDT"
size = 0.01
distance_bps = 0.2                     # of each quote from the middle
tolerance_bps = 0.2                    # a quote that is off by less is left alone
position_max = 0.1
"""

KEYS = """\
# A key and its secret, for their owner alone (mode 600). These are worth nothing: they are of the
# local exchange. An Ed25519 key is a PEM text in three quotes.

key = "{key}"
secret = "{secret}"
"""

FILES = ("exchange.toml", "recorder.toml", "trader.toml", "limits.toml", "keys.toml")


def write_configs(folder: Path, port: int = 9000) -> list[Path]:
    """Write a set of configuration files.

    Args:
        folder: Where to; made if it is not there.
        port: Of the local exchange.

    Raises:
        Conflict: one of the files is there already; nothing is written then.
        Invalid: the folder cannot be written, or the port cannot be.

    Example:
        >>> [path.name for path in write_configs(folder / "desk")]
        ['exchange.toml', 'recorder.toml', 'trader.toml', 'limits.toml', 'keys.toml']
    """
    if not _PORT_MIN <= port <= _PORT_MAX:
        raise Invalid(f"port: found {port}, expected {_PORT_MIN} to {_PORT_MAX}")
    if there := [name for name in FILES if (folder / name).exists()]:
        raise Conflict(
            f"{folder}: {', '.join(there)} {'is' if len(there) == 1 else 'are'} there already, and "
            "nothing was written; move them away or name another folder"
        )
    texts = {
        "exchange.toml": EXCHANGE.format(port=port),
        "recorder.toml": RECORDER.format(port=port),
        "trader.toml": TRADER.format(port=port),
        "limits.toml": limits(),
        "keys.toml": KEYS.format(key=secrets.token_hex(32), secret=secrets.token_hex(32)),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_written(folder / name, texts[name]) for name in FILES]
    except OSError as error:
        raise Invalid(f"{error.filename or folder}: {error.strerror}") from error


def _written(path: Path, text: str) -> Path:
    """A new file, with its mode from the first moment on: one of them holds a secret."""
    mode = 0o600 if path.name == "keys.toml" else 0o666
    path.touch(mode, exist_ok=False)
    path.write_text(text, "utf-8")
    return path
