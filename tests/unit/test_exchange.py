"""The local exchange from Python and from the command line."""

import hmac
import http.client
import json
import math
import signal
import subprocess
import sys
import time
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from rustonite_data.errors import Invalid, NotFound, Unavailable, VenueRejected
from rustonite_exec import LocalExchange, LocalExchanges
from rustonite_exec.configs import write_configs
from rustonite_exec.exchange import NOT_IMITATED, VENUES
from rustonite_exec.exchange_config import ExchangeConfig

RUSTONITE = Path(sys.executable).with_name("rustonite")
DOCS = Path(__file__).parents[2] / "docs"
PATIENCE = 60


def test_what_is_kept_goes_on_where_it_ended(tmp_path):
    with LocalExchange(["BTCUSDT"], state=tmp_path) as exchange:
        account = exchange.account("me", {"USDT": 1000})
        exchange.deposit(account, "USDT", 5)
        with pytest.raises(Unavailable, match="another exchange keeps its state there"):
            LocalExchange(["BTCUSDT"], state=tmp_path)
    trades = exchange.status()["instruments"][0]["trades"]
    with pytest.raises(Unavailable, match="the exchange is stopped"):
        exchange.deposit(account, "USDT", 1)
    with LocalExchange(["BTCUSDT"], state=tmp_path) as exchange:
        assert exchange.account("me", {"USDT": 1}) == account
        assert exchange.balance(account, "USDT") == (Decimal(1005), Decimal(0))
        assert exchange.status()["instruments"][0]["trades"] >= trades
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"binance.state": 0o600, "binance.lock": 0o600}
    with pytest.raises(Invalid, match="it is of binance with BTCUSDT, not of binance with ETHUSDT"):
        LocalExchange(["ETHUSDT"], state=tmp_path)
    with pytest.raises(Invalid, match="another seed, speed or price"):
        LocalExchange(["BTCUSDT"], state=tmp_path, speed=2)


@pytest.mark.parametrize(
    ("symbols", "settings", "error", "message"),
    [
        ([], {}, Invalid, "symbols: found none"),
        (["BTCUSDT"], {"speed": 0}, Invalid, "speed: found 0"),
        (["BTCUSDT"], {"speed": float("inf")}, Invalid, "speed: found inf"),
        (["BTCUSDT"], {"seed": -1}, Invalid, "seed: found -1"),
        (["BTCUSDT"], {"seed": 1.5}, Invalid, "seed: found 1.5, expected a whole number"),
        (["BTCUSDT"], {"speed": "fast"}, Invalid, "speed: found 'fast', expected a number"),
        (["BTCUSDT"], {"port": 99_999}, Invalid, "port: found 99999, expected 0 to 65535"),
        (["BTCUSDT"], {"prices": {"BTCUSDT": 0}}, Invalid, r"prices\.BTCUSDT: found 0, expected"),
        (["BTCUSDT"], {"venue": "nowhere"}, NotFound, "nowhere.*there are binance, binance-usdm"),
        (["BTCUSDT"], {"venue": "binanse"}, NotFound, "did you mean binance"),
        (["NOTHING"], {}, Invalid, "NOTHING.*ends with a quote asset"),
        (["BTCUSDT"], {"prices": {"ETHUSDT": 1}}, Invalid, "ETHUSDT is not among the symbols"),
        (["BTCUSDT"], {"prices": {"BTCUSDT": "1.001"}}, Invalid, "BTCUSDT.*1.001"),
        (["BTCUSDT"], {"prices": {"BTCUSDT": "x"}}, Invalid, "price"),
        (["BTCUSDT"], {"queue": "even"}, Invalid, "expected a replay that they are of"),
        ("NOTHING", {"venue": "binance-usdm"}, Invalid, "NOTHING.*ends with a quote asset"),
        ("/USD", {"venue": "alpaca"}, Invalid, "/USD.*BTC/USD"),
    ],
)
def test_settings_that_cannot_be(symbols, settings, error, message):
    with pytest.raises(error, match=message):
        LocalExchange(symbols, **settings)


