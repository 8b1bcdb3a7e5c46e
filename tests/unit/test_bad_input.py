"""Every wrong input is one typed error that names the place, the value and what was expected."""

import os
import shutil
import struct
import subprocess
from decimal import Decimal

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from helpers import SMALL, finish, python, schema_of, trades, trades_arrow

from rustonite_data import Schema, Tape, _native, errors, schemas
from rustonite_data.errors import Corrupt, Invalid, NotFound

APPENDS = {
    "no rows at all": (7, "append: found int, expected Arrow data .* or a dict of columns"),
    "an array": (pa.array([1]), "expected rows|expected Arrow data"),
    "unknown column": ({"prise": [1.0]}, 'column "prise": not in the tape, expected one of ts'),
    "missing column": ({"price": [1.0]}, 'column "ts_event": found no such column, expected time'),
    "uneven columns": (trades(2) | {"size": [1.0]}, 'column "size": found 1 rows, expected 2'),
    "wrong value": (trades(2) | {"price": [1.0, "x"]}, "\"price\", row 1: found 'x', expected fl"),
    "too large": (trades(1) | {"flags": [2**31]}, '"flags", row 0: found 2147483648, expected'),
    "null": (trades(2) | {"price": [1.0, None]}, 'column "price", row 1: found null, expected a v'),
    "word": (trades(2) | {"side": ["buy", "Buy"]}, 'column "side", row 1: found "?Buy"?, expected'),
    "long text": (trades(1) | {"symbol": ["x" * 5000]}, 'column "symbol", row 0: found .*4096'),
    "one text": (trades(1) | {"venue": "binance"}, '"venue": found str, expected a sequence'),
    "two dimensions": (trades(4) | {"size": np.ones((2, 2))}, 'size": found 2 dimensions, expect'),
    "key": ({1: [1.0]}, "columns: found key 1, expected a name"),
    "null row": (pa.array([{"price": 1.0}, None]), "Arrow data, row 1: found null, expected a row"),
    "null row in chunks": (
        pa.chunked_array([pa.array([None, {"price": 1.0}])]),
        "Arrow data, row 0: found null, expected a row",
    ),
    "series": (pl.Series([1.0]), "Arrow data: found an array of Float64, expected rows"),
    "no sequence": (trades(1) | {"size": 5}, 'column "size": found int, expected a sequence'),
}


@pytest.fixture
def tape(memory):
    with Tape.create(memory / "t", "trades", **SMALL) as tape:
        tape.append(trades(3))
        yield tape


@pytest.mark.parametrize("case", APPENDS)
def test_a_wrong_append_changes_nothing(tape, case):
    rows, message = APPENDS[case]
    with pytest.raises(Invalid, match=message):
        tape.append(rows)
    assert tape.append(trades(1)) == 4


def test_wrong_arrow_types_and_nulls(tape):
    good = trades_arrow(2)
    at = good.schema.get_field_index("price")
    wrong = good.set_column(at, "price", good["price"].cast(pa.float32()))
    with pytest.raises(Invalid, match='"price": found type Float32, expected Float64'):
        tape.append(wrong)
    with pytest.raises(Invalid, match='"price", row 1: found null'):
        tape.append(good.set_column(at, "price", pa.array([1.0, None])))
    with pytest.raises(Invalid, match='"more": found an unknown column, expected only columns'):
        tape.append(good.append_column("more", pa.array([1, 2])))
    assert tape.rows == 3


def test_wrong_decimals(memory):
    schema = schema_of(d=pa.decimal128(20, 2))
    refused = "found .*, expected decimal"
    cases = {
        0.5: refused,
        np.float64(0.5): refused,
        np.float32(0.5): refused,
        Decimal(10) ** 18: refused,
        "0.001": "not a whole number",
        "1e": "at byte 2",
        Decimal("NaN"): "at byte 0",
    }
    with Tape.create(memory / "t", schema, **SMALL) as tape:
        for value, message in cases.items():
            with pytest.raises(Invalid, match=rf'column "d", row 1: .*{message}'):
                tape.append({"d": ["1", value]})
        assert tape.rows == 0


def test_null_inside_a_list(memory):
    schema = schema_of(l=pa.list_(pa.float64()))
    with Tape.create(memory / "t", schema, **SMALL) as tape:
        message = r'column "l", row 1: found \[1.0, None\], expected list<float64>'
        with pytest.raises(Invalid, match=message):
            tape.append({"l": [[], [1.0, None]]})
        with pytest.raises(Invalid, match='column "l"'):
            tape.append(pa.table({"l": [[1.0, None]]}))
        assert tape.rows == 0


def test_a_column_given_twice(memory):
    twice = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["x", "x"])
    tape = Tape.create(memory / "t", schema_of(x=pa.float64()), **SMALL)
    with tape, pytest.raises(Invalid, match='column "x"'):
        tape.append(twice)


def test_a_path_that_no_file_can_have():
    with pytest.raises(Invalid, match="NUL"):
        Tape.open("a\0b")


def test_a_value_larger_than_a_segment(memory):
    with Tape.create(memory / "t", schema_of(b=pa.binary()), **SMALL) as tape:
        message = 'column "b", row 1: found a value of 9000000 items, expected at most'
        with pytest.raises(Invalid, match=message):
            tape.append({"b": [b"", b"x" * 9_000_000]})
        assert tape.append({"b": [b"x"]}) == 1


