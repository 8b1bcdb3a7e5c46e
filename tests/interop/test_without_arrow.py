"""The default install has no Arrow library: everything but `arrow()` and `pl()` must work."""

from helpers import finish, python

CODE = """
    import json, sys
    for name in ("pyarrow", "polars", "duckdb", "datafusion", "numpy", "pandas"):
        sys.modules[name] = None

    from click.testing import CliRunner
    from rustonite_data import MergedReader, Tape, cli, decimals, schemas

    folder = sys.argv[1]
    rows = {"ts_event": [1, 2], "ts_recv": [1, 2], "venue": ["v", "v"], "symbol": ["a", "b"],
            "price": [1.5, 2.5], "size": [1.0, 1.0], "side": ["buy", "sell"], "flags": [0, 0]}
    with Tape.create(folder, "trades", segment_bytes=1 << 20) as tape:
        tape.append(rows)
        reader = Tape.reader(folder)
        assert reader.wait(0)
        batch = reader.poll()
        assert [row["price"] for row in batch.to_pylist()] == [1.5, 2.5]
        tape.append(batch)
        tape.append(Tape.reader(folder).read())
        assert tape.rows == 8
    assert len(Tape.reader(folder).read()) == 8
    assert MergedReader([folder]).poll()[0] == 0
    assert decimals.ticks("1.5", "0.5") == 3
    assert schemas.get("trades").columns
    for command in (["ls"], ["show"], ["tail"], ["tail", "--json"], ["verify"]):
        result = CliRunner().invoke(cli.main, ["tape", *command, folder])
        assert result.exit_code == 0, (command, result.output, result.exception)
    for convert in (batch.arrow, batch.pl):
        try:
            convert()
        except ModuleNotFoundError:
            continue
        raise AssertionError(convert)
    print("fine")
"""


def test_without_arrow_libraries(memory):
    assert finish(python(CODE, memory / "t")) == "fine\n"
