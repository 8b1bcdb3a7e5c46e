"""Which files of a table a query can do without, told from the statistics in the table's log.

An engine's plan says what it would ask of each row (`from_duckdb`, `from_datafusion`); what is
understood of that becomes a `Predicate`, and `prune` leaves out the files that cannot have such a
row. Everything errs to one side: what is not understood, or not in the log, keeps files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rustonite_data.lake.dataset import Dataset
    from rustonite_data.lake.snapshot import DataFile

_EPOCH = date(1970, 1, 1)
_DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Test:
    """One column against constants; a null passes none of them but `is null`."""

    column: str
    op: str
    """`=`, `<`, `<=`, `>`, `>=`, `in`, `prefix`, `is null` or `is not null`."""
    value: Any = None
    """Whole number (times: nanoseconds), float, text, `Decimal` or `date`; for `in` a tuple."""


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Predicate, ...]


Predicate = Test | AllOf | AnyOf
_Keeps = Callable[["DataFile"], bool]

EVERYTHING = AllOf(())
"""What every row fulfils."""


def any_of(parts: Iterable[Predicate]) -> Predicate:
    """What a row fulfils that fulfils one of the parts."""
    found = tuple(parts)
    if EVERYTHING in found:
        return EVERYTHING
    return found[0] if len(found) == 1 else AnyOf(found)


def all_of(parts: Iterable[Predicate]) -> Predicate:
    """What a row fulfils that fulfils each of the parts."""
    found: list[Predicate] = []
    for part in parts:
        found.extend(part.parts if isinstance(part, AllOf) else (part,))
    return found[0] if len(found) == 1 else AllOf(tuple(found))


def prune(files: Sequence[DataFile], predicate: Predicate, dataset: Dataset) -> list[DataFile]:
    """The files that may have a row that fulfils the predicate, in their order.

    Example:
        >>> from rustonite_data import schemas
        >>> from rustonite_data.lake.dataset import Dataset
        >>> from rustonite_data.lake.snapshot import DataFile
        >>> def file(path, first, last):
        ...     return DataFile(path, 1, 9, {}, {"trade_id": first}, {"trade_id": last}, {}, 0)
        >>> files = [file("a", 1, 9), file("b", 10, 20)]
        >>> trades = Dataset.of(schemas.get("trades"))
        >>> [file.path for file in prune(files, Test("trade_id", ">", 9), trades)]
        ['b']
    """
    if predicate == EVERYTHING:
        return list(files)
    kinds = {column.name: column.type for column in dataset.schema.columns}
    if dataset.has_date:
        kinds["date"] = "date32"
    partitions = set(dataset.partition_by)
    # One part after the other, so that the later ones look at fewer files.
    for part in predicate.parts if isinstance(predicate, AllOf) else (predicate,):
        keeps = _compile(part, kinds, partitions)
        files = [file for file in files if keeps(file)]
    return list(files)


def _compile(predicate: Predicate, kinds: dict[str, str], partitions: set[str]) -> _Keeps:
    if isinstance(predicate, Test):
        return _compile_test(predicate, kinds.get(predicate.column), partitions)
    parts = [_compile(part, kinds, partitions) for part in predicate.parts]
    if isinstance(predicate, AllOf):
        return lambda file: all(part(file) for part in parts)
    return lambda file: any(part(file) for part in parts)


def _compile_test(test: Test, kind: str | None, partitions: set[str]) -> _Keeps:
    value = _constant(test, kind) if kind is not None else None
    if value is None:
        return lambda _: True
    test = Test(test.column, test.op, value)
    if test.column in partitions:
        return _of_partition(test, str(kind))
    return _of_nulls(test) if test.op.startswith("is") else _of_range(test)


def _of_partition(test: Test, kind: str) -> _Keeps:
    """All rows of a file have the same value, which many files share."""
    known: dict[str | None, bool] = {}
    may = _may(test)

    def decide(text: str | None) -> bool:
        # Delta may write an empty text as null.
        if not text:
            return text is not None or test.op == "is null"
        if test.op.startswith("is"):
            return test.op == "is not null"
        value = _partition_value(text, kind)
        return value is None or may(value, value)

    def keeps(file: DataFile) -> bool:
        if test.column not in file.partition:
            return True
        text = file.partition[test.column]
        if text not in known:
            known[text] = decide(text)
        return known[text]

    return keeps


def _partition_value(text: str, kind: str) -> Any:  # noqa: ANN401 - of any column
    try:
        if kind == "date32":
            return date.fromisoformat(text)
        return int(text) if kind.startswith("int") else text
    except ValueError:
        return None


def _of_nulls(test: Test) -> _Keeps:
    column = test.column
    if test.op == "is null":
        return lambda file: file.nulls.get(column) != 0
    return lambda file: not _only_nulls(file, column)


def _only_nulls(file: DataFile, column: str) -> bool:
    nulls = file.nulls.get(column)
    return nulls is not None and 0 < file.rows <= nulls


# What makes a comparison impossible. Said this way round, bounds that compare with nothing (NaN)
# keep the file.
_LOWEST_IS: dict[str, Callable[[Any, Any], bool]] = {"=": gt, "<=": gt, "<": ge}
_HIGHEST_IS: dict[str, Callable[[Any, Any], bool]] = {"=": lt, ">=": lt, ">": le}


def _of_range(test: Test) -> _Keeps:
    column, may = test.column, _may(test)

    def keeps(file: DataFile) -> bool:
        low, high = file.minimum.get(column), file.maximum.get(column)
        if low is None and high is None:
            return not _only_nulls(file, column)
        try:
            return may(low, high)
        except TypeError:
            # The bounds are not of the kind that the value is.
            return True

    return keeps


def _may(test: Test) -> Callable[[Any, Any], bool]:
    """Whether a value between two bounds may pass; `None` is no bound."""
    op, value = test.op, test.value
    if op == "in":
        each = [_may(Test(test.column, "=", item)) for item in value]
        return lambda low, high: any(may(low, high) for may in each)
    if op == "prefix":
        return lambda low, high: (
            (low is None or low[: len(value)] <= value) and (high is None or high >= value)
        )
    too_high, too_low = _LOWEST_IS.get(op), _HIGHEST_IS.get(op)
    if too_high is None:
        return lambda _, high: high is None or too_low is None or not too_low(high, value)
    if too_low is None:
        return lambda low, _: low is None or not too_high(low, value)
    return lambda low, high: (
        (low is None or not too_high(low, value)) and (high is None or not too_low(high, value))
    )


def _family(kind: str) -> str:
    if kind.startswith(("dictionary", "utf8")):
        return "text"
    if kind.startswith("int"):
        return "whole"
    families = {"timestamp[ns]": "time", "date32": "date", "float64": "float"}
    return families.get(kind, "decimal" if kind.startswith("decimal") else "")


def _constant(test: Test, kind: str) -> Any:  # noqa: ANN401 - of any column
    """The value to compare with what the log has of such a column; `None` if there is no way."""
    family = _family(kind)
    # Statistics leave NaN out, and NaN is greater than any number.
    if not family or (family == "float" and test.op in {">", ">="}):
        return None
    if test.op in {"is null", "is not null"}:
        return ()
    if test.op == "in":
        values = tuple(_of_family(value, family) for value in test.value)
        return None if None in values else values
    return _of_family(test.value, family)


def _of_family(value: Any, family: str) -> Any:  # noqa: ANN401 - of any column
    if isinstance(value, bool):
        return None
    if family == "float":
        usable = isinstance(value, (int, float, Decimal)) and value == value  # noqa: PLR0124 - NaN
        return float(value) if usable else None
    if family == "decimal" and isinstance(value, (int, Decimal)):
        return Decimal(value)
    wanted: dict[str, type | tuple[type, ...]] = {
        "text": str, "whole": (int, Decimal), "time": int, "date": date,
    }  # fmt: skip
    if family not in wanted or isinstance(value, datetime):
        return None
    return value if isinstance(value, wanted[family]) else None


def without_upper_times(predicate: Predicate, dataset: Dataset) -> Predicate:
    """What still holds if the clock goes on between planning and running.

    A query that asks for the time runs a little after it was planned, so bounds that it derives
    from the time may be later than those of the plan.
    """
    times = {c.name for c in dataset.schema.columns if c.type in {"timestamp[ns]", "date32"}}
    return _without_upper(predicate, times | {"date"})


def _without_upper(predicate: Predicate, times: set[str]) -> Predicate:
    if not isinstance(predicate, Test):
        parts = tuple(_without_upper(part, times) for part in predicate.parts)
        return all_of(parts) if isinstance(predicate, AllOf) else any_of(parts)
    if predicate.column not in times or predicate.op in {">", ">=", "is null", "is not null"}:
        return predicate
    if predicate.op in {"=", "in"}:
        value = predicate.value if predicate.op == "=" else min(predicate.value)
        return Test(predicate.column, ">=", value)
    return EVERYTHING


def from_duckdb(filters: str | Sequence[str]) -> Predicate:
    """The `Filters` of a scan in what DuckDB's `EXPLAIN (FORMAT json)` prints.

    Example:
        >>> from_duckdb("(symbol = 'BTCUSDT')")
        Test(column='symbol', op='=', value='BTCUSDT')
    """
    entries = [filters] if isinstance(filters, str) else filters
    parts = [_parse(_tokens(entry.removeprefix("optional:").lstrip())) for entry in entries]
    return all_of(parts)


_TOKEN = re.compile(
    r"""\s*(?: (?P<text>'(?:[^']|'')*') | (?P<quoted>"(?:[^"]|"")*")
    | (?P<number>-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_]\w*) | (?P<sign>::|<=|>=|!=|<>|\S) )""",
    re.VERBOSE,
)

_Token = tuple[str, str]
_OPEN, _CLOSE, _COMMA = ("sign", "("), ("sign", ")"), ("sign", ",")


def _tokens(text: str) -> list[_Token]:
    found = _TOKEN.finditer(text.rstrip())
    return [(str(match.lastgroup), match[match.lastgroup or 0]) for match in found]


def _parse(tokens: list[_Token]) -> Predicate:
    """A predicate from tokens; `EVERYTHING` unless every token is where the grammar has it."""
    if not tokens:
        return EVERYTHING
    if tokens[0] == _OPEN and _closing(tokens, 0) == len(tokens) - 1:
        return _parse(tokens[1:-1])
    for joint in ("AND", "OR"):
        pieces = _split(tokens, ("word", joint))
        if pieces is None:
            return EVERYTHING
        if len(pieces) > 1:
            # Only brackets and calls are surely pieces of their own: `CASE WHEN a AND b` is not.
            if not all(_encloses(piece) for piece in pieces):
                return EVERYTHING
            parts = tuple(_parse(piece) for piece in pieces)
            return all_of(parts) if joint == "AND" else any_of(parts)
    return _parse_test(tokens)


def _closing(tokens: list[_Token], start: int) -> int:
    """Where the bracket ends that opens at `start`; -1 if it does not."""
    depth = 0
    for position in range(start, len(tokens)):
        depth += {_OPEN: 1, _CLOSE: -1}.get(tokens[position], 0)
        if depth == 0:
            return position
    return -1


def _encloses(piece: list[_Token]) -> bool:
    call = len(piece) > 1 and piece[0][0] == "word" and piece[1] == _OPEN
    start = int(call)
    return bool(piece) and piece[start] == _OPEN and _closing(piece, start) == len(piece) - 1


def _split(tokens: list[_Token], separator: _Token) -> list[list[_Token]] | None:
    """Pieces between separators that are in no bracket; `None` if brackets do not match."""
    pieces: list[list[_Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += {_OPEN: 1, _CLOSE: -1}.get(token, 0)
        if depth < 0:
            return None
        if token == separator and depth == 0:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces if depth == 0 else None


_MIRROR = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _parse_test(tokens: list[_Token]) -> Predicate:
    words = tuple(text for kind, text in tokens if kind == "word")
    inside = _arguments(tokens)
    if tokens[0] == ("word", "prefix") and inside is not None:
        column, start = (*inside, [], [])[:2]
        return _test(_column(column), "prefix", _literal(start))
    if words[-3:] == ("IS", "NOT", "NULL"):
        return _test(_column(tokens[:-3]), "is not null", ())
    if words[-2:] == ("IS", "NULL"):
        return _test(_column(tokens[:-2]), "is null", ())
    if tokens[1:2] == [("word", "IN")]:
        values = tuple(_literal(item) for item in _arguments(tokens[1:]) or [])
        return _test(_column(tokens[:1]), "in", None if None in values else values or None)
    return _parse_comparison(tokens)


def _arguments(tokens: list[_Token]) -> list[list[_Token]] | None:
    """What stands in the brackets of `word(…, …)`."""
    if tokens[1:2] != [_OPEN] or _closing(tokens, 1) != len(tokens) - 1:
        return None
    return _split(tokens[2:-1], _COMMA)


def _parse_comparison(tokens: list[_Token]) -> Predicate:
    for position, (kind, text) in enumerate(tokens):
        if kind == "sign" and text in _MIRROR:
            left, right = tokens[:position], tokens[position + 1 :]
            if (column := _column(left)) is not None:
                return _test(column, text, _literal(right))
            return _test(_column(right), _MIRROR[text], _literal(left))
    return EVERYTHING


def _test(column: str | None, op: str, value: Any) -> Predicate:  # noqa: ANN401 - a constant
    return EVERYTHING if column is None or value is None else Test(column, op, value)


def _column(tokens: list[_Token]) -> str | None:
    if len(tokens) != 1:
        return None
    kind, text = tokens[0]
    if kind == "quoted":
        return text[1:-1].replace('""', '"')
    return text if kind == "word" and text not in {"NULL", "true", "false"} else None


def _literal(tokens: list[_Token]) -> Any:  # noqa: ANN401 - of any column
    """A constant, or `None` if it is not one whose value is sure."""
    if not tokens:
        return None
    kind, text = tokens[0]
    cast = [word for _, word in tokens[1:]]
    if kind == "number" and (not cast or cast[0] == "::"):
        return _number(text)
    if kind != "text":
        return None
    plain = text[1:-1].replace("''", "'")
    if not cast or cast == ["::", "VARCHAR"]:
        return plain
    if cast == ["::", "DATE"]:
        return _date(plain)
    return _nanoseconds(plain) if cast[:1] == ["::"] and cast[1:] in _TIMES else None


_TIMES = (["TIMESTAMP"], ["TIMESTAMP_NS"], ["TIMESTAMP_MS"], ["TIMESTAMP_S"])


def _number(text: str) -> Any:  # noqa: ANN401 - int or Decimal
    try:
        return int(text)
    except ValueError:
        return Decimal(text)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?")


def _nanoseconds(text: str) -> int | None:
    """Nanoseconds of a time as DuckDB prints it."""
    found = _TIME.fullmatch(text)
    day = _date(found[1]) if found else None
    if found is None or day is None:
        return None
    hour, minute, second = (int(part or 0) for part in found.group(2, 3, 4))
    fraction = int((found[5] or "").ljust(9, "0"))
    seconds = hour * 3600 + minute * 60 + second
    return (day - _EPOCH).days * _DAY_NS + seconds * 1_000_000_000 + fraction


def from_datafusion(expression: Any) -> Predicate:  # noqa: ANN401 - datafusion need not be there
    """What a filter of one of DataFusion's plans (`datafusion.Expr`) asks of a row."""
    node = _variant(expression)
    kind = type(node).__name__
    if kind == "BinaryExpr":
        return _binary(node)
    if kind == "InList" and not node.negated():
        values = tuple(_constant_of(item) for item in node.list())
        return _test(_column_of(node.expr()), "in", None if None in values else values or None)
    if kind in {"IsNull", "IsNotNull"}:
        op = "is null" if kind == "IsNull" else "is not null"
        return _test(_column_of(node.expr()), op, ())
    return EVERYTHING