@pytest.mark.parametrize(
    ("latency", "message"),
    [
        ("5", 'latency: found "5", expected a time such as 5ms'),
        ("-1ms", 'latency: found "-1ms", expected a time from 0s to 1h'),
        ({"plaec": "1ms"}, "latency.plaec: unknown key; did you mean place"),
        ({"all": {"median": "1ms", "sigma": math.nan}}, 'latency.all.sigma: found "nan"'),
        ({"all": {"median": "1ms", "sigma": Decimal("Infinity")}}, "latency.all.sigma: found "),
    ],
)
def test_a_latency_that_cannot_be(latency, message):
    with pytest.raises(Invalid, match=message):
        LocalExchange("BTCUSDT", latency=latency)
    with LocalExchange("BTCUSDT", others=False, latency="1ms") as exchange:
        with pytest.raises(Invalid, match=message):
            exchange.latency(latency)
        assert exchange.status()["latency"]["feed"] == "1ms"


TIERS = [
    {"worth": 10_000, "leverage": 50, "keeps": "0.01"},
    {"worth": Decimal(250_000), "leverage": 20, "keeps": 0.025},
]
FEE_TIERS = [
    {"volume": 0, "maker": "0.001", "taker": 0.002},
    {"volume": 1_000_000, "maker": Decimal("-0.0001"), "taker": 0},
]


def answer(exchange, account, path, query=""):
    """What a signed call of Binance is answered with."""
    query += f"{'&' if query else ''}timestamp={time.time_ns() // 1_000_000}"
    signature = hmac.new(account.secret.encode(), query.encode(), "sha256").hexdigest()
    connection = http.client.HTTPConnection(exchange.address, timeout=PATIENCE)
    headers = {"X-MBX-APIKEY": account.key}
    connection.request("GET", f"{path}?{query}&signature={signature}", headers=headers)
    found = json.loads(connection.getresponse().read())
    connection.close()
    return found


def test_tiers_of_a_symbol_are_those_that_were_given():
    symbols = ["BTCUSDT", "ETHUSDT"]
    settings = {"venue": "binance-usdm", "others": False, "tiers": {"ETHUSDT": TIERS}}
    with LocalExchange(symbols, **settings) as exchange:
        account = exchange.account()
        found = {
            one["symbol"]: [
                (row["notionalCap"], row["initialLeverage"], row["maintMarginRatio"])
                for row in one["brackets"]
            ]
            for one in answer(exchange, account, "/fapi/v1/leverageBracket")
        }
    assert found["ETHUSDT"] == [(10_000, 50, 0.01), (250_000, 20, 0.025)]
    assert found["BTCUSDT"][0] == (50_000, 125, 0.004)


def test_accounts_without_fees_of_their_own_pay_by_their_volume(tmp_path):
    file = tmp_path / "exchange.toml"
    file.write_text(
        'symbols = ["BTCUSDT"]\nothers = false\n'
        "fee_tiers = [{ volume = 0, maker = 0.001, taker = 0.002 }, "
        "{ volume = 1_000_000, maker = -0.0001, taker = 0 }]\n"
        '[[account]]\nname = "own"\nmaker = 0.003\ntaker = 0.004\n[[account]]\nname = "tiers"\n'
    )
    exchange, accounts = ExchangeConfig.read(file).start()
    with exchange:
        found = [
            answer(exchange, one, "/api/v3/account/commission", "symbol=BTCUSDT")
            for one in accounts
        ]
    rates = [tuple(one["standardCommission"][name] for name in ("maker", "taker")) for one in found]
    assert rates == [("0.00300000", "0.00400000"), ("0.00100000", "0.00200000")]
    with LocalExchange("BTCUSDT", others=False, state=tmp_path, fee_tiers=FEE_TIERS):
        pass
    with pytest.raises(Invalid, match="other ticks, lots or limits"):
        LocalExchange("BTCUSDT", others=False, state=tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tiers": {"ETHUSDT": TIERS}}, "tiers: ETHUSDT is not among the symbols"),
        ({"tiers": {"BTCUSDT": []}}, "tiers of BTCUSDT: there is at least one tier"),
        ({"tiers": {"BTCUSDT": TIERS[::-1]}}, "tiers of BTCUSDT: a larger tier is stricter"),
        ({"tiers": {"BTCUSDT": [TIERS[0], TIERS[0]]}}, "tiers of BTCUSDT: a larger tier is"),
        (
            {"tiers": {"BTCUSDT": [{**TIERS[0], "keeps": "0.02"}]}},
            "tiers of BTCUSDT: a position keeps less margin than it begins with",
        ),
        ({"tiers": {"BTCUSDT": [{"worth": 1, "leverage": 2}]}}, r"tiers.BTCUSDT\[0\].keeps: found"),
        (
            {"tiers": {"BTCUSDT": [{**TIERS[0], "leverage": 2.5}]}},
            r"tiers.BTCUSDT\[0\].leverage: found 2.5, expected a whole number from 1 to",
        ),
        (
            {"tiers": {"BTCUSDT": [{**TIERS[0], "keep": 1}]}},
            r"tiers.BTCUSDT\[0\].keep: unknown key; did you mean keeps",
        ),
        ({"tiers": {"BTCUSDT": [1]}}, "tiers.BTCUSDT: found .*, expected tables with worth"),
        ({"tiers": {"BTCUSDT": {"worth": 1}}}, "tiers.BTCUSDT: found .*, expected tables with"),
        (
            {"tiers": {"BTCUSDT": [{**TIERS[0], "worth": math.nan}]}},
            r"tiers.BTCUSDT\[0\].worth: found nan, expected a number",
        ),
        ({"fee_tiers": FEE_TIERS[1:]}, "fee_tiers: the first tier of fees begins at a volume of 0"),
        ({"fee_tiers": [{**FEE_TIERS[0], "maker": True}]}, r"fee_tiers\[0\].maker: found True"),
        ({"fee_tiers": [{**FEE_TIERS[0], "maker": "1"}]}, "fee_tiers: a fee is less than all"),
        ({"fee_tiers": [{**FEE_TIERS[0], "maker": "1e-7"}]}, "fees: .*0.0000001"),
    ],
)
def test_tiers_that_cannot_be(settings, message):
    with pytest.raises(Invalid, match=message):
        LocalExchange("BTCUSDT", venue="binance-usdm", others=False, **settings)


