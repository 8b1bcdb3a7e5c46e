"""Every wrong input is one typed error that names the place, the value and what was expected."""

import os
import shutil
import struct
import subprocess

import pyarrow as pa
import pytest
from helpers import SMALL, schema_of, trades, trades_arrow
from rustonite_data import Schema, Tape, _native, errors, schemas
from rustonite_data.errors import Corrupt, Invalid, NotFound

APPENDS = {
    "no rows at all": (7, "append: found int, expected Arrow data .* or a dict of columns"),
    "an array": (pa.array([1]), "expected rows|expected Arrow data"),
    "unknown column": ({"prise": [1.0]}, 'column "prise": not in the tape, expected one of ts'),
    "missing column": ({"price": [1.0]}, 'column "ts_event": found no such column, expected time'),
    "uneven columns": (trades(2) | {"size": [1.0]}, 'column "size": found 1 rows, expected 2'),
    "wrong value": (trades(2) | {"price": [1.0, "x"]}, "\"price\", row 1: found 'x', expected fl"),
    "too large": (trades(1) | {"flags": [2**31]}, "\"flags\", row 0: found 2147483648, expected"),
    "null": (trades(2) | {"price": [1.0, None]}, 'column "price", row 1: found null, expected a v'),
    "word": (trades(2) | {"side": ["buy", "Buy"]}, 'column "side", row 1: found "?Buy"?, expected'),
    "long text": (trades(1) | {"symbol": ["x" * 5000]}, 'column "symbol", row 0: found .*4096'),
    "one text": (trades(1) | {"venue": "binance"}, '"venue": found str, expected a sequence'),
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
    schema = schema_of(d=pa.decimal128(38, 2))
    cases = {0.5: "found 0.5, expected decimal", "0.001": "not a whole number", "1e": "at byte 2"}
    with Tape.create(memory / "t", schema, **SMALL) as tape:
        for value, message in cases.items():
            with pytest.raises(Invalid, match=rf'column "d", row 1: .*{message}'):
                tape.append({"d": ["1", value]})
        assert tape.rows == 0


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
    with pytest.raises(NotFound, match="000000000001.seg: a segment between others is gone"):
        Tape.open(sealed)
    assert not _native.verify_tape(sealed)["sound"]


def test_no_tape(memory):
    with pytest.raises(NotFound, match="no tape here .*the folder does not exist"):
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


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere; see the mount below")
def test_a_folder_without_permission(memory):
    memory.chmod(0o500)
    with pytest.raises(Invalid, match="making the folder: Permission denied"):
        Tape.create(memory / "t", "trades", **SMALL)


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
