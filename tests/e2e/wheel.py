"""The wheel as a stranger gets it: in a bare environment, outside the tree, without extras.

`make wheel` builds it and runs this. Prints sizes and times of imports.
"""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import venv
from pathlib import Path

IMPORT_MS_MAX = 200
TRIES = 10
PATIENCE_S = 60
MB = 1_000_000

ROUND_TRIP = """
    import sys
    from rustonite_data import Tape

    rows = {"ts_event": [1, 2], "ts_recv": [1, 2], "venue": ["v"] * 2, "symbol": ["a", "b"],
            "price": [1.5, 2.5], "size": [1.0, 1.0], "side": ["buy", "sell"], "flags": [0, 0]}
    with Tape.create(sys.argv[1], "trades") as tape:
        tape.append(rows)
    prices = [row["price"] for row in Tape.reader(sys.argv[1]).poll().to_pylist()]
    assert prices == [1.5, 2.5], prices
"""
LAKE = """
    try:
        import rustonite_data.lake
    except ModuleNotFoundError as error:
        print(error)
"""


class Installed:
    """An environment with the wheel and what it needs, and nothing else."""

    def __init__(self, folder, wheel):
        self.folder = folder
        venv.create(folder / "env", with_pip=True)
        self.bin = folder / "env" / "bin"
        before = size(folder / "env")
        self.run("python", "-m", "pip", "install", "--quiet", str(wheel))
        self.added = size(folder / "env") - before

    def run(self, program, *arguments):
        """What a program of the environment prints, from a folder outside the tree."""
        done = subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.folder, env=clean(), capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{program} {arguments}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def python(self, code, *arguments):
        return self.run("python", "-c", textwrap.dedent(code), *arguments)

    def milliseconds(self, program, *arguments):
        """The quickest of some runs, so that a busy machine matters less."""
        times = []
        for _ in range(TRIES):
            began = time.perf_counter()
            self.run(program, *arguments)
            times.append((time.perf_counter() - began) * 1000)
        return min(times)


def clean():
    """An environment in which Python finds nothing of the tree."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def size(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files if path.suffix != ".pyc")


def an_exchange_starts_and_stops(installed):
    command = [installed.bin / "rustonite", "exchange", "--json"]
    with subprocess.Popen(
        command, cwd=installed.folder, env=clean(), stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert json.loads(running.stdout.readline())["urls"]["rest"]
            running.terminate()
            assert running.wait(PATIENCE_S) == 0
        finally:
            running.kill()


def only(folder, pattern):
    found = list(folder.glob(pattern))
    assert len(found) == 1, f"{folder}: found {len(found)} of {pattern}, expected one"
    return found[0].resolve()


def main(dist):
    wheel, archive = only(dist, "*.whl"), only(dist, "*.tar.gz")
    assert "manylinux" in wheel.name, f"{wheel.name}: works on this machine alone"
    with tempfile.TemporaryDirectory(prefix="rustonite-wheel-") as made:
        installed = Installed(Path(made), wheel)
        print(installed.run("rustonite", "--version"))
        installed.python(ROUND_TRIP, str(Path(made) / "tape"))
        told = installed.python(LAKE)
        assert "pip install 'rustonite[lake]'" in told, told
        an_exchange_starts_and_stops(installed)

        print(f"{archive.name}: {archive.stat().st_size / MB:.1f} MB")
        print(f"{wheel.name}: {wheel.stat().st_size / MB:.1f} MB")
        print(f"installed, with what it needs: {installed.added / MB:.1f} MB")
        bare = installed.milliseconds("python", "-c", "pass")
        for name, command in {
            "import rustonite_data": ("python", "-c", "import rustonite_data"),
            "import rustonite_exec": ("python", "-c", "import rustonite_exec"),
            "rustonite --help": ("rustonite", "--help"),
        }.items():
            took = installed.milliseconds(*command) - bare
            print(f"{name}: {took:.0f} ms")
            assert took < IMPORT_MS_MAX, f"{name}: more than {IMPORT_MS_MAX} ms"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