def test_only_perpetuals_have_tiers():
    with pytest.raises(Invalid, match="tiers: BTCUSDT is not a perpetual"):
        LocalExchange("BTCUSDT", tiers={"BTCUSDT": TIERS})


@pytest.mark.parametrize(
    ("venue", "path"),
    [
        ("binance", "/api/v3/ping"),
        ("binance-usdm", "/fapi/v1/ping"),
        ("alpaca", "/v1beta3/crypto/us/latest/quotes?symbols=BTC/USD"),
    ],
)
def test_calls_take_as_long_as_was_said(venue, path):
    with LocalExchange(venue=venue, others=False, latency="100ms") as exchange:
        assert took(exchange, path) >= 0.2
        exchange.latency({"feed": "150ms", "seed": 2})
        assert took(exchange, path) >= 0.15
        assert exchange.status()["latency"]["seed"] == 2
        exchange.latency(None)
        assert exchange.status()["latency"] is None


def took(exchange, path):
    """Seconds until a call is answered, whatever the answer is."""
    connection = http.client.HTTPConnection(exchange.address, timeout=PATIENCE)
    began = time.monotonic()
    connection.request("GET", path)
    connection.getresponse().read()
    seconds = time.monotonic() - began
    connection.close()
    return seconds


def test_latency_is_an_option_that_a_state_does_not_keep(tmp_path):
    with LocalExchange("BTCUSDT", others=False, state=tmp_path, latency="1ms") as exchange:
        assert exchange.status()["latency"]["place"] == "1ms"
        exchange.latency("2ms")
    with LocalExchange("BTCUSDT", others=False, state=tmp_path) as exchange:
        assert exchange.status()["latency"] is None


def test_a_file_says_how_long_messages_take(tmp_path):
    file = tmp_path / "exchange.toml"
    file.write_text(
        'symbols = ["BTCUSDT"]\nothers = false\n'
        '[latency]\nfeed = { median = "2ms", sigma = 0.5, spikes = 0.25 }\n'
    )
    with ExchangeConfig.read(file).start()[0] as exchange:
        feed = {"median": "2ms", "sigma": 0.5, "spikes": 0.25, "spike_factor": 10.0}
        assert exchange.status()["latency"]["feed"] == feed
    command = [RUSTONITE, "exchange", file, "--latency", "7ms", "--for", "0.1s", "--json"]
    process = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True, text=True)
    status = json.loads(process.stdout.splitlines()[1])
    assert status["latency"]["response"] == "7ms"
    wrong = subprocess.run(
        [*command[:3], "--latency", "soon"], capture_output=True, timeout=PATIENCE, text=True,
        check=False,
    )  # fmt: skip
    assert wrong.returncode != 0
    assert 'latency: found "soon", expected a time such as 5ms' in wrong.stderr


