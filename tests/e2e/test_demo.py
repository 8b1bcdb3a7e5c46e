"""The demo, short: in a pipe, in a small terminal, and when somebody has seen enough."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from rustonite_data.errors import Conflict, Invalid, Unavailable
from rustonite_data.lake import Lake
from rustonite_exec.demo import crew
from rustonite_exec.demo.crew import Crew

DEMO = [sys.executable, "-m", "rustonite_data.cli", "demo"]
PATIENCE_S = 150


def start(folder, *arguments, **options):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [*DEMO, "--folder", str(folder), "--for", "2s", *arguments]
    return subprocess.Popen(command, **{**pipes, **options})


def children(pid):
    """Processes that a process has started and that live."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(one) for one in text.split()]


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_in_a_pipe(tmp_path):
    folder = tmp_path / "demo"
    with start(folder, "--json") as process:
        out, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, told
    facts = json.loads(out)
    assert facts["ok"]
    assert all(proof["holds"] for proof in facts["proofs"]), facts["proofs"]
    assert len(facts["proofs"]) == 8
    assert facts == json.loads((folder / "facts.json").read_text())
    assert "\x1b" not in told
    assert "kill -9  the recorder, process" in told
    assert "kill -9  the trader, process" in told
    assert re.search(r"\d+\.\d s, BTCUSDT [\d.]+/[\d.]+, [\d,]+ rows/s", told)
    page = (folder / "report.html").read_text()
    assert page.count("<svg") == 4
    assert page.count("holds</b>") == 8
    assert "nothing to show" not in page
    assert not re.search(r"(src|href)=|<script|@import|url\(", page)
    rows = Lake(folder / "lake").sql("select count(*) from fills", hot=False).rows()
    assert rows[0][0] >= facts["fills"]


def test_in_a_small_terminal(tmp_path):
    inner, outer = pty.openpty()
    fcntl.ioctl(outer, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("COLUMNS", None)
    environment.pop("LINES", None)
    ends = {"stdin": outer, "stdout": outer, "stderr": outer, "text": False}
    process = start(tmp_path / "demo", env=environment, start_new_session=True, **ends)
    os.close(outer)
    shown = b""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if not select.select([inner], [], [], 1)[0]:
            continue
        try:
            part = os.read(inner, 65536)
        except OSError:
            break  # the other end is closed
        shown += part
    os.close(inner)
    assert process.wait(30) == 0, shown[-2000:]
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "rustonite demo" in text
    assert "recorder rows/s: frames" in text
    assert "order    " in text
    assert "report" in text
    screens = text.split("rustonite demo")
    # What is drawn anew never needs more than the terminal has: up by at most 19 lines.
    ups = shown.count(b"\x1b[1A")
    assert ups <= 19 * len(screens)
    lines = [line for screen in screens[1:] for line in re.split(r"\r?\n", screen)[1:15]]
    drawn = [line for line in lines if line.startswith(("BTCUSDT", "recorder", "trader", "lake"))]
    assert drawn
    assert all(len(line.rstrip()) <= 60 for line in drawn if "\r" not in line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_in_the_middle(tmp_path, number):
    folder = tmp_path / "demo"
    process = start(folder, "--for", "60s")
    with process:
        for line in process.stdout:
            if line.startswith("trade "):
                break
        started = children(process.pid)
        assert len(started) == 2
        began = time.monotonic()
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    assert time.monotonic() - began < 5
    assert process.returncode == 130
    assert told == f"stopped; what there is so far is in {folder}\n"
    assert not any(lives(pid) for pid in started)


def test_children_do_not_outlive_it(tmp_path):
    with start(tmp_path / "demo", "--for", "60s") as process:
        for line in process.stdout:
            if line.startswith("trade "):
                break
        started = children(process.pid)
        process.kill()
    until = time.monotonic() + 30
    while any(lives(pid) for pid in started) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(lives(pid) for pid in started)


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with start(tmp_path) as process:
        out, told = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert told.startswith(f"error: {tmp_path}: other things are in it; name a new folder")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_too_little_room_and_a_demo_that_runs_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(crew.shutil, "disk_usage", lambda _path: SimpleNamespace(free=40 << 20))
    with pytest.raises(Unavailable, match="40 MiB are free there, and the demo wants 256"):
        Crew(tmp_path / "demo")
    monkeypatch.undo()
    with Crew(tmp_path / "demo"), pytest.raises(Conflict, match="another demo runs there"):
        Crew(tmp_path / "demo")
    (tmp_path / "file").write_text("")
    with pytest.raises(Invalid, match="Not a directory"):
        Crew(tmp_path / "file" / "demo")


def test_who_ends_by_himself_is_named_with_his_last_words(tmp_path):
    with Crew(tmp_path / "demo") as everybody:
        (everybody.folder / "keys.toml").chmod(0o644)
        everybody.trade()
        with pytest.raises(
            Unavailable, match=r"the trader ended with code 2: .*others can read it"
        ):
            everybody.wait("nothing was traded", lambda: False, lambda: None)