def test_schemas_that_no_tape_holds():
    cases = {
        pa.bool_(): "store booleans as int8",
        pa.timestamp("ns", "UTC"): "convert to UTC and drop the zone",
        pa.uint32(): "cast to a signed integer",
    }
    for kind, hint in cases.items():
        with pytest.raises(Invalid, match=f'column "x" has type .*; {hint}'):
            schema_of(x=kind)
    with pytest.raises(Invalid, match='dataset name "1x"'):
        Schema.from_arrow("1x", pa.schema([("x", pa.int8())]))
    with pytest.raises(Invalid, match='column "x" is there twice'):
        Schema.from_arrow("d", pa.schema([("x", pa.int8()), ("x", pa.int8())]))
    with pytest.raises(Invalid, match="Arrow schema: found int, expected __arrow_c_schema__"):
        Schema.from_arrow("d", 5)
    for version in (0, -1, 2**40):
        with pytest.raises(Invalid, match=f"version: found {version}, expected 1 or more"):
            Schema.from_arrow("d", pa.schema([("x", pa.int8())]), version=version)
    with pytest.raises(Invalid, match="0 columns"):
        Schema.from_arrow("d", pa.schema([]))
    with pytest.raises(Invalid, match="has no version 99"):
        schemas.get("trades").at_version(99)
    with pytest.raises(NotFound, match="dataset 'x': not known"):
        schemas.get("x")


@pytest.fixture
def sealed(memory):
    """A closed tape with two sealed segments and an open one."""
    with Tape.create(memory / "t", "trades", **SMALL) as tape:
        for first in (0, 10, 20):
            tape.append(trades(10, first=first))
            if first < 20:
                tape.seal()
    return memory / "t"


def overwrite(path, at, data):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def change_price(path):
    overwrite(path, path.read_bytes().index(struct.pack("<d", 2.25)), struct.pack("<d", 9.5))


def damage_of(path):
    """Ways to damage a segment, and what the error names."""
    return {
        "foreign": (lambda: path.write_bytes(b"PAR1" * 5000), "magic: found"),
        "empty": (lambda: path.write_bytes(b""), "found 0|size|empty"),
        "truncated": (lambda: os.truncate(path, path.stat().st_size // 2), "size: found"),
        "magic": (lambda: overwrite(path, 0, b"XXXXXXXX"), "magic: found"),
        "header": (lambda: overwrite(path, 40, b"\xff" * 8), "expected"),
        "value": (lambda: change_price(path), "checksum"),
    }


@pytest.mark.parametrize("case", damage_of(None))
def test_a_damaged_segment(sealed, case):
    segment = sealed / f"{0:012}.seg"
    damage, message = damage_of(segment)[case]
    damage()
    with pytest.raises((Corrupt, Invalid), match=f"{segment.name}: .*({message})"):
        Tape.reader(sealed).read()
    report = _native.verify_tape(sealed)
    assert not report["sound"]
    assert segment.name in str(report)


def test_a_damaged_manifest(sealed):
    manifest = sealed / "tape.toml"
    good = manifest.read_text()
    manifest.write_text(good.replace("format = 1", "format = 9"))
    with pytest.raises(Invalid, match=r"tape.toml: format version: found 9, this build reads"):
        Tape.reader(sealed)
    manifest.write_text("what = 1")
    with pytest.raises(Corrupt, match=r"tape.toml: manifest: found .*, expected tape settings"):
        Tape.open(sealed)


def test_a_missing_segment(sealed):
    (sealed / f"{1:012}.seg").unlink()
    with pytest.raises(NotFound, match=r"000000000001.seg: a segment between others is gone"):
        Tape.open(sealed)
    assert not _native.verify_tape(sealed)["sound"]


def test_no_tape(memory):
    with pytest.raises(NotFound, match=r"no tape here .*the folder does not exist"):
        Tape.reader(memory / "t")
    with pytest.raises(NotFound, match="not made by `create`"):
        Tape.reader(memory)
    (memory / "file").write_text("")
    with pytest.raises(Invalid, match="file"):
        Tape.create(memory / "file", "trades")


def test_a_folder_that_disappears(sealed):
    reader = Tape.reader(sealed)
    reader.read()
    shutil.rmtree(sealed)
    with pytest.raises(NotFound, match="is gone"):
        reader.wait(5)


def test_a_folder_without_permission(sealed):
    code = """
        import os, sys
        from rustonite_data import Tape, errors
        if os.geteuid() == 0:
            os.setuid(65534)  # root may do everything, so somebody else has to try
        for use in (Tape.reader, Tape.open, lambda path: Tape.create(path, "trades")):
            try:
                use(sys.argv[1])
            except errors.Invalid as error:
                print(error)
    """
    sealed.parent.chmod(0o755)
    sealed.chmod(0)
    told = finish(python(code, sealed)).splitlines()
    sealed.chmod(0o700)
    assert len(told) == 3
    assert all(line.startswith(f"{sealed}") and "Permission denied" in line for line in told)


def test_a_read_only_folder(tmp_path):
    mounted = ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(tmp_path)]
    made = subprocess.run(mounted, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"cannot mount: {made.stderr.strip()}")
    try:
        with pytest.raises(Invalid, match=r"making the folder: Read-only file system"):
            Tape.create(tmp_path / "t", "trades", **SMALL)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_one_class_per_kind():
    classes = {name: value for name, value in vars(errors).items() if isinstance(value, type)}
    kinds = _native.error_kinds()
    assert {name for name, _ in kinds} == set(classes) - {"RustoniteError"}
    for name, retryable in kinds:
        error = classes[name]("why")
        assert isinstance(error, errors.RustoniteError)
        assert (error.kind, error.retryable, str(error)) == (name, retryable, "why")
        assert error.__doc__