def test_accounts_and_their_money():
    with LocalExchange(["BTCUSDT"], others=False) as exchange:
        account = exchange.account()
        assert exchange.balance(account, "USDT") == (Decimal(100_000), Decimal(0))
        assert account.secret not in repr(account)
        assert account.secret not in json.dumps(exchange.status())
        exchange.deposit(account, "BTC", "0.5")
        assert exchange.balance(account, "BTC")[0] == Decimal("1.5")
        with pytest.raises(VenueRejected, match="needs 2, "):
            exchange.deposit(account, "BTC", -2)
        with pytest.raises(NotFound, match="DOGE"):
            exchange.deposit(account, "DOGE", 1)
        with pytest.raises(NotFound, match="DOGE"):
            exchange.account("second", {"USDT": 5, "DOGE": 1})
        for amount in (-5, "x"):
            with pytest.raises(
                Invalid, match=r"balances\.BTC: found .*, expected an amount from 0"
            ):
                exchange.account("second", {"USDT": 5, "BTC": amount})
        second = exchange.account("second", {"USDT": 7})
        assert exchange.balance(second, "USDT") == (Decimal(7), Decimal(0))
        assert answer(exchange, second, "/api/v3/account")["canTrade"] is True
        with pytest.raises(Invalid, match="second"):
            exchange.account("second", {"USDT": 7})
        with pytest.raises(Invalid, match="demo"):
            exchange.account()
        with pytest.raises(Invalid, match="fees"):
            exchange.account("third", taker="0.0000001")
        with pytest.raises(Invalid, match="no_such"):
            exchange.fault("no_such")


def test_it_says_what_and_where_it_is():
    with LocalExchange(["BTCUSDT"], others=False) as exchange:
        assert repr(exchange) == f"<LocalExchange binance at {exchange.address}>"
    assert repr(exchange) == "<LocalExchange binance closed>"


def asked(exchange, path):
    """The answer to a call of anybody."""
    connection = http.client.HTTPConnection(exchange.address, timeout=PATIENCE)
    connection.request("GET", path)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_the_operator_halts_an_instrument_and_lets_longs_pay_shorts():
    with LocalExchange("BTCUSDT", others=False) as exchange:
        for on, state in [(True, "HALT"), (False, "TRADING")]:
            exchange.halt("BTCUSDT", on=on)
            rules = asked(exchange, "/api/v3/exchangeInfo")
            assert rules["symbols"][0]["status"] == state
            assert exchange.status()["instruments"][0]["halted"] is on
        with pytest.raises(NotFound, match="DOGEUSDT"):
            exchange.halt("DOGEUSDT")
        with pytest.raises(VenueRejected, match="no funding"):
            exchange.fund("BTCUSDT")
    with LocalExchange("BTCUSDT", venue="binance-usdm", others=False) as exchange:
        exchange.set_mark("BTCUSDT", 60_000)
        exchange.fund("BTCUSDT")
        exchange.fund("BTCUSDT", "-0.0003")
        rates = asked(exchange, "/fapi/v1/fundingRate?symbol=BTCUSDT")
        assert [row["fundingRate"] for row in rates] == ["0.00010000", "-0.00030000"]
        with pytest.raises(Invalid, match="rate"):
            exchange.fund("BTCUSDT", "0.0000001")


def test_fees_are_paid_in_another_asset():
    with LocalExchange("BTCUSDT", others=False) as exchange:
        exchange.account("me", {"BNB": 1}, fees_in=("BNB", 600, "0.25"))
        with pytest.raises(VenueRejected, match="no such way to pay fees"):
            exchange.account("second", {}, fees_in=("BNB", 0, "0.25"))
        with pytest.raises(NotFound, match="DOGE"):
            exchange.account("third", {}, fees_in=("DOGE", 1, 0))
    text = '[[account]]\nname = "me"\nfees_in = { asset = "BNB", price = 600, discount = 0.25 }\n'
    config = ExchangeConfig.parse(text)
    assert config.accounts[0].fees_in == ("BNB", "600", "0.25")
    with config.start()[0] as exchange:
        assert exchange.status()["accounts"][0]["name"] == "me"
    with pytest.raises(Invalid, match=r"3: account.fees_in: found .*expected a table such as"):
        ExchangeConfig.parse(text.replace("price", "prise"))


