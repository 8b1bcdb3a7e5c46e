"""The files that `rustonite init` writes, used as they are."""

import json
import signal
import subprocess
import sys
import time

import pytest
from trading import command, free_port

from rustonite_data.lake import Lake
from rustonite_exec import ask
from rustonite_exec.configs import write_configs

PATIENCE_S = 60


@pytest.fixture
def desk(tmp_path):
    """A folder with files, and what is started there."""
    write_configs(tmp_path / "desk", port=free_port())
    started = []

    def start(*words):
        command = [sys.executable, "-m", "rustonite_data.cli", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        # From elsewhere: paths in the files start from their folder.
        started.append(subprocess.Popen(command, cwd=tmp_path, **pipes))
        return started[-1]

    yield tmp_path / "desk", start
    for process in started:
        process.kill()
        process.communicate()


def end(process):
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    return out


def test_exchange_recorder_and_trader_start_on_them(desk):
    folder, start = desk
    exchange = start("exchange", "desk/exchange.toml", "--json")
    assert json.loads(exchange.stdout.readline())["venue"] == "binance"
    recorder = start("record", "desk/recorder.toml", "--json")
    trader = start("trade", "desk/trader.toml", "--json")
    until = time.monotonic() + PATIENCE_S
    status = None
    while not (status and status["fills"]):
        assert trader.poll() is None, trader.communicate()
        assert time.monotonic() < until, status
        status = (
            ask(folder / "journal", {"do": "status"}) if (folder / "journal").exists() else None
        )
        time.sleep(0.1)
    last = json.loads(end(trader))
    rows = command("orders", "--all", "--json", "--journal", "desk/journal", folder=folder.parent)
    assert json.loads(rows.splitlines()[0])["venue"] == "binance"
    end(recorder)
    end(exchange)
    rows = (
        Lake(folder / "lake")
        .sql("""
        select (select count(*) from trades), (select count(*) from fills where kind = 'trade')
    """)
        .rows()
    )
    assert rows[0][0] > 0
    assert rows[0][1] == last["fills"] > 0
