"""What is imported before anybody asks for it: little, so that commands begin at once."""

import importlib.util

import pytest
from helpers import finish, python

# Each takes longer than all of ours together, or is an extra that need not be there.
HEAVY = {
    "asyncio", "deltalake", "duckdb", "fsspec", "http.server", "numpy", "obstore", "pandas",
    "polars", "pyarrow", "urllib.request",
}  # fmt: skip
OURS_THAT_BRING_THEM = {"rustonite_data.lake", "rustonite_data.record"}
PRINT = "\nimport sys; print(*sys.modules)"


@pytest.mark.parametrize(
    "code",
    [
        "import rustonite_data",
        "import rustonite_exec",
        "from rustonite_data.cli import main; main(['--version'], standalone_mode=False)",
        "from rustonite_data.cli import main; main(['--help'], standalone_mode=False)",
    ],
)
def test_nothing_heavy_is_imported(code):
    loaded = set(finish(python(code + PRINT)).splitlines()[-1].split())
    assert "rustonite_data" in loaded
    assert not loaded & (HEAVY | OURS_THAT_BRING_THEM)


def test_a_query_does_not_import_pandas(tmp_path):
    """It takes longer than the query, and is there wherever somebody has a notebook."""
    code = """
        import sys
        from rustonite_data.lake import Lake

        lake = Lake.create(sys.argv[1])
        rows = {name: [1, 2] for name in ("ts_event", "ts_recv", "price", "size", "trade_id")}
        words = {name: ["x", "x"] for name in ("venue", "symbol")} | {"side": ["buy", "sell"]}
        with lake.tape("trades", "t") as tape:
            tape.append({**rows, **words, "price": [1.0, 2.0], "size": [1.0, 1.0], "flags": [1, 1]})
            assert lake.sql("select count(*) from trades").rows() == [(2,)]
        from rustonite_data.lake import Committer

        assert Committer(lake).run_once(seal=True) == 2
        assert lake.sql("select count(*) from trades").rows() == [(2,)]
        assert lake.scan("trades").collect().height == 2
        assert Lake(sys.argv[1]).sql("select count(*) from trades").rows() == [(2,)]
        print("pandas" in sys.modules)
    """
    assert importlib.util.find_spec("pandas"), "without it this shows nothing"
    assert finish(python(code, tmp_path / "lake")) == "False\n"


@pytest.mark.parametrize(
    ("call", "imported"), [("pl", {"polars"}), ("arrow", {"pyarrow"}), ("to_pylist", set())]
)
def test_what_a_strategy_calls_on_rows_is_imported_before_it_starts(call, imported):
    code = f"""
        from rustonite_exec import Strategy
        from rustonite_exec.trader import import_frames

        def last(rows):
            return [one for one in (rows.{call}(),)][-1]

        class Buyer(Strategy):
            def on_quotes(self, rows):
                last(rows)

        import_frames(Buyer())
    """
    loaded = set(finish(python(code + "\n        import sys; print(*sys.modules)")).split())
    assert loaded & {"polars", "pyarrow"} == imported


def test_a_missing_extra_is_named():
    code = """
        import sys
        sys.modules["deltalake"] = None
        try:
            import rustonite_data.lake
        except ModuleNotFoundError as error:
            print(error.name, error)
    """
    told = finish(python(code))
    assert told.startswith("deltalake ")
    assert "pip install 'rustonite[lake]'" in told