def test_perpetuals_are_traded_with_money_alone():
    with LocalExchange("BTCUSDT", venue="binance-usdm", others=False) as exchange:
        account = exchange.account()
        assert exchange.balance(account, "USDT") == (Decimal(100_000), Decimal(0))
        assert exchange.balance(account, "BTC") == (Decimal(0), Decimal(0))
        assert set(exchange.urls) == {"rest", "public", "market", "private", "ws_api"}
        exchange.account("rebate", {}, maker="-0.0001")
        exchange.set_mark("BTCUSDT", "60000.5")
        with pytest.raises(Invalid, match=r"price: 60000\.001"):
            exchange.set_mark("BTCUSDT", "60000.001")
        with pytest.raises(NotFound, match="DOGEUSDT"):
            exchange.set_mark("DOGEUSDT", 1)
    refused = pytest.raises(VenueRejected, match="no mark price")
    with LocalExchange("BTCUSDT", others=False) as spot, refused:
        spot.set_mark("BTCUSDT", 1)


def test_stocks_and_coins_are_traded_for_dollars():
    with LocalExchange(venue="alpaca", others=False) as exchange:
        account = exchange.account()
        assert exchange.balance(account, "USD") == (Decimal(100_000), Decimal(0))
        assert exchange.balance(account, "AAPL") == (Decimal(0), Decimal(0))
        assert set(exchange.urls) == {"rest", "crypto", "stocks", "updates"}
        symbols = [one["symbol"] for one in exchange.status()["instruments"]]
        assert symbols == ["AAPL", "BTC/USD"]


@pytest.mark.parametrize("venue", ["binance", "binance-usdm", "alpaca"])
def test_the_command_says_where_it_is_and_what_others_did(venue):
    process = subprocess.run(
        [RUSTONITE, "exchange", venue, "--for", "1s", "--json"],
        capture_output=True,
        timeout=PATIENCE,
        check=True,
        text=True,
    )
    told, status = map(json.loads, process.stdout.splitlines())
    assert told["urls"]["rest"].endswith(told["address"])
    assert status["instruments"][0]["trades"] > 0


def test_the_command_takes_a_file_and_options_go_before_it(tmp_path):
    write_configs(tmp_path, port=1)
    process = subprocess.run(
        [RUSTONITE, "exchange", tmp_path / "exchange.toml",
         "--port", "0", "--for", "0.1s", "--json"],
        capture_output=True, timeout=PATIENCE, check=True, text=True,
    )  # fmt: skip
    told, status = map(json.loads, process.stdout.splitlines())
    key = tomllib.loads((tmp_path / "keys.toml").read_text())
    assert told["accounts"] == [{"account": "demo", **key}]
    assert [one["symbol"] for one in status["instruments"]] == ["BTCUSDT", "ETHUSDT"]
    assert status["accounts"][0]["balances"]["USDT"] == ["100000", "0"]


def test_symbols_are_an_option_too(tmp_path):
    write_configs(tmp_path, port=1)
    for words, symbols in [
        (["--symbols", "BTCUSDT,BNBUSDT"], ["BTCUSDT", "BNBUSDT"]),
        (["alpaca", "--symbols", "AAPL"], ["AAPL"]),
        ([tmp_path / "exchange.toml", "--symbols", "ETHUSDT BTCUSDT"], ["ETHUSDT", "BTCUSDT"]),
    ]:
        command = [RUSTONITE, "exchange", *words, "--port", "0", "--alone", "--for", "0.1s"]
        process = subprocess.run(
            [*command, "--json"], capture_output=True, timeout=PATIENCE, check=True, text=True
        )
        status = json.loads(process.stdout.splitlines()[1])
        assert [one["symbol"] for one in status["instruments"]] == symbols
    for words in (["binance", "BTCUSDT", "--symbols", "ETHUSDT"], ["--symbols", ","]):
        command = [RUSTONITE, "exchange", *words]
        process = subprocess.run(
            command, capture_output=True, timeout=PATIENCE, check=False, text=True
        )
        assert process.returncode != 0
        assert "--symbols" in process.stderr


