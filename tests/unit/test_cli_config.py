"""`rustonite init`, `config check`, `limits`: files to begin with, and what is wrong with files."""

import json
import re
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import SMALL

from rustonite_data import Tape, cli, record
from rustonite_exec import Trader
from rustonite_exec.configs import FILES, write_configs

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return CliRunner().invoke(cli.main, [*map(str, arguments)])


@pytest.fixture
def desk(tmp_path):
    write_configs(tmp_path / "desk")
    return tmp_path / "desk"


def check(path):
    """What `config check` says of a file that cannot be used."""
    result = run("config", "check", path)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("error: ").rstrip()


def test_init_writes_files_that_can_be_used(tmp_path):
    result = run("init", tmp_path / "desk")
    assert result.exit_code == 0, result.output
    assert "rustonite trade trader.toml" in result.stdout
    paths = [tmp_path / "desk" / name for name in FILES]
    assert stat.S_IMODE(paths[-1].stat().st_mode) == 0o600
    checked = run("config", "check", *paths)
    assert checked.exit_code == 0, checked.stderr
    kinds = ["exchange", "recorder", "trader", "limits", "keys"]
    expected = [f"{path}: {kind}, can be used" for path, kind in zip(paths, kinds, strict=True)]
    assert checked.stdout.splitlines() == expected


def test_init_overwrites_nothing(tmp_path):
    (tmp_path / "limits.toml").write_text("mine")
    result = run("init", tmp_path)
    assert result.exit_code == 2
    assert "limits.toml is there already, and nothing was written" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["limits.toml"]
    assert (tmp_path / "limits.toml").read_text() == "mine"


def test_init_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    result = run("init", tmp_path / "file" / "desk")
    assert result.exit_code == 2
    assert "Not a directory" in result.stderr


def test_init_tells_scripts_what_it_wrote(tmp_path):
    facts = json.loads(run("init", tmp_path / "desk", "--port", 9001, "--json").stdout)
    assert facts == {"folder": str(tmp_path / "desk"), "files": list(FILES)}
    for name in ("exchange.toml", "recorder.toml", "trader.toml"):
        assert "9001" in (tmp_path / "desk" / name).read_text()


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("recorder.toml", "seal_after_s", "seal_aftr_s", r":11: .*did you mean seal_after_s\?"),
        ("recorder.toml", '"book_deltas"', '"book_delta"', r":21: feed\.datasets: .*book_deltas\?"),
        ("recorder.toml", 'venue = "binance"', 'venue = "binanse"', r":19: .*mean binance"),
        ("recorder.toml", '"lake"  ', '"${NOT_SET_HERE}"  ', r":5: found \$\{NOT_SET_HERE\}"),
        ("recorder.toml", "[tape]", "[tape", r":10: "),
        ("recorder.toml", "_s = 30", "_s = 0", r":11: tape\.seal_after_s: found 0, expected 1 to "),
        (
            "recorder.toml",
            "# segment_bytes = 33554432",
            "segment_bytes = 5",
            r":12: tape\.segment_bytes: found 5, expected 65536 to ",
        ),
        ("trader.toml", "journal =", "jurnal =", r":6: .*did you mean journal\?"),
        ("trader.toml", '# on_stop = "keep"', 'on_stop = "kep"', r":10: .*did you mean keep\?"),
        (
            "trader.toml",
            "size = 0.01",
            "sise = 0.01",
            r"strategy\.settings of market-maker: .*sise.*did you mean size\?",
        ),
        (
            "trader.toml",
            '"market-maker"',
            '"market_maker"',
            r"strategy\.run: found 'market_maker', .*market-maker\?",
        ),
        ("trader.toml", '"limits.toml"', '"limit.toml"', r"limit\.toml: .*without limits"),
        ("limits.toml", "order_size_max", "order_size", r":\d+: .*did you mean order_size_max\?"),
        (
            "limits.toml",
            "order_size_max = 1",
            "order_size_max = true",
            r"order_size_max: found true",
        ),
        ("trader.toml", 'venue = "binance"', 'venue = "binanse"', r": market\.venue: .*binance"),
        ("exchange.toml", "seed =", "sead =", r":8: sead: unknown key; did you mean seed\?"),
        ("exchange.toml", '"binance"  ', '"binanze"  ', r":5: venue: found 'binanze', .*binance\?"),
        ("exchange.toml", "port = 9000", "port = 90000", r":7: port: found 90000, expected a port"),
        ("exchange.toml", "speed = 1.0", "speed = true", r":9: speed: found True, expected a numb"),
        ("exchange.toml", "speed = 1.0", "speed = inf", r":9: speed: found Infinity, expected a n"),
        ("exchange.toml", "speed = 1.0", "speed = nan", r":9: speed: found NaN, expected a number"),
        ("exchange.toml", "seed = 7", "seed = -1", r":8: seed: found -1, expected a whole number"),
        ("exchange.toml", '"ETHUSDT"]', "7]", r":6: symbols: found \['BTCUSDT', 7\], expected a "),
        ("exchange.toml", "[[account]]", "[account]", r": account: found .* one or more \[\[acc"),
        ("exchange.toml", "USDT = 100000", 'USDT = "x"', r":16: account\.balances: found .*'x'"),
        ("exchange.toml", "# maker = ", "maker = 'x' #", r":17: account\.maker: found "),
        ("exchange.toml", '"keys.toml"', '"key.toml"', r"/key\.toml: No such file or directory"),
        ("exchange.toml", "balances", "balance", r":16: account\.balance: .* mean balances\?"),
        ("exchange.toml", '"ETHUSDT"]', '"FOO"]', r": symbol: found .FOO., expected one that ends"),
        ("exchange.toml", '"ETHUSDT"]', '"BTCUSDT"]', r": symbols: BTCUSDT twice"),
        (
            "exchange.toml",
            "# prices = { BTCUSDT =",
            "prices = { XUSDT =",
            r": prices: XUSDT is not",
        ),
        (
            "exchange.toml",
            "# prices = { BTCUSDT = 6",
            "prices = { BTCUSDT = -6",
            r":11: prices: fo",
        ),
        ("exchange.toml", "# others = false", 'latency = "5"', r': latency: found "5", expected a'),
        (
            "exchange.toml",
            "# others = false",
            'latency.fed = "5ms"',
            r": latency\.fed: .*mean feed",
        ),
        (
            "exchange.toml",
            "# others = false",
            "[tiers]\nBTCUSDT = [] #",
            r": tiers: .*not a perpetual",
        ),
        (
            "exchange.toml",
            "USDT = 100000",
            "USDT = -5",
            r":16: account\.balances: found .*none below",
        ),
        ("exchange.toml", "USDT = 100000", "USDX = 5", r': account demo: there is no asset "USDX"'),
        ("exchange.toml", "# maker = ", "maker = 2 #", r":17: account\.maker: found 2, .* below 1"),
        ("keys.toml", "secret = ", "secert = ", r"expected the lines `key = "),
    ],
)
def test_what_is_wrong_is_named_with_its_place(desk, name, old, new, expected):
    path = desk / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    message = check(path)
    assert message.startswith(str(desk)), message
    assert re.search(expected, message), message


