"""Every bench, one after another; their figures on one page: `make compare`.

`make bench` runs the same list and writes no page. `--quick` asks for little, to try the mechanism;
its page says so and goes to `target`.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import figures
import page

ROOT = Path(__file__).parents[1]
FIXTURES = os.environ.get("RUSTONITE_FIXTURES") or ROOT.parent / "shared" / "fixtures"
LINES = ROOT / "target" / "figures.jsonl"
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
QUICK_PAGE = ROOT / "target" / "benchmarks-quick.md"
RECORDINGS = "$RUSTONITE_FIXTURES"
COMMANDS = (
    "python benches/run.py",
    "python benches/commits.py",
    "python benches/lake.py",
    f"target/release/book {RECORDINGS}",
    ".venv/peers/bin/python benches/book_peers.py",
    "target/release/exchange",
    "target/release/orders",
    "target/release/trade",
    "python benches/strategy.py",
    "target/release/streams",
    "target/release/risk",
    f"target/release/replay_queue {RECORDINGS}",
    ".venv/replays/bin/python benches/replay_peers.py",
    "python benches/feed.py",
    "python benches/memory.py",
)
QUICK = {
    "python benches/run.py": "--quick",
    "python benches/commits.py": "--commits 100",
    "python benches/lake.py": "--rows 200000 --runs 1",
    "python benches/memory.py": "--seconds 4",
}
# Environment of peers, and what of it is worth naming.
PACKAGES = {
    ".venv": ("pyarrow", "polars", "duckdb", "datafusion", "deltalake", "numpy", "iceoryx2"),
    ".venv/peers": ("arcticdb", "chdb", "duckdb", "nautilus_trader"),
    ".venv/feeds": ("cryptofeed", "msgspec", "orjson"),
    ".venv/replays": ("hftbacktest", "numba"),
}
ASK = """
import sys
from importlib.metadata import PackageNotFoundError, version
for name in sys.argv[1:]:
    try:
        print(name, version(name))
    except PackageNotFoundError:
        pass
"""


def main() -> int:
    arguments = parsed()
    if arguments.lines:
        print(page.render(figures.read(arguments.lines.read_text()), described(arguments)), end="")
        return 0
    LINES.parent.mkdir(exist_ok=True)
    LINES.unlink(missing_ok=True)
    run = described(arguments)
    for command in run.commands:
        if problem := carry_out(command):
            run.failed.append(problem)
            print(problem, file=sys.stderr, flush=True)
    if not arguments.no_page:
        tests = [name for bar in page.bars() for name in bar.get("tests", [])]
        run.passed = {} if arguments.quick else {name: passes(name) for name in tests}
        lines = figures.read(LINES.read_text() if LINES.exists() else "")
        place = QUICK_PAGE if arguments.quick else PAGE
        place.write_text(page.render(lines, run))
        print(f"written: {place.relative_to(ROOT)}", file=sys.stderr)
    return 1 if run.failed else 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="ask for little")
    parser.add_argument("--no-page", action="store_true", help="print what the benches print, only")
    parser.add_argument("--only", default="", help="commands with this text in them")
    parser.add_argument("--lines", type=Path, help="print the page of lines that are there already")
    return parser.parse_args()


def described(arguments: argparse.Namespace) -> page.Run:
    chosen = [command for command in COMMANDS if arguments.only in command]
    if arguments.quick:
        chosen = [f"{command} {QUICK.get(command, '')}".strip() for command in chosen]
    return page.Run(machine(), versions(), chosen, is_quick=arguments.quick)


def carry_out(command: str) -> str | None:
    """Run one bench; what is to be said if it fails."""
    print(f"$ {command}", flush=True)
    names = {"python": sys.executable, RECORDINGS: str(FIXTURES)}
    words = [names.get(word, word) for word in command.split()]
    environment = {**os.environ, "RUSTONITE_BENCH_OUT": str(LINES)}
    try:
        code = subprocess.run(words, cwd=ROOT, env=environment, check=False).returncode
    except OSError as error:
        return f"`{command}`: {error.strerror}"
    return f"`{command}` ended with {code}" if code else None


def passes(tests: str) -> bool:
    words = [sys.executable, "-m", "pytest", "--quiet", tests]
    return subprocess.run(words, cwd=ROOT, check=False).returncode == 0


def machine() -> list[str]:
    """Facts that matter, and not whose machine it is."""
    facts = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in facts if "model name" in line), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    now = datetime.now(UTC)
    return [
        f"{os.cpu_count()} x {model}, {memory:.0f} GiB of memory",
        f"{platform.system()} {platform.release()}",
        f"{now:%Y-%m-%d}, load {os.getloadavg()[0]:.1f} before the run",
    ]


def versions() -> list[str]:
    commit = said("git", "describe", "--always", "--dirty")
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    crates = [f"{one['name']} {one['version']}" for one in lock if one["name"] == "lobster"]
    found = [
        f"rustonite at commit {commit}; Python {platform.python_version()}, {said('rustc', '-V')}",
        f"crates: {', '.join(crates)}",
    ]
    for place, names in PACKAGES.items():
        python = ROOT / place / "bin" / "python"
        here = sys.executable if place == ".venv" else python
        if installed := said(str(here), "-c", ASK, *names):
            found.append(f"packages in `{place}`: {', '.join(installed.splitlines())}")
        else:
            found.append(f"`{place}` is not there")
    return found


def said(*words: str) -> str:
    """What a program says, or nothing."""
    try:
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