def _variant(expression: Any) -> Any:  # noqa: ANN401 - datafusion need not be there
    try:
        return expression.to_variant()
    except ValueError:
        # A function, or something else that has no class in Python.
        return None


def _binary(node: Any) -> Predicate:  # noqa: ANN401 - datafusion need not be there
    op, left, right = node.op(), node.left(), node.right()
    if op in {"AND", "OR"}:
        parts = (from_datafusion(left), from_datafusion(right))
        return any_of(parts) if op == "OR" else all_of(parts)
    if op not in _MIRROR:
        return EVERYTHING
    if (column := _column_of(left)) is not None:
        return _test(column, op, _constant_of(right))
    return _test(_column_of(right), _MIRROR[op], _constant_of(left))


def _column_of(expression: Any) -> str | None:  # noqa: ANN401 - datafusion need not be there
    node = _variant(expression)
    return str(node.name()) if type(node).__name__ == "Column" else None


def _constant_of(expression: Any) -> Any:  # noqa: ANN401 - of any column
    if type(_variant(expression)).__name__ != "Literal":
        return None
    value = expression.python_value()
    kind = str(getattr(value, "type", type(value).__name__))
    if kind == "timestamp[ns]":
        return value.value
    if kind.startswith(("timestamp", "time", "duration")):
        return None
    plain = value.as_py() if hasattr(value, "as_py") else value
    return plain if isinstance(plain, (int, float, str, Decimal, date)) else None
