"""Runs the notebooks, each in an empty folder, and compares what cells show with what is stored.

`python notebooks/execute.py [NUMBER…]` compares; with `--store` what they showed is stored. Cells
with the tag `varies` show something else each time: they have to run, and what they show is not
compared. Pictures are not compared either.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

HERE = Path(__file__).parent
SECONDS_MAX = 120
VARIES = "varies"
# What a reader of the file sees on the web; pages for browsers say the same again, in more bytes.
KINDS = ("text/plain", "text/latex", "image/png")


def paths() -> list[Path]:
    """All notebooks, by their numbers."""
    return sorted(HERE.glob("[0-9]*.ipynb"))


def execute(path: Path, folder: Path) -> nbformat.NotebookNode:
    """The notebook with what its cells show now.

    Raises:
        CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(path, as_version=4)
    # Where tables are cut does not depend on who looks.
    os.environ["COLUMNS"] = "100"
    with tempfile.TemporaryDirectory(prefix="rustonite-kernel-") as sockets:
        # Sockets that nobody else on this machine can connect to; their paths have to be short.
        kernel = {"transport": "ipc", "ip": f"{sockets}/kernel"}
        NotebookClient(
            notebook,
            timeout=SECONDS_MAX,
            startup_timeout=SECONDS_MAX,
            kernel_name="python3",
            record_timing=False,
            config=Config({"KernelManager": kernel}),
            resources={"metadata": {"path": str(folder)}},
        ).execute()
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if data := output.get("data"):
                output["data"] = {kind: data[kind] for kind in KINDS if kind in data}
            output["metadata"] = {}
            if output["output_type"] in {"stream", "error"}:
                del output["metadata"]
    return notebook


def shown(cell: nbformat.NotebookNode) -> str:
    """The text that a cell shows, without pictures and warnings."""
    texts = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        # Libraries say there that they prepare something for the first time.
        is_aside = output.get("name") == "stderr"
        if "image/png" not in data and not is_aside:
            texts.append(output.get("text") or data.get("text/plain", ""))
    return "\n".join(texts)


def differences(stored: nbformat.NotebookNode, now: nbformat.NotebookNode) -> list[str]:
    """What cells show now and did not show when it was stored."""
    found = []
    for old, new in zip(stored.cells, now.cells, strict=True):
        if old.cell_type != "code" or VARIES in old.metadata.get("tags", []):
            continue
        if shown(old) != shown(new):
            lines = difflib.unified_diff(
                shown(old).splitlines(), shown(new).splitlines(), "stored", "now", lineterm=""
            )
            found.append("\n".join(["In this cell:", old.source, *lines]))
    return found


def main() -> int:
    """Run, and compare or store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("number", nargs="*", help="of a notebook; all by default")
    parser.add_argument("--store", action="store_true", help="store what cells show")
    arguments = parser.parse_args()
    differ = False
    for path in paths():
        if arguments.number and path.name.split("-")[0] not in arguments.number:
            continue
        with tempfile.TemporaryDirectory(prefix="rustonite-notebook-") as folder:
            now = execute(path, Path(folder))
        if arguments.store:
            nbformat.write(now, path)
        elif found := differences(nbformat.read(path, as_version=4), now):
            differ = True
            print(path.name, *found, sep="\n", file=sys.stderr)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