HEAD = "from rustonite_exec import Strategy\nclass Maker(Strategy):\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("class Maker(Strategy:\n", "SyntaxError: "),
        ("from math import nope\n", "ImportError: cannot import name 'nope' from 'math'"),
        ("1 / 0\n", "ZeroDivisionError: division by zero; at {file}:1 in <module>"),
        ("import nothing_here\n", "No module named 'nothing_here'; at {file}:1 in <module>"),
        ("raise SystemExit(3)\n", "SystemExit: 3; at {file}:1 in <module>"),
        (
            f"{HEAD}    def __init__(self): self.size = int('x')\n",
            "ValueError: invalid literal for int() with base 10: 'x'; at {file}:3 in __init__",
        ),
        (
            f"{HEAD}    def __init__(self, size): self.size = size\n",
            "TypeError: Maker.__init__() missing 1 required positional argument: 'size'",
        ),
    ],
)
def test_what_is_wrong_with_the_module_of_a_strategy(desk, monkeypatch, text, expected):
    path, module = desk / "trader.toml", desk / "broken_maker.py"
    path.write_text(path.read_text().replace('"market-maker"', '"broken_maker:Maker"'))
    module.write_text(text)
    place = f"{path}: strategy.run: broken_maker:Maker: "
    for words in (("config", "check"), ("trade",)):
        monkeypatch.delitem(sys.modules, "broken_maker", raising=False)
        result = run(*words, path)
        assert result.exit_code == 2, result.output
        assert result.stderr.startswith(f"error: {place}{expected.format(file=module)}")
        assert result.stderr.count("\n") == 1
    assert "broken_maker.py" in result.stderr or "TypeError" in result.stderr


def test_a_segment_as_small_as_can_be_has_room_for_rows_of_each_dataset(tmp_path):
    least, _ = record._OF_TAPES["segment_bytes"]
    for name in (one.stem for one in (ROOT / "schemas").glob("*.toml")):
        if name != "vocabularies":
            Tape.create(tmp_path / name, name, segment_bytes=least).close()


def test_names_of_limits_are_those_of_the_trader(desk):
    path = desk / "limits.toml"
    path.write_text(path.read_text() + "[account.mian]\nopen_orders_max = 1\n")
    config = desk / "trader.toml"
    assert check(config) == f'{config}: limits: unknown account "mian"; did you mean main?'


def test_keys_that_others_can_read(desk):
    (desk / "keys.toml").chmod(0o644)
    for name in ("keys.toml", "trader.toml", "exchange.toml"):
        assert "others can read it (mode 644), expected 600: chmod 600" in check(desk / name)


