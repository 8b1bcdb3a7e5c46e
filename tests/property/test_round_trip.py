"""What goes into a tape comes out: random tables of random schemas, pyarrow as the judge."""

import pyarrow as pa
from helpers import plain
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rustonite_data import Schema, Tape

ITEMS = {
    pa.int8(): st.integers(-(2**7), 2**7 - 1),
    pa.int16(): st.integers(-(2**15), 2**15 - 1),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.float64(): st.floats(allow_nan=False),
    pa.timestamp("ns"): st.integers(-(2**63), 2**63 - 1),
    pa.date32(): st.integers(-(2**31), 2**31 - 1),
    pa.decimal128(38, 18): st.decimals(-(10**19), 10**19, places=18),
    pa.decimal128(9, 0): st.integers(-(10**9) + 1, 10**9 - 1),
    pa.binary(3): st.binary(min_size=3, max_size=3),
}
TEXT, BYTES = st.text(max_size=12), st.binary(max_size=12)
WORDS = st.sampled_from(["", "buy", "sell", "é☃", "a" * 200])
CODES = [pa.int8(), pa.int16(), pa.int32()]
COLUMNS = {
    **{kind: (kind, values) for kind, values in ITEMS.items()},
    **{pa.list_(kind): (pa.list_(kind), st.lists(v, max_size=4)) for kind, v in ITEMS.items()},
    pa.string(): (pa.string(), TEXT),
    pa.large_string(): (pa.string(), TEXT),
    pa.string_view(): (pa.string(), TEXT),
    pa.binary(): (pa.binary(), BYTES),
    pa.large_binary(): (pa.binary(), BYTES),
    pa.binary_view(): (pa.binary(), BYTES),
    pa.large_list(pa.float64()): (
        pa.list_(pa.float64()),
        st.lists(ITEMS[pa.float64()], max_size=4),
    ),
    **{pa.dictionary(code, pa.string()): (pa.string(), WORDS) for code in CODES},
    pa.dictionary(pa.int64(), pa.large_string()): (pa.dictionary(pa.int32(), pa.string()), WORDS),
}


@st.composite
def tables(draw):
    """A schema for the tape, and tables to append: columns of the same or kindred types."""
    kinds = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=6))
    nullable = [draw(st.booleans()) for _ in kinds]
    fields = [
        pa.field(f"c{at}", kind if kind in ITEMS or is_code(kind) else COLUMNS[kind][0], null)
        for at, (kind, null) in enumerate(zip(kinds, nullable, strict=True))
    ]
    parts = [draw(table(kinds, nullable)) for _ in range(draw(st.integers(1, 4)))]
    return Schema.from_arrow("random", pa.schema(fields)), parts


def is_code(kind):
    return pa.types.is_dictionary(kind) and kind.index_type != pa.int64()


@st.composite
def table(draw, kinds, nullable):
    count = draw(st.integers(0, 30))
    columns = {
        f"c{at}": draw(column(kind, count, nullable=null))
        for at, (kind, null) in enumerate(zip(kinds, nullable, strict=True))
    }
    whole = pa.table(columns)
    start = draw(st.integers(0, count))
    return whole.slice(start, draw(st.integers(0, count - start)))


@st.composite
def column(draw, kind, count, *, nullable):
    values = COLUMNS[kind][1]
    values = draw(
        st.lists(values | st.none() if nullable else values, min_size=count, max_size=count)
    )
    if not pa.types.is_dictionary(kind):
        return pa.array(values, kind)
    words = pa.array(values, kind.value_type).dictionary_encode()
    return pa.DictionaryArray.from_arrays(words.indices.cast(kind.index_type), words.dictionary)


def expected(schema, parts):
    """The parts as one table of the tape's types, dictionaries as text."""
    kinds = pa.schema(schema)
    flat = {field.name: field.type for field in kinds}
    flat = {n: pa.string() if pa.types.is_dictionary(k) else k for n, k in flat.items()}
    tables = [
        pa.table({name: part[name].cast(kind) for name, kind in flat.items()}) for part in parts
    ]
    return pa.concat_tables(tables)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_append_and_read(scratch, case):
    schema, parts = case
    path = scratch() / "t"
    with Tape.create(path, schema, segment_bytes=1 << 20, segment_rows=64) as tape:
        for part in parts:
            tape.append(part)
        rows = Tape.reader(path).read()
    whole = rows.arrow()
    whole.validate(full=True)
    wanted = expected(schema, parts)
    assert whole.schema == pa.schema(schema)
    assert plain(whole).equals(wanted)
    python = [row for batch in rows.batches for row in batch.to_pylist()]
    assert python == plain_python(wanted)


def plain_python(table):
    """Rows with times and dates as whole numbers, as `to_pylist` gives them."""
    columns = {
        name: as_numbers(table[name].combine_chunks()).to_pylist() for name in table.column_names
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def as_numbers(array):
    kind = array.type
    if pa.types.is_list(kind):
        item = number_type(kind.value_type)
        return array.cast(pa.list_(item)) if item != kind.value_type else array
    return array.cast(number_type(kind))


def number_type(kind):
    if pa.types.is_timestamp(kind):
        return pa.int64()
    return pa.int32() if pa.types.is_date32(kind) else kind
