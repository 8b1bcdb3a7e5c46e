"""CSV files of tardis.dev: every type of theirs that we have a dataset for.

Times are microseconds; where both are the same, the venue sent none. Rows with one receive time
are one message. Before the first row of each snapshot of a book comes a `clear` that the file
only implies. `type`, `strike_price` and `expiration` of options belong to `instruments` and are
left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rustonite_data.errors import Invalid
from rustonite_data.lake.imports.arrays import Mask, changes, last_of, numpy, place_in, ragged
from rustonite_data.lake.imports.cells import NUMBER, TEXT, epoch, shifted, words
from rustonite_data.lake.imports.source import FLAGS, Columns, Shape
from rustonite_data.lake.imports.text import Field, header, split
from rustonite_data.lake.imports.text_source import TextSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path


START = b"exchange,symbol,timestamp,local_timestamp"

VENUES = {
    "binance-delivery": "binance-coinm",
    "binance-futures": "binance-usdm",
    "coinbase": "coinbase-exchange",
    "cryptofacilities": "kraken-futures",
    "okex": "okx",
    "okex-futures": "okx",
    "okex-options": "okx",
    "okex-spreads": "okx",
    "okex-swap": "okx",
}
"""Their names of venues where ours differ."""

# Deribit sends volatilities in percent, others as fractions; tardis.dev passes on what it gets.
_PERCENT = {"deribit"}
_BOTH_SIDES = {"buy": "buy", "sell": "sell"}
_TAKER = words(_BOTH_SIDES | {"unknown": "unknown"})
_BOOK_SIDE = words({"bid": "bid", "ask": "ask"})
_SNAPSHOT = words({"true": True, "false": False}, pa.bool_())
_WHOLE_ID = "^(0|[1-9][0-9]{0,17})$"
# Files from elsewhere in their layout count nanoseconds; the two cannot be taken for each other.
_TIME = epoch("us", "ns")
_COMMON = [
    Field("exchange", TEXT),
    Field("symbol", TEXT),
    Field("timestamp", _TIME),
    Field("local_timestamp", _TIME),
]
_OURS = ("ts_event", "ts_recv", "venue", "symbol", "flags")


def _numbers(*names: str, required: bool = False) -> list[Field]:
    return [Field(name, NUMBER, required) for name in names]


def _trades(columns: Columns) -> Columns:
    return {**_ids("trade", columns["id"]), **_renamed(columns, side="side", size="amount")}


def _liquidations(columns: Columns) -> Columns:
    ids = _ids("liquidation", columns["id"])
    return {**ids, **_renamed(columns, side="side", side_raw="side", size="amount")}


def _ids(what: str, ids: pa.Array) -> Columns:
    """Ids that are whole numbers, and those that are text."""
    whole = pc.match_substring_regex(ids, _WHOLE_ID)
    numbers = pc.cast(pc.if_else(whole, ids, None), pa.int64())
    return {f"{what}_id": numbers, f"{what}_uid": pc.if_else(whole, None, ids)}


def _renamed(columns: Columns, **theirs: str) -> Columns:
    return {"price": columns["price"]} | {ours: columns[name] for ours, name in theirs.items()}


def _quotes(columns: Columns) -> Columns:
    made = {}
    for side in ("bid", "ask"):
        price, size = columns[f"{side}_price"], columns[f"{side}_amount"]
        both = pc.and_(price.is_valid(), size.is_valid())
        made[f"{side}_price"] = pc.if_else(both, price, None)
        made[f"{side}_size"] = pc.if_else(both, size, None)
    return made


def _tickers(columns: Columns) -> Columns:
    made = {name: columns[name] for name in ("last_price", "index_price", "mark_price")}
    made["open_interest"] = columns["open_interest"]
    made["ts_funding_next"] = columns["funding_timestamp"]
    made["funding_rate"] = columns["funding_rate"]
    made["funding_rate_next"] = columns["predicted_funding_rate"]
    return made


_VOLATILITIES = ("bid_iv", "ask_iv", "mark_iv")
_GREEKS = ("delta", "gamma", "vega", "theta", "rho")
_OPTION_NUMBERS = ("open_interest", "last_price", "mark_price", "underlying_price", *_GREEKS)


def _options(columns: Columns) -> Columns:
    made = {name: columns[name] for name in (*_OPTION_NUMBERS, *_VOLATILITIES)}
    return {**made, "underlying": columns["underlying_index"]}


def _deltas(columns: Columns) -> Columns:
    gone = pc.equal(columns["amount"], 0.0)
    action = pc.if_else(columns["clear"], "clear", pc.if_else(gone, "remove", "set"))
    made = _renamed(columns, side="side", size="amount")
    kept = pc.invert(columns["clear"])
    made = {name: pc.if_else(kept, column, None) for name, column in made.items()}
    return {**made, "action": action, "position": columns["position"]}


def _snapshots(columns: Columns) -> Columns:
    made = {}
    for side in ("bid", "ask"):
        names = sorted(
            (name for name in columns if name.startswith(side)),
            key=lambda name: int(re.findall(r"\d+", name)[0]),
        )
        prices, sizes = (
            [columns[n] for n in names if n.endswith(e)] for e in (".price", ".amount")
        )
        made[f"{side}_price"] = ragged(prices, prices)
        made[f"{side}_size"] = ragged(sizes, prices)
    return made


@dataclass(frozen=True)
class _Type:
    """One of their types of files."""

    fields: Sequence[Field]
    make: dict[str, Callable[[Columns], Columns]]
    """Columns of each dataset, besides those that all have."""
    columns: dict[str, tuple[str, ...]]
    """Names of the same."""
    pairs: Sequence[tuple[str, str]] = ()


_QUOTE = ("bid_price", "bid_size", "ask_price", "ask_size")
_PAIRS = [("bid_price", "bid_amount"), ("ask_price", "ask_amount")]
_TRADE = [Field("id", TEXT, required=False), *_numbers("price", "amount", required=True)]
TYPES = {
    "incremental_book_L2": _Type(
        [
            Field("is_snapshot", _SNAPSHOT),
            Field("side", _BOOK_SIDE),
            *_numbers("price", "amount", required=True),
        ],
        {"book_deltas": _deltas},
        {"book_deltas": ("action", "side", "price", "size", "position")},
    ),
    "options_chain": _Type(
        [
            Field("underlying_index", TEXT, required=False),
            *_numbers(*_OPTION_NUMBERS, "bid_price", "bid_amount", "ask_price", "ask_amount"),
        ],
        {"tickers": _options, "quotes": _quotes},
        {"tickers": ("underlying", *_OPTION_NUMBERS, *_VOLATILITIES), "quotes": _QUOTE},
    ),
    "derivative_ticker": _Type(
        [
            Field("funding_timestamp", _TIME, required=False),
            *_numbers("funding_rate", "predicted_funding_rate", "open_interest"),
            *_numbers("last_price", "index_price", "mark_price"),
        ],
        {"tickers": _tickers},
        {
            "tickers": (
                *("last_price", "index_price", "mark_price", "open_interest"),
                *("ts_funding_next", "funding_rate", "funding_rate_next"),
            )
        },
    ),
    "quotes": _Type(
        _numbers("ask_amount", "ask_price", "bid_price", "bid_amount"),
        {"quotes": _quotes},
        {"quotes": _QUOTE},
        _PAIRS,
    ),
    "liquidations": _Type(
        [*_TRADE, Field("side", words(_BOTH_SIDES))],
        {"liquidations": _liquidations},
        {
            "liquidations": (
                *("side", "side_raw", "price", "size", "liquidation_id", "liquidation_uid"),
            )
        },
    ),
    "trades": _Type(
        [*_TRADE, Field("side", _TAKER)],
        {"trades": _trades},
        {"trades": ("price", "size", "side", "trade_id", "trade_uid")},
    ),
}
"""Their types, by the names that their files have."""

_ALIASES = {"book_ticker": "quotes"}
_LEFT_OUT = {"type", "strike_price", "expiration"}
_MESSAGE = ("symbol", "local_timestamp")


def _snapshot_type(path: Path, names: Sequence[str]) -> _Type:
    levels = [name for name in names if re.fullmatch(r"(asks|bids)\[\d+\]\.(price|amount)", name)]
    prices = [name for name in levels if name.endswith("price")]
    pairs = [(name, name.replace(".price", ".amount")) for name in prices]
    if lonely := sorted({name for pair in pairs for name in pair} ^ set(levels)):
        raise Invalid(
            f"{path}: line 1: column {lonely[0]!r} stands alone, expected price and amount"
        )
    columns = ("bid_price", "bid_size", "ask_price", "ask_size")
    return _Type(
        _numbers(*levels), {"book_snapshots": _snapshots}, {"book_snapshots": columns}, pairs
    )


class Tardis(TextSource):
    """A file of tardis.dev."""

    format = "tardis"

    def _prepare(self) -> None:
        """Read the header."""
        super()._prepare()
        request = self._request
        request.without_columns(self.format)
        self._type_name = request.take(type=None)["type"]
        self._type: _Type | None = None
        self._in_snapshot: dict[str, bool] = {}
        # What tardis.dev sends for a day without data is an empty file, compressed.
        if not self._lines.empty:
            self._names = header(self._lines)
            self._type = self._find()
            self._fields = [*_COMMON, *self._type.fields, *self._volatilities()]
            known = {field.name for field in self._fields} | (_LEFT_OUT & set(self._names))
            self._check_header(self._names, known)

    def _find(self) -> _Type:
        """The type of file that the header belongs to."""
        if "asks[0].price" in self._names:
            return _snapshot_type(self.path, self._names)
        name = _ALIASES.get(self._type_name, self._type_name)
        if name is not None:
            if name not in TYPES:
                raise Invalid(f"{self.path}: type {name!r}, expected one of {', '.join(TYPES)}")
            return TYPES[name]
        # By how many columns of its own a type is recognised in; the first of equals.
        shared = {name: self._shared(type_) for name, type_ in TYPES.items()}
        best = [name for name in TYPES if shared[name] == max(shared.values())]
        if max(shared.values()) <= 0:
            raise Invalid(
                f"{self.path}: line 1: {', '.join(self._names)}, "
                f"expected the columns of one of {', '.join(TYPES)}, book_snapshot"
            )
        return TYPES[best[0] if len(best) == 1 else self._told_by_name(best)]

    def _shared(self, type_: _Type) -> float:
        own = {field.name for field in type_.fields}
        return len(own & set(self._names)) - 0.5 * len(own - set(self._names))

    def _told_by_name(self, types: Sequence[str]) -> str:
        """Trades and liquidations look alike; what they are is in the name or was said."""
        # Their names are like binance_trades_2024-01-01_BTCUSDT, in folders like binance/trades.
        places = [
            [self._request.dataset_name],
            re.split(r"[_.]", self.path.name),
            re.split(r"[_.]", self._name),
            self.path.absolute().parts[:-1],
        ]
        for place in places:
            told = [name for name in types if name in place]
            if len(told) == 1:
                return told[0]
        raise Invalid(f"{self.path}: may hold {' or '.join(types)}, expected dataset= to say which")

    def _volatilities(self) -> list[Field]:
        """The columns whose unit depends on the exchange, which there is one of in a file."""
        if self._type is not TYPES["options_chain"]:
            return []
        row = split(self.path, self._lines.first)
        exchange = dict(zip(self._names, row, strict=False)).get("exchange", "")
        kind = shifted(2) if exchange in _PERCENT else NUMBER
        one = Field("exchange", words({exchange: exchange}), key="one_exchange")
        return [one, *(Field(name, kind, required=False) for name in _VOLATILITIES)]

    def _shapes(self) -> Iterable[Shape]:
        if self._type is None:
            return
        for dataset in self._request.choose(list(self._type.columns)):
            columns = (*_OURS, *self._type.columns[dataset])
            yield Shape(self._request.schema(dataset), columns, self.extra_columns)

    def _batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        if self._type is None:
            return
        held: pa.Table | None = None
        for rows in self._table(self._names, self._fields, self._type.pairs):
            lost = np.zeros(rows.count, bool) if rows.inexact is None else rows.inexact
            table = pa.table({**rows.columns, "inexact": lost})
            table = pa.concat_tables([held, table]) if held else table
            # The last message may go on in the next block.
            starts = changes(*(table[name].combine_chunks() for name in _MESSAGE))
            cut = int(np.flatnonzero(starts)[-1])
            held = table.slice(cut)
            yield from self._made(table.slice(0, cut))
        if held:
            yield from self._made(held)

    def _made(self, table: pa.Table) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The batches of whole messages."""
        if not table.num_rows or self._type is None:
            return
        flags = np.zeros(table.num_rows, np.int32)
        if "is_snapshot" in table.column_names:
            table, flags = self._with_clears(table)
        columns = {name: table[name].combine_chunks() for name in table.column_names}
        starts = changes(*(columns[name] for name in _MESSAGE))
        silent = numpy(pc.equal(columns["timestamp"], columns["local_timestamp"]))
        flags |= np.where(last_of(starts), FLAGS["last"], 0).astype(np.int32)
        flags |= np.where(silent, FLAGS["local_time"], 0).astype(np.int32)
        flags |= np.where(numpy(columns["inexact"]), FLAGS["inexact"], 0).astype(np.int32)
        columns["position"] = place_in(starts)
        common = {
            "ts_event": columns["timestamp"],
            "ts_recv": columns["local_timestamp"],
            "venue": self._request.venue or _venues(columns["exchange"]),
            "symbol": self._request.symbol or columns["symbol"],
            "flags": flags,
            **{name: columns[name] for name in self._extra},
        }
        for dataset, shape in self.shapes.items():
            made = self._type.make[dataset](columns)
            yield dataset, shape.batch(common | made, table.num_rows)

    def _with_clears(self, table: pa.Table) -> tuple[pa.Table, np.ndarray[Any, Any]]:
        """The rows with one more before each snapshot, which says that the book is void."""
        begins = self._snapshot_begins(table)
        rows = np.repeat(np.arange(table.num_rows), 1 + begins)
        clear = begins[rows] & np.append(True, rows[1:] != rows[:-1])
        table = table.take(rows).append_column("clear", pa.array(clear))
        flags = np.where(numpy(table["is_snapshot"].combine_chunks()), FLAGS["snapshot"], 0)
        flags |= np.where(clear, FLAGS["inferred"], 0)
        return table, flags.astype(np.int32)

    def _snapshot_begins(self, table: pa.Table) -> Mask:
        """Rows of a snapshot that the row before, of the same symbol, is no part of."""
        symbols = pc.dictionary_encode(table["symbol"].combine_chunks())
        codes, names = symbols.indices.to_numpy(), symbols.dictionary.to_pylist()
        order = np.argsort(codes, kind="stable")
        snapshot = numpy(table["is_snapshot"].combine_chunks())[order]
        first = np.append(True, np.diff(codes[order]) != 0)
        before = np.roll(snapshot, 1)
        before[first] = [self._in_snapshot.get(names[code], False) for code in codes[order][first]]
        last = last_of(first)
        ended = zip(codes[order][last].tolist(), snapshot[last].tolist(), strict=True)
        self._in_snapshot |= {names[code]: state for code, state in ended}
        begins = np.empty(len(order), bool)
        begins[order] = snapshot & ~before
        return begins


def _venues(exchanges: pa.Array) -> pa.DictionaryArray:
    theirs = pc.dictionary_encode(exchanges)
    ours = [VENUES.get(name, name) for name in theirs.dictionary.to_pylist()]
    # Two of their names may be one of ours.
    distinct = list(dict.fromkeys(ours))
    codes = pa.array([distinct.index(name) for name in ours], pa.int16())
    return pa.DictionaryArray.from_arrays(codes.take(theirs.indices), pa.array(distinct))