def test_a_trader_at_a_venue_that_cannot_be_traded(desk):
    path = desk / "trader.toml"
    before, mark, behind = path.read_text().partition("[[account]]")
    path.write_text(before + mark + behind.replace('"binance"', '"binanse"', 1))
    assert 'account.main.venue: "binanse" cannot be traded; did you mean binance' in check(path)


def test_an_account_on_paper_needs_no_keys(desk):
    path = desk / "trader.toml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("keys =")]
    lines = [line for line in lines if not line.startswith("urls =")]
    at = lines.index("[[account]]") + 1
    lines.insert(at, 'paper = { balances = { USDT = "1000" } }')
    path.write_text("\n".join(lines) + "\n")
    (desk / "keys.toml").unlink()
    assert run("config", "check", path).stdout == f"{path}: trader, can be used\n"


@pytest.mark.parametrize(
    ("command", "name", "expected"),
    [
        ("record", "trader", "a trader, expected a recorder; rustonite trade {}"),
        ("trade", "recorder", "a recorder, expected a trader; rustonite record {}"),
        ("exchange", "trader", "a trader, expected a local exchange; rustonite trade {}"),
        ("trade", "limits", "limits, expected a trader"),
        ("record", "keys", "keys, expected a recorder"),
    ],
)
def test_a_file_of_another_kind_is_named(desk, command, name, expected):
    path = desk / f"{name}.toml"
    result = run(command, path)
    assert result.exit_code == 2
    assert result.stderr == f"error: {path}: found what configures {expected.format(path)}\n"


def test_a_trader_without_a_recorder_is_told(tmp_path):
    desk = tmp_path / "desk"
    write_configs(desk, port=1)  # where nobody listens
    trader = Trader(desk / "trader.toml")
    assert trader.markets_without_tapes() == [("binance", desk / "lake" / ".tapes")]
    result = run("trade", desk / "trader.toml")
    warning, error = result.stderr.splitlines()
    assert warning == (
        f"warning: no tapes of binance in {desk}/lake/.tapes so far; start its recorder"
    )
    assert (result.exit_code, error.startswith("error: asking binance")) == (2, True)
    Tape.create(desk / "lake" / ".tapes" / "quotes" / "recorder-binance", "quotes", **SMALL).close()
    assert trader.markets_without_tapes() == []


def test_what_a_file_is_can_be_said(tmp_path):
    path = tmp_path / "file.toml"
    path.write_text('name = "x"\n')
    assert "found name, which does not tell what it configures; give --as KIND" in check(path)
    result = run("config", "check", path, "--as", "recorder")
    assert "feed: found none" in result.stderr
    (tmp_path / "recorder.toml").write_text("")
    assert "feed: found none" in check(tmp_path / "recorder.toml")


def test_scripts_get_a_line_for_each_file(desk):
    (desk / "limits.toml").write_text("version = 1\ncurrency = 2\n")
    result = run("config", "check", desk / "limits.toml", desk / "recorder.toml", "--json")
    assert result.exit_code == 2
    bad, good = map(json.loads, result.stdout.splitlines())
    assert (bad["kind"], bad["ok"]) == ("limits", False)
    assert "limits.toml:2: currency: found 2" in bad["problem"]
    assert (good["kind"], good["ok"], good["problem"]) == ("recorder", True, None)


def test_a_secret_of_the_environment_is_in_no_message(desk, monkeypatch):
    monkeypatch.setenv("PROXY_PASSWORD", "hush-hush")
    path = desk / "recorder.toml"
    path.write_text('porxy = "http://${PROXY_PASSWORD}"\n' + path.read_text())
    message = check(path)
    assert "hush" not in message
    assert "did you mean proxy?" in message


def test_limits_to_begin_with(tmp_path):
    result = run(
        "limits", "--currency", "USD", "--set", "order_size_max=5", "--set", "net_max=none"
    )
    assert result.exit_code == 0, result.output
    path = tmp_path / "limits.toml"
    path.write_text(result.stdout)
    assert run("config", "check", path).exit_code == 0
    assert 'currency = "USD"' in result.stdout
    assert "\norder_size_max = 5\n" in result.stdout
    assert '\nnet_max = "none"\n' in result.stdout
    assert "\n# Largest size of an order. In units of the instrument.\n" in result.stdout
    assert "\n# Largest worth of an order. In USD.\n" in result.stdout
    assert "\n# Most open orders.\n" in result.stdout


def test_limits_by_section_as_the_page_has_them(desk):
    page = (ROOT / "docs" / "reference" / "risk-codes.md").read_text()
    (example,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (desk / "limits.toml").write_text(example)
    trader = desk / "trader.toml"
    assert "unknown instrument" in check(trader)
    both = trader.read_text().replace('["BTCUSDT"]', '["BTCUSDT", "ETHUSDT"]')
    trader.write_text(both)
    result = run("config", "check", trader)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("order_size_mx=5", "did you mean order_size_max?"),
        ("order_size_max=much", "--set:"),
        ("currency=USD", "--currency says the currency"),
    ],
)
def test_limits_that_cannot_be(change, message):
    result = run("limits", "--set", change)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
