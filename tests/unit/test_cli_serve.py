"""`rustonite serve`: what it takes, what it prints, how it ends."""

import json
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner
from websockets.sync.client import connect

from rustonite_data import cli

PATIENCE = 60


def call(*arguments):
    return CliRunner().invoke(cli.main, ["serve", *map(str, arguments)])


def started(*arguments):
    command = [sys.executable, "-m", "rustonite_data.cli", "serve", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_help_has_an_example():
    result = call("--help")
    assert result.exit_code == 0
    assert "Example:\n    rustonite serve binance BTCUSDT ETHUSDT" in result.stdout


def test_addresses_for_people():
    result = call("binance", "BTCUSDT", "--for", "0.1s")
    assert result.exit_code == 0, result.output
    names = [line.split() for line in result.stdout.splitlines()]
    assert [name for name, _ in names] == ["public", "rest"]
    assert all(url.split("//")[1].startswith("127.0.0.1:") for _, url in names)
    assert result.stderr == "binance: 0 messages sent\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_for_scripts_ends_in_good_order(number):
    with started("binance", "BTCUSDT", "--fault", "drop:symbol=BTCUSDT,times=2", "--json") as one:
        try:
            where = json.loads(one.stdout.readline())
            assert where["venue"] == "binance"
            with connect(where["urls"]["public"]) as socket:
                ask = {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1}
                socket.send(json.dumps(ask))
                assert json.loads(socket.recv(PATIENCE))["id"] == 1
                assert "stream" in json.loads(socket.recv(PATIENCE))
            one.send_signal(number)
            assert one.wait(PATIENCE) == 0
            last = json.loads(one.stdout.read())
            assert last["sent"] > 0
            assert (last["ended"], last["faults_waiting"]) == (False, 1)
        finally:
            one.kill()


WRONG = [
    (["binanse", "BTCUSDT"], "did you mean"),
    (["binance"], "symbols: found none"),
    (["binance", "BTCUSDT", "--frames", "x"], "frames have their own"),
    (["binance", "BTCUSDT", "--fault", "dorp"], "dorp"),
    (["binance", "BTCUSDT", "--fault", "delay:ms"], "expected KEY=VALUE"),
    (["binance", "BTCUSDT", "--fault", "delay"], "ms"),
    (["binance", "BTCUSDT", "--speed", "fast"], "found 'fast'"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_what_cannot_be_used_is_named(arguments, message):
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
