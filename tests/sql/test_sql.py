"""Runs the queries of the `.slt` files on each engine and compares the rows.

A case is a few lines, and an empty line ends it:

    name: what it shows
    engines: duckdb datafusion polars     (if left out: duckdb and datafusion)
    select symbol, price from trades      (any number of lines)
    ----
    BTC | 100.5                           (one line for each row, in any order unless the query
    ETH | null                             has an `order by` of its own)

Values are written as `repr` does, but text as it is, null as `null`, and times with nine digits.
Instead of rows, `error: text` expects an error that has the text. Lines with `#` are comments.
"""

import dataclasses
import datetime as dt
import decimal
import math
import re
from pathlib import Path

import pyarrow as pa
import pytest
from query_lake import rows, snapshot

from rustonite_data import Schema, schemas
from rustonite_data.errors import RustoniteError
from rustonite_data.lake import query
from rustonite_data.lake.dataset import Dataset

FILES = sorted(Path(__file__).parent.glob("*.slt"))
ENGINES = ["duckdb", "datafusion"]


@dataclasses.dataclass
class Case:
    """One query and what it should give."""

    name: str
    engines: list
    text: str
    expected: list


def parse(path):
    """The cases of a file."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    for block in re.split(r"\n\s*\n", "\n".join(lines).strip()):
        head, _, body = block.partition("\n----")
        name, *rest = head.splitlines()
        assert name.startswith("name: "), f"{path.name}: {name}"
        engines = ENGINES
        if rest[0].startswith("engines: "):
            engines = rest.pop(0).removeprefix("engines: ").split()
        expected = [line.strip() for line in body.strip().splitlines()]
        yield Case(name.removeprefix("name: "), engines, "\n".join(rest), expected)


CASES = [
    pytest.param(case, engine, id=f"{path.stem}-{case.name}-{engine}")
    for path in FILES
    for case in parse(path)
    for engine in case.engines
]


def ns(text):
    """Nanoseconds of a time on 2026-01-01, or of an ISO time."""
    text = text if "T" in text else f"2026-01-01T{text}"
    head, _, digits = text.partition(".")
    whole = int(dt.datetime.fromisoformat(head).replace(tzinfo=dt.UTC).timestamp())
    return whole * 1_000_000_000 + int(digits.ljust(9, "0") or 0)


def table(dataset, names, text):
    """Rows written as lines of `|`-separated values; `-` is null."""
    columns = {name: [] for name in names.split()}
    kinds = {column.name: column.type for column in dataset.schema.columns}
    for line in text.strip().splitlines():
        for name, cell in zip(columns, line.split("|"), strict=True):
            columns[name].append(value(kinds[name], cell.strip()))
    return rows(dataset, columns)


def value(kind, text):
    if text == "-":
        return None
    if kind == "timestamp[ns]":
        return ns(text)
    if kind.startswith("list"):
        return [float(part) for part in text.split(",") if part]
    if kind.startswith("decimal"):
        return decimal.Decimal(text)
    if kind == "binary":
        return bytes.fromhex(text)
    return float(text) if kind == "float64" else int(text) if kind.startswith("int") else text


def built_in(name):
    return Dataset.of(schemas.get(name))


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Small datasets, part of each in files and part on tapes."""
    made = [trades, quotes, book_deltas, own]
    snapshots = [make(tmp_path_factory.mktemp(make.__name__)) for make in made]
    empty = snapshot("liquidations", tmp_path_factory.mktemp("empty"))
    return {one.dataset.name: one for one in [*snapshots, empty]}


def trades(folder):
    names = "ts_event ts_recv venue symbol price size side trade_id trade_uid flags"
    dataset = built_in("trades")
    day1 = table(dataset, names, """
        00:00:00.000000001 | 00:00:00.001 | binance | BTC | 100.5 | 1.0  | buy     | 1 | -   | 1
        00:00:00.000000001 | 00:00:00.001 | binance | BTC | 100.0 | 0.5  | sell    | 2 | -   | 1
        00:00:59.999999999 | 00:01:00.2   | binance | BTC | 101.0 | 2.0  | buy     | 3 | -   | 1
        00:01:00           | 00:01:00.3   | binance | BTC | 102.0 | 0.25 | buy     | 4 | -   | 5
        00:03:30.5         | 00:03:30.6   | binance | BTC | 99.0  | 1.0  | sell    | 5 | -   | 1
        00:00:10           | 00:00:10.1   | binance | ETH | 10.0  | 3.0  | buy     | 1 | -   | 1
        00:02:10           | 00:02:10.1   | binance | ETH | 10.5  | 1.0  | sell    | 2 | -   | 1
        00:00:20           | 00:00:20.1   | kraken  | BTC | 100.25| 0.1  | unknown | - | u-1 | 1
    """)  # fmt: skip
    day2 = table(
        dataset,
        names,
        """
        23:59:59.999999999  | 2026-01-02T00:00:00.1 | binance | BTC | 110 | 1   | buy  | 6 | -   | 1
        2026-01-02T00:00:00 | 2026-01-02T00:00:00.2 | binance | BTC | 111 | 1.5 | sell | 7 | -   | 1
        2026-01-02T12:00:00 | 2026-01-02T12:00:00.2 | kraken  | ETH | 12  | 4   | buy  | - | u-2 | 1
    """,
    )  # fmt: skip
    hot = table(
        dataset,
        names,
        """
        2026-01-03T00:00:00.5 | 2026-01-03T00:00:00.6 | binance | BTC | 120 | 0.5 | buy  | 8 | - | 1
        2026-01-03T00:00:01   | 2026-01-03T00:00:01.1 | binance | SOL | 1.5 | 100 | sell | 1 | - | 1
    """,
    )  # fmt: skip
    return snapshot(dataset, folder, [day1, day2], [hot])