@pytest.mark.parametrize("venue", VENUES)
def test_the_command_says_what_it_does_not_imitate(venue):
    command = [RUSTONITE, "exchange", venue, "--alone", "--for", "0.1s"]
    process = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True, text=True)
    missing = f"{venue}: not imitated: {', '.join(NOT_IMITATED[venue])}"
    assert missing in process.stderr.splitlines()
    page = (DOCS / "using" / "local-exchange.md").read_text()
    said = " ".join(page.partition("## What it does not imitate")[2].split())
    assert [one for one in NOT_IMITATED[venue] if one not in said] == []


def test_ctrl_c_ends_it_in_good_order():
    command = [RUSTONITE, "exchange", "binance", "BTCUSDT"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while not process.stdout.readline().startswith("secret"):
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


def test_a_port_that_is_taken_is_named():
    with LocalExchange(["BTCUSDT"], others=False) as exchange:
        port = exchange.address.rpartition(":")[2]
        command = [RUSTONITE, "exchange", "--port", port]
        process = subprocess.run(
            command, capture_output=True, timeout=PATIENCE, text=True, check=False
        )
    assert process.returncode != 0
    assert "Traceback" not in process.stderr
    assert f"127.0.0.1:{port}: Address already in use" in process.stderr


def test_several_venues_have_one_account_and_nothing_else_in_common(tmp_path):
    settings = {name: {"symbols": "BTCUSDT"} for name in ("binance", "binance-usdm")}
    settings["alpaca"] = {}
    with LocalExchanges(settings, others=False, state=tmp_path) as venues:
        account = venues.account("me", {"binance": {"USDT": 7}})
        money = {name: one.balance(account, "USDT")[0] for name, one in list(venues.items())[:2]}
        assert money == {"binance": 7, "binance-usdm": 100_000}
        assert len({one.address for one in venues.values()}) == len(venues) == len(VENUES)
        assert answer(venues["binance"], account, "/api/v3/openOrders") == []
        assert answer(venues["binance-usdm"], account, "/fapi/v1/openOrders") == []
        venues["binance"].fault("maintenance", on=True)
        assert answer(venues["binance"], account, "/api/v3/openOrders")["code"] == -1016
        assert answer(venues["binance-usdm"], account, "/fapi/v1/openOrders") == []
    with LocalExchanges(settings, others=False, state=tmp_path) as venues:
        assert venues.account("me") == account
        assert venues["binance"].balance(account, "USDT")[0] == 7


def test_venues_start_together_or_not_at_all():
    with LocalExchange("BTCUSDT", others=False) as taken:
        port = int(taken.address.rpartition(":")[2])
        free = {"binance": {"symbols": "ETHUSDT"}, "alpaca": {"port": port}}
        with pytest.raises(Unavailable, match="Address already in use"):
            LocalExchanges(free, others=False)
    with pytest.raises(Invalid, match="venues: found none"):
        LocalExchanges([])
    with pytest.raises(NotFound, match="did you mean alpaca"):
        LocalExchanges(["binance", "alpacca"], others=False)


def test_the_command_serves_several_venues(tmp_path):
    file = tmp_path / "stocks.toml"
    file.write_text('venue = "alpaca"\nsymbols = ["AAPL"]\n')
    words = ["binance", "BTCUSDT", "ETHUSDT", "binance-usdm", str(file)]
    command = [RUSTONITE, "exchange", *words, "--alone", "--account", "me", "--for", "0.1s"]
    process = subprocess.run(
        [*command, "--json"], capture_output=True, timeout=PATIENCE, check=True, text=True
    )
    lines = [json.loads(line) for line in process.stdout.splitlines()]
    began, ended = lines[:3], lines[3:]
    assert [one["venue"] for one in began] == [one["venue"] for one in ended] == [
        "binance", "binance-usdm", "alpaca"
    ]  # fmt: skip
    assert len({one["address"] for one in began}) == 3
    symbols = [[row["symbol"] for row in one["instruments"]] for one in ended]
    assert symbols == [["BTCUSDT", "ETHUSDT"], ["BTCUSDT", "ETHUSDT"], ["AAPL"]]
    assert {one["accounts"][0]["account"] for one in began} == {"me"}
    wrong = subprocess.run(
        [*command, "--symbols", "BTCUSDT"], capture_output=True, timeout=PATIENCE, text=True,
        check=False,
    )  # fmt: skip
    assert wrong.returncode != 0
    assert "--symbols" in wrong.stderr
