"""The page of benchmarks, from lines as benches keep them."""

import json
from pathlib import Path

import compare
import figures
import page
import pytest

ROOT = Path(__file__).parents[2]
HOUR = "one symbol, one hour, 8 columns to Arrow"
APPEND = "append in batches of 100,000 rows, each committed"


def kept(group, what, unit, system="rustonite", **values):
    return {"group": group, "what": what, "unit": unit, "system": system, "figures": values}


def run(**more):
    return page.Run(["a machine"], ["a version"], ["python benches/lake.py"], **more)


def row(text, name):
    (found,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_a_bar_is_met_or_missed_and_the_best_peer_stands_beside_it():
    lines = [
        kept("Lake: questions", HOUR, "ms", best=2.5, median=2.9),
        kept("Lake: questions", HOUR, "ms", "duckdb", best=3.6, median=4.0),
        kept("Lake: questions", HOUR, "ms", "arcticdb", best=3.2, median=9.0),
        kept("Lake: ingest", APPEND, "M rows/s", rate=2.0),
        kept("Lake: ingest", APPEND, "M rows/s", "rustonite-sql", rate=9.0),
        kept("Lake: ingest", APPEND, "M rows/s", "chdb", rate=2.7),
    ]
    text = page.render(lines, run())
    hour = row(text, "one symbol-hour to Arrow")
    assert hour[1:] == ["best ≤ 3 ms", "best 2.5", "met", "arcticdb: best 3.2"]
    append = row(text, "append to the lake, batches of 100,000 rows, each committed")
    assert append[1:] == ["rate ≥ 3 M rows/s", "rate 2", "**missed** (rate)", "chdb: rate 2.7"]


def test_of_several_figures_the_worst_counts():
    lines = [
        kept("Risk", f"all checks of an order, {count}", "ns", mean=mean, p99=90.0)
        for count, mean in [("1 instrument", 20.0), ("1000 instruments", 34.9)]
    ]
    found = row(
        page.render(lines, run()), "all pre-trade checks on one order, with 1 to 1,000 instruments"
    )
    assert found[2:4] == ["mean 34.9, p99 90", "**missed** (mean)"]


def test_what_we_lose_is_listed_by_the_direction_of_the_unit():
    lines = [
        kept("Lake: questions", HOUR, "ms", best=5.0),
        kept("Lake: questions", HOUR, "ms", "duckdb", best=3.6),
        kept("Lake: questions", HOUR, "ms", "chdb", best=8.0),
        kept("Lake: ingest", APPEND, "M rows/s", rate=3.0),
        kept("Lake: ingest", APPEND, "M rows/s", "duckdb", rate=2.0),
        kept("Lake: ingest", APPEND, "M rows/s", "chdb", rate=4.0),
        kept("Lake: ingest", "another thing", "M rows/s", "chdb", rate=4.0),
    ]
    assert page.losses(lines) == [
        f"Lake: questions, {HOUR}: duckdb has 3.6, we 5 ms (best)",
        f"Lake: ingest, {APPEND}: chdb has 4, we 3 M rows/s (rate)",
    ]
    assert "No peer was ahead" in page.render(lines[:1] + lines[2:3], run())
    assert "No peer was measured" in page.render(lines[:1], run())


def test_all_figures_commands_and_what_is_missing_are_on_the_page():
    lines = [
        kept("Books", "L2 update | odd", "ns", mean=6.94, p99=40.0),
        kept("Books", "L3", "ns", p50=54.0),
        {"group": "Lake", "system": "arcticdb", "absent": "not installed"},
    ]
    text = page.render(lines, run(failed=["`target/release/risk` ended with 1"], is_quick=True))
    assert "| L2 update \\| odd | rustonite | ns | 6.94 | 40 |  |" in text
    assert "| L3 | rustonite | ns |  |  | 54 |" in text
    assert "- Lake, arcticdb: not installed\n- `target/release/risk` ended with 1\n" in text
    assert "- the bar: last row of every symbol\n" in text
    assert "python benches/lake.py" in text
    assert "its figures mean nothing" in text


def test_a_bar_that_tests_show_says_whether_they_passed():
    (bar,) = [bar for bar in page.bars() if "tests" in bar]
    for passed, said in [({}, "not run"), (dict.fromkeys(bar["tests"], True), "met")]:
        assert row(page.render([], run(passed=passed)), bar["name"])[3] == said
    half = dict.fromkeys(bar["tests"], True) | {bar["tests"][0]: False}
    assert row(page.render([], run(passed=half)), bar["name"])[3] == "**missed**"
    assert all((ROOT / name).is_file() for name in bar["tests"])


@pytest.mark.parametrize("part", ["unit", "system", "what", "group", "figures"])
def test_a_line_without_one_of_its_parts_is_refused(part):
    line = {**kept("Books", "L2", "ns", mean=1.0), part: None}
    with pytest.raises(figures.WrongLine, match=f"line 2: no {part}"):
        figures.read(json.dumps(kept("Books", "L2", "ns", mean=1.0)) + "\n" + json.dumps(line))


def test_a_unit_that_nobody_knows_is_refused():
    with pytest.raises(figures.WrongLine, match="unit 'parsecs'"):
        figures.read(json.dumps(kept("Books", "L2", "parsecs", mean=1.0)))


def test_figures_are_kept_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.delenv("RUSTONITE_BENCH_OUT", raising=False)
    figures.keep("Books", "L2", "ns", mean=1.0)
    path = tmp_path / "lines"
    monkeypatch.setenv("RUSTONITE_BENCH_OUT", str(path))
    figures.keep("Books", "L2", "ns", mean=1.0, **{"p99.9": 7.0})
    figures.keep_absent("Books", "other", "not installed")
    assert figures.read(path.read_text()) == [
        {**kept("Books", "L2", "ns"), "figures": {"mean": 1.0, "p99.9": 7.0}},
        {"group": "Books", "system": "other", "absent": "not installed"},
    ]


def test_every_bar_has_a_known_unit_a_direction_and_a_row_on_the_page():
    text = (ROOT / "docs" / "reference" / "benchmarks.md").read_text()
    for bar in page.bars():
        row(text, bar["name"])
        if "tests" not in bar:
            assert bar["unit"] in figures.UNITS
            assert ("at_most" in bar) != ("at_least" in bar)


def test_every_command_is_there():
    for command in compare.COMMANDS:
        program = command.split()[1 if "python" in command else 0]
        path = ROOT / program
        if program.startswith("target"):
            manifest = (ROOT / "benches" / "Cargo.toml").read_text()
            assert f'name = "{path.name}"' in manifest
        else:
            assert path.is_file(), command
    assert set(compare.QUICK) <= set(compare.COMMANDS)
