"""The lake beside other stores, on one day of generated ticks: `python benches/lake.py`.

20 M trades and 20 M quotes of 20 symbols on 4 venues, unless `--rows` or RUSTONITE_BENCH_ROWS says
otherwise. Each system takes them in batches of 100,000 rows, each committed, then sorts or merges
them, then answers the questions; see `lake_peers.py` for how. Times are of warm runs, smallest and
median. `!` marks an answer that differs from that of Polars over the generated files.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import lake_data as data
from figures import keep, keep_absent
from lake_ours import MEMORY
from lake_peers import RUNS, SYSTEMS
from lake_system import QUESTIONS
from rich.console import Console
from rich.table import Table

ROWS = 20_000_000
ORACLE = "plain"
TOLERANCE = 1e-9
STEP_SECONDS_MAX = 3600
# These pin older packages than ours, so they live in a virtual environment of their own.
FOREIGN = ("arcticdb", "chdb", "nautilus")
PEERS_PYTHON = Path(__file__).parents[1] / ".venv" / "peers" / "bin" / "python"


def main() -> None:
    arguments = parsed()
    results, oracles = {}, {}
    for name in arguments.only:
        report(f"{name} …")
        count = rows_of(name, arguments.rows)
        source = data.prepared(count)  # a whole day, whatever the count
        results[name] = measured(name, source, arguments)
        if count not in oracles:
            oracles[count] = step("query", ORACLE, source, source, (count, 1))
        results[name]["wrong"] = differing(results[name], oracles[count])
        keep_result(name, results[name])
    if arguments.json:
        print(json.dumps({"machine": machine(), "rows": arguments.rows, "systems": results}))
        return
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(machine())
    console.print(ingest_table(results))
    console.print(query_table(results))
    for name, result in results.items():
        if "failed" in result:
            console.print(f"{name}: {result['failed']}")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    known = [name for name in SYSTEMS if name != ORACLE]
    rows = int(os.environ.get("RUSTONITE_BENCH_ROWS", ROWS))
    parser.add_argument("--rows", type=int, default=rows, help="of trades, and of quotes")
    parser.add_argument("--runs", type=int, default=RUNS, help="warm runs of each question")
    parser.add_argument("--only", default=",".join(known), help="names, joined by commas")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    parser.add_argument("--folder", type=Path, help="where stores are made; removed afterwards")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(",")
    for name in arguments.only:
        if name not in known:
            parser.error(f"--only: found {name!r}, expected some of {', '.join(known)}")
    return arguments


def report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def machine() -> str:
    facts = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in facts if "model name" in line), "?")
    names = ("rustonite", *(kind.package for kind in SYSTEMS.values()), "pyarrow")
    versions = {name: installed(name) for name in dict.fromkeys(names)}
    listed = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} x {model}, {platform.release()}, load {load:.1f}; {listed}"


def installed(package: str) -> str | None:
    """Its version, in whichever environment it is run."""
    ask = f"from importlib.metadata import version; print(version({package!r}))"
    for python in (sys.executable, PEERS_PYTHON):
        if Path(python).exists():
            run = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
            if run.returncode == 0:
                return run.stdout.strip()
    return None


def rows_of(name: str, rows: int) -> int:
    return min(rows, SYSTEMS[name].rows_max or rows)


def measured(name: str, source: Path, arguments: argparse.Namespace) -> dict:
    """Both steps in new processes, on a new folder."""
    if installed(SYSTEMS[name].package) is None:
        return {"failed": f"not measured, {SYSTEMS[name].package} is not installed"}
    base = Path(tempfile.mkdtemp(prefix=f"rustonite-bench-{name}-", dir=arguments.folder))
    sizes = (rows_of(name, arguments.rows), arguments.runs)
    try:
        result = step("ingest", name, source, base / "store", sizes)
        if "failed" not in result:
            report(f"{name}: {result['append_rows_s'] / 1e6:.2f} M rows/s")
            result |= step("query", name, source, base / "store", sizes)
    finally:
        shutil.rmtree(base, ignore_errors=True)
        shutil.rmtree(MEMORY / base.name, ignore_errors=True)
    return result


def step(what: str, name: str, source: Path, folder: Path, sizes: tuple[int, int]) -> dict:
    """One step in a process of its own; `sizes` are rows and runs."""
    command = [
        PEERS_PYTHON if name in FOREIGN else sys.executable,
        Path(__file__).with_name("lake_peers.py"),
        what,
        name,
        source,
        folder,
    ]
    run = subprocess.run(
        [*map(str, command), *map(str, sizes)],
        capture_output=True,
        text=True,
        check=False,
        timeout=STEP_SECONDS_MAX,
    )
    line = next((x for x in run.stdout.splitlines() if x.startswith("result ")), None)
    if line is None:
        tail = " / ".join(run.stderr.strip().splitlines()[-3:])
        return {"failed": f"{what} ended with {run.returncode}: {tail}"}
    return json.loads(line.removeprefix("result "))


def differing(result: dict, oracle: dict) -> list[str]:
    """Questions whose answer is not the oracle's."""
    assert "questions" in oracle, oracle
    wrong = []
    for name, answer in result.get("questions", {}).items():
        wanted = oracle["questions"][name]
        if answer and not same(answer, wanted):
            wrong.append(name)
            report(f"differs: {name}: {answer['rows']} rows, {answer['sums']}; wanted {wanted}")
    return wrong