def quotes(folder):
    names = "ts_event ts_recv venue symbol bid_price bid_size ask_price ask_size seq flags"
    dataset = built_in("quotes")
    cold = table(dataset, names, """
        00:00:00     | 00:00:00     | binance | BTC | 100.0 | 1.0 | 101.0 | 3.0 | 1 | 1
        00:00:30     | 00:00:30     | binance | BTC | 100.5 | 2.0 | 101.5 | 2.0 | 2 | 1
        00:00:30     | 00:00:30     | binance | BTC | 100.75| 2.0 | 101.0 | 6.0 | 3 | 1
        00:00:15     | 00:00:15     | binance | ETH | -     | -   | 10.5  | 1.0 | 1 | 1
    """)  # fmt: skip
    hot = table(dataset, names, """
        00:02:00     | 00:02:00     | binance | BTC | 98.0 | 1.0 | 99.0 | 1.0 | 4 | 1
    """)  # fmt: skip
    return snapshot(dataset, folder, [cold], [hot])


def book_deltas(folder):
    names = "ts_event ts_recv venue symbol action side price size position flags"
    dataset = built_in("book_deltas")
    cold = table(dataset, names, """
        00:00:00 | 00:00:00 | binance | BTC | clear  | -   | -     | -   | 0 | 2
        00:00:00 | 00:00:00 | binance | BTC | set    | bid | 100.0 | 1.0 | 1 | 2
        00:00:00 | 00:00:00 | binance | BTC | set    | bid | 99.5  | 4.0 | 2 | 2
        00:00:00 | 00:00:00 | binance | BTC | set    | ask | 101.0 | 2.0 | 3 | 3
        00:00:01 | 00:00:01 | binance | BTC | set    | bid | 100.5 | 0.5 | 0 | 1
        00:00:02 | 00:00:02 | binance | BTC | remove | bid | 100.0 | 0.0 | 0 | 1
    """)  # fmt: skip
    hot = table(dataset, names, """
        00:00:03 | 00:00:03 | binance | BTC | set    | ask | 100.75 | 1.0 | 0 | 5
        00:00:04 | 00:00:04 | binance | BTC | clear  | ask | -      | -   | 0 | 1
    """)  # fmt: skip
    return snapshot(dataset, folder, [cold], [hot])


def own(folder):
    """A dataset of odd types, without partitions, whose first file lacks a column."""
    kinds = {
        "ts": pa.timestamp("ns"), "name": pa.string(), "money": pa.decimal128(18, 4),
        "small": pa.int8(), "items": pa.list_(pa.field("item", pa.float64(), nullable=False)),
        "raw": pa.binary(), "late": pa.int64(),
    }  # fmt: skip
    schema = Schema.from_arrow("own", pa.schema(list(kinds.items())), time="ts")
    dataset = Dataset.of(schema, [], ["name", "ts"])
    first = table(
        dataset,
        "ts name money small items raw",
        """
        00:00:00 | a     | 1.5000  | 1   | 1,2.5 | 00ff
        00:00:01 | b'c   | -0.0001 | -7  |       | -
        -        | -     | -       | -   | -     | 61
    """,
    )
    hot = table(
        dataset,
        "ts name money small items raw late",
        """
        00:00:02.123456789 | "q" | 12345678901234.5678 | 127 | 3 | - | 9
    """,
    )
    return snapshot(dataset, folder, [first], [hot], lacking=["late"])


def shown(column):
    kind = column.type
    if pa.types.is_timestamp(kind):
        texts = column.cast(pa.timestamp("ns")).cast(pa.string()).to_pylist()
        return ["null" if text is None else text for text in texts]
    return [written(one) for one in column.to_pylist()]


def written(one):
    if one is None:
        return "null"
    if isinstance(one, float) and math.isfinite(one) and one == int(one):
        return f"{one:.1f}"
    return str(one)


@pytest.mark.parametrize(("case", "engine"), CASES)
def test_query(lake, case, engine):
    def run():
        return query.run_sql(lake.__getitem__, list(lake), case.text, engine=engine)

    if case.expected and case.expected[0].startswith("error: "):
        with pytest.raises(RustoniteError) as error:
            run()
        assert case.expected[0].removeprefix("error: ") in str(error.value)
        return
    found = [" | ".join(row) for row in zip(*map(shown, run().arrow().columns), strict=True)]
    wanted = [" | ".join(cell.strip() for cell in line.split("|")) for line in case.expected]
    if "order by" not in case.text.splitlines()[-1]:
        found, wanted = sorted(found), sorted(wanted)
    assert found == wanted, "\n".join(found)


def test_files_have_cases():
    assert len(FILES) >= 5
    assert len(CASES) >= 80
    names = [case.name for path in FILES for case in parse(path)]
    assert len(names) == len(set(names))