def same(answer: dict, wanted: dict) -> bool:
    return answer["rows"] == wanted["rows"] and all(
        math.isclose(answer["sums"][name], total, rel_tol=TOLERANCE)
        for name, total in wanted["sums"].items()
    )


def keep_result(name: str, result: dict) -> None:
    """Figures for `compare.py`; an answer that differs is none."""
    ingest, questions = "Lake: ingest", "Lake: questions"
    few = SYSTEMS[name].rows_max
    rows = result.get("rows", {}).get("trades", few)
    system = f"{name} ({rows / 1e6:g} M rows)" if few else name
    if "failed" in result:
        keep_absent("Lake", system, result["failed"])
    if "append_rows_s" in result:
        append, whole = result["append_rows_s"] / 1e6, result["end_to_end_rows_s"] / 1e6
        what = "append in batches of 100,000 rows, each committed"
        keep(ingest, what, "M rows/s", system=system, rate=append)
        what = "append, then sort and merge: end to end"
        keep(ingest, what, "M rows/s", system=system, rate=whole)
        for dataset, size in result["bytes_per_row"].items():
            if size:
                what = f"{dataset.removesuffix('s')} in files"
                keep(ingest, what, "bytes/row", system=system, mean=size)
        keep(ingest, "memory, end to end", "MB", system=system, peak=result["finalize_mb"])
    for question, answer in result.get("questions", {}).items():
        if answer and question not in result["wrong"]:
            best, median = answer["ms"][0], answer["ms"][len(answer["ms"]) // 2]
            keep(questions, QUESTIONS[question], "ms", system=system, best=best, median=median)
        elif answer:
            keep_absent(questions, system, f"{QUESTIONS[question]}: a wrong answer")


def ingest_table(results: dict) -> Table:
    table = Table(title="Ingest, 100,000-row batches", show_lines=False)
    for name in ("", "rows each", "append M rows/s", "end to end", "B/trade", "B/quote"):
        table.add_column(name, justify="right" if name else "left")
    table.add_column("peak MB append / all", justify="right")
    for name, result in results.items():
        if "append_rows_s" not in result:
            continue
        sizes = result["bytes_per_row"]
        table.add_row(
            name,
            f"{result['rows']['trades']:,}",
            f"{result['append_rows_s'] / 1e6:.2f}",
            f"{result['end_to_end_rows_s'] / 1e6:.2f}",
            *(f"{sizes[dataset]:.2f}" if sizes[dataset] else "-" for dataset in data.SCHEMAS),
            f"{result['append_mb']:.0f} / {result['finalize_mb']:.0f}",
        )
    return table


def query_table(results: dict) -> Table:
    table = Table(title="Questions, ms: smallest (median) of warm runs", show_lines=False)
    table.add_column("")
    asked = {name: result for name, result in results.items() if "questions" in result}
    for name, result in asked.items():
        few = SYSTEMS[name].rows_max is not None
        rows = f"\n{result['rows']['trades'] / 1e6:g} M rows" if few else ""
        table.add_column(f"{name}{rows}", justify="right")
    for question, meaning in QUESTIONS.items():
        cells = [cell(result, question) for result in asked.values()]
        table.add_row(meaning, *cells)
    return table


def cell(result: dict, question: str) -> str:
    answer = result["questions"][question]
    if answer is None:
        return "-"
    times = answer["ms"]
    mark = " !" if question in result["wrong"] else ""
    return f"{times[0]:.1f} ({times[len(times) // 2]:.1f}){mark}"


if __name__ == "__main__":
    main()
