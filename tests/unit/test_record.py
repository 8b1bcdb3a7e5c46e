"""Recording a scripted venue into a lake: what is kept, what is told, and what goes wrong."""

import time
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from venue_server import VenueServer, until

from rustonite_data import _native
from rustonite_data.errors import Conflict, Invalid, NotFound, RustoniteError, Unavailable
from rustonite_data.lake import Committer
from rustonite_data.metrics import health, listening, metrics, serve
from rustonite_data.record import Recorder

BTC = ("btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms")
ETH = ("ethusdt@trade", "ethusdt@bookTicker", "ethusdt@depth@100ms")


@pytest.fixture
def venue():
    with VenueServer() as server:
        yield server


@pytest.fixture
def start(venue, memory):
    """Starts a recorder of the venue, and ends it if the test did not."""
    started = []

    def begin(*symbols, text=None, **options):
        config = text or venue.config(*symbols, **options)
        started.append(Recorder(config, lake=memory / "lake", place="recorder.toml"))
        return started[-1]

    yield begin
    for recorder in started:
        recorder.close()


def rows(recorder, query):
    return recorder.lake.sql(query).pl().rows()


def facts(recorder, *kinds):
    """Kind, symbol and text of facts, in the order of their notice."""
    found = rows(
        recorder, "select kind, symbol, dataset, detail from feed_events order by ts_recv, ts_event"
    )
    return [fact for fact in found if not kinds or fact[0] in kinds]


def trade_ids(recorder, symbol):
    if "trades" not in recorder.lake.datasets():
        return []
    query = "select trade_id from trades where symbol = ? order by trade_id"
    return recorder.lake.sql(query, [symbol]).pl()["trade_id"].to_list()


def books_are_whole(recorder, count=2):
    return lambda: sum(status.books_live for status in recorder.status()) == count


def begin_books(venue, *symbols):
    """An update of each book, which makes the recorder ask for the picture."""
    for symbol in symbols or venue.markets:
        venue.emit(symbol, 1)


def test_what_was_sent_is_in_the_lake(venue, start):
    recorder = start()
    venue.expect(*BTC, *ETH)
    begin_books(venue)
    until(books_are_whole(recorder))
    venue.emit("BTCUSDT", 300)
    venue.emit("ETHUSDT", 100)
    until(lambda: trade_ids(recorder, "ETHUSDT") == venue.ids("ETHUSDT"))
    assert trade_ids(recorder, "BTCUSDT") == venue.ids("BTCUSDT")  # on tapes
    recorder.close()
    for symbol, count in (("BTCUSDT", 301), ("ETHUSDT", 101)):
        assert trade_ids(recorder, symbol) == venue.ids(symbol) == list(range(1, count + 1))
    assert recorder.lake.sql("select count(*) from trades", hot=False).pl().item() == 402

    sent = sorted(text for messages in venue.sent.values() for _, text in messages)
    kept = rows(recorder, "select data from frames where kind = 'text'")
    texts = (bytes(data).decode() for (data,) in kept)
    assert sorted(text for text in texts if "stream" in text) == sent
    sizes = rows(recorder, "select seq, bid_size, ask_size from quotes where symbol = 'BTCUSDT'")
    told = {data["u"]: (float(data["B"]), float(data["A"])) for data, _ in venue.sent[BTC[1]]}
    assert {seq: (bid, ask) for seq, bid, ask in sizes} == told

    book = recorder.lake.book_at(time.time_ns(), symbols="BTCUSDT", venues="binance").pl()
    book = book.select("side", "price", "size", "complete").rows()
    market = venue.markets["BTCUSDT"]
    for side, levels in (("bid", market.bids), ("ask", market.asks)):
        want = {float(price): float(size) for price, size in levels.items()}
        assert {price: size for at, price, size, _ in book if at == side} == want
    assert all(complete for *_, complete in book)


def test_the_story_is_told(venue, start):
    recorder = start("BTCUSDT")
    venue.expect(*BTC)
    begin_books(venue, "BTCUSDT")
    until(books_are_whole(recorder, 1))
    recorder.close()
    told = [kind for kind, *_ in facts(recorder)]
    order = ["start", "connect", "subscribe", "subscribed", "snapshot", "disconnect", "stop"]
    assert [told.index(kind) for kind in order] == sorted(map(told.index, order))
    assert told.count("subscribe") == told.count("subscribed") == 3
    clean = {(dataset, symbol) for _, symbol, dataset, _ in facts(recorder, "clean")}
    assert clean == {("book_deltas", "BTCUSDT"), ("trades", "BTCUSDT")}
    unchecked = {dataset for *_, dataset, _ in facts(recorder, "unverifiable")}
    assert unchecked == {"quotes"}
    # A stop as asked is no loss.
    assert [fact for fact in facts(recorder, "gap") if "whole again" not in fact] == []
    instruments = rows(recorder, "select symbol, base from instruments order by symbol")
    assert instruments == [("BTCUSDT", "BTC"), ("ETHUSDT", "ETH")]


def test_counters_stay_readable_after_the_end(venue, start):
    recorder = start("BTCUSDT")
    venue.expect(*BTC)
    venue.emit("BTCUSDT", 5, ("trade",))
    recorder.close()
    (status,) = recorder.status()
    assert (status.venue, status.malformed, status.dropped) == ("binance", 0, 0)
    assert status.rows >= 5
    assert not recorder.running
    with pytest.raises(RustoniteError, match="stopped"):
        recorder.reload(venue.config())
    recorder.close()


def test_a_connection_that_dies_is_opened_again(venue, start):
    recorder = start()
    venue.expect(*BTC, *ETH)
    begin_books(venue)
    until(books_are_whole(recorder))
    venue.kill()
    until(lambda: recorder.status()[0].reconnects == 1)
    venue.expect(*BTC, *ETH)
    begin_books(venue)
    until(books_are_whole(recorder))
    venue.emit("BTCUSDT", 20)
    until(lambda: trade_ids(recorder, "BTCUSDT")[-1:] == venue.ids("BTCUSDT")[-1:])
    until(lambda: recorder.status()[0].problems == {})
    recorder.close()
    assert trade_ids(recorder, "BTCUSDT") == venue.ids("BTCUSDT")
    gaps = [fact for fact in facts(recorder, "gap") if fact[2] == "book_deltas"]
    assert {symbol for _, symbol, *_ in gaps} == {"BTCUSDT", "ETHUSDT"}
    assert "disconnected" in {detail for *_, detail in gaps}


def test_a_lost_update_hurts_one_instrument_only(venue, start):
    recorder = start()
    venue.expect(*BTC, *ETH)
    begin_books(venue)
    until(books_are_whole(recorder))
    venue.markets["BTCUSDT"].depth()  # never sent
    venue.emit("BTCUSDT", 3, ("depth",))
    until(lambda: recorder.status()[0].resyncs >= 1)
    until(books_are_whole(recorder))
    recorder.close()
    lost = [fact for fact in facts(recorder, "gap") if fact[2] == "book_deltas"]
    assert {symbol for _, symbol, *_ in lost} == {"BTCUSDT"}
    assert venue.paths.count("/api/v3/depth?symbol=ETHUSDT&limit=5000") == 1
    seqs = "select seq_from, seq_to from feed_events where kind = 'gap' and seq_from is not null"
    assert rows(recorder, seqs) == [(103, 104)]


def test_a_wrong_symbol_is_named_and_the_rest_goes_on(venue, start):
    recorder = start("BTCUSDT", "BTCUSDDT")
    venue.expect(*BTC)
    until(lambda: "BTCUSDDT" in recorder.status()[0].problems)
    assert "did you mean BTCUSDT" in recorder.status()[0].problems["BTCUSDDT"]
    venue.emit("BTCUSDT", 10)
    until(lambda: trade_ids(recorder, "BTCUSDT") == list(range(1, 11)))
    recorder.reload(venue.config("BTCUSDT"))
    until(lambda: recorder.status()[0].problems == {})
    recorder.close()
    ((_, symbol, _, detail),) = facts(recorder, "refused")
    assert (symbol, "no such instrument" in detail) == ("BTCUSDDT", True)


def test_a_refused_symbol_is_found_among_the_others(venue, start):
    venue.strict = True
    recorder = start("BTCUSDT", "NONSENSE", "ETHUSDT")
    venue.expect(*BTC, *ETH)
    venue.emit("ETHUSDT", 4)
    until(lambda: trade_ids(recorder, "ETHUSDT") == [1, 2, 3, 4])
    until(lambda: any("NONSENSE" in about for about in recorder.status()[0].problems))
    recorder.close()
    assert {symbol for _, symbol, *_ in facts(recorder, "refused")} == {"NONSENSE"}
    assert venue.connected == 1


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limited"), (418, "banned")])
def test_a_venue_that_wants_to_be_left_alone(venue, start, status, kind):
    venue.rest_status, venue.retry_after = status, 1
    recorder = start("BTCUSDT")
    venue.expect(*BTC)
    begin_books(venue, "BTCUSDT")
    until(lambda: len(facts(recorder, kind)) >= 1)
    calls = len(venue.paths)
    assert calls <= 4
    assert not health(recorder)[0]
    venue.rest_status = None
    until(books_are_whole(recorder, 1))
    until(lambda: health(recorder) == (True, "ok"))


def test_a_venue_that_cannot_be_reached(venue, start):
    venue.refuse = True
    recorder = start("BTCUSDT")
    until(lambda: facts(recorder, "connect_failed"))
    fine, why = health(recorder)
    assert not fine
    assert "connection public" in why
    venue.refuse = False
    venue.expect(*BTC)
    venue.emit("BTCUSDT", 1)
    until(lambda: health(recorder) == (True, "ok"))


def test_a_stop_does_not_wait_for_a_venue_that_does_not_answer(venue, start):
    text = venue.config("BTCUSDT").replace(f"ws://127.0.0.1:{venue.port}", "ws://10.255.255.1")
    recorder = start(text=text)
    time.sleep(0.3)
    began = time.monotonic()
    recorder.close()
    assert time.monotonic() - began < 5


def test_what_cannot_be_read_is_kept_as_it_came(venue, start):
    recorder = start("BTCUSDT")
    venue.expect(*BTC)
    broken = '{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT","t":"x"}}'
    venue.say(broken)
    venue.say('{"stream":"btcusdt@new","data":{"e":"novelty","s":"BTCUSDT"}}')
    venue.say(b"\xff\xfe\x00")
    venue.emit("BTCUSDT", 2)
    until(lambda: trade_ids(recorder, "BTCUSDT") == [1, 2])
    recorder.close()
    (status,) = recorder.status()
    assert (status.malformed, status.unknown) == (2, 1)
    assert len(facts(recorder, "malformed")) == 2
    ((*_, name),) = facts(recorder, "unknown_message")
    assert name == "novelty"
    kept = {bytes(data) for (data,) in rows(recorder, "select data from frames")}
    assert {broken.encode(), b"\xff\xfe\x00"} <= kept


def test_a_reload_adds_and_removes_without_touching_the_rest(venue, start):
    recorder = start("BTCUSDT")
    venue.expect(*BTC)
    begin_books(venue, "BTCUSDT")
    until(books_are_whole(recorder, 1))
    recorder.reload(venue.config("BTCUSDT", "ETHUSDT"))
    venue.expect(*BTC, *ETH)
    begin_books(venue)
    until(books_are_whole(recorder, 2))
    recorder.reload(venue.config("ETHUSDT"))
    until(lambda: venue.subscribed == set(ETH))
    venue.emit("ETHUSDT", 5)
    until(lambda: trade_ids(recorder, "ETHUSDT") == venue.ids("ETHUSDT"))
    until(books_are_whole(recorder, 1))
    assert recorder.status()[0].books_waiting == 0
    recorder.close()
    assert venue.connected == 1
    assert recorder.status()[0].resyncs == 0
    assert venue.paths.count("/api/v3/depth?symbol=BTCUSDT&limit=5000") == 1
    assert {symbol for _, symbol, *_ in facts(recorder, "unsubscribe")} == {"BTCUSDT"}
    # What was given up on purpose is no loss.
    assert facts(recorder, "gap") == []


def test_a_reload_that_cannot_be_used_changes_nothing(venue, start):
    recorder = start("BTCUSDT")
    venue.expect(*BTC)
    with pytest.raises(Invalid, match="restart to change venues"):
        recorder.reload('[[feed]]\nvenue = "okx"\nsymbols = ["BTC-USDT"]')
    with pytest.raises(NotFound, match=r"recorder\.toml:3: feed\.venue: unknown venue"):
        recorder.reload(venue.config("BTCUSDT").replace("binance", "binanse"))
    venue.emit("BTCUSDT", 1)
    until(lambda: trade_ids(recorder, "BTCUSDT") == [1])


def test_a_reload_names_what_needs_a_restart(venue, start):
    recorder = start("BTCUSDT", head="interval_s = 60")
    assert recorder.reload(venue.config("BTCUSDT", "ETHUSDT")) == []
    head = "interval_s = 30\nlake = 'elsewhere'\n[tape]\nsegments_max = 3"
    feed = 'proxy = "http://127.0.0.1:1"\ncompression = true'
    changed = venue.config("BTCUSDT", head=head, feed=feed)
    changed = changed.replace(f"http://127.0.0.1:{venue.port}", "http://127.0.0.1:1")
    of_venue = ["compression of binance", "proxy of binance", "urls.rest of binance"]
    fixed = sorted(["interval_s", "lake", "tape", *of_venue])
    assert sorted(recorder.reload(changed)) == fixed
    # Compared with what runs, not with what was wanted last.
    assert sorted(recorder.reload(changed)) == fixed
    assert recorder.reload(venue.config("BTCUSDT")) == []


def test_an_interrupted_close_does_not_wait_for_the_lake(venue, start, monkeypatch):
    recorder = start("BTCUSDT")
    venue.expect(*BTC)
    moved = []

    class Pressed:
        def stop(self):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Committer, "run_once", lambda *_, **how: moved.append(how))
        patch.setattr(recorder, "_native", Pressed())
        with pytest.raises(KeyboardInterrupt):
            recorder.close()
    assert moved == []


def test_a_failed_venue_does_not_keep_rows_from_the_lake(venue, start, monkeypatch):
    recorder = start("BTCUSDT")
    venue.expect(*BTC)
    moved = []

    class Failed:
        def stop(self):
            raise Unavailable("no space")

    with monkeypatch.context() as patch:
        patch.setattr(Committer, "run_once", lambda *_, **how: moved.append(how))
        patch.setattr(recorder, "_native", Failed())
        with pytest.raises(Unavailable, match="no space"):
            recorder.close()
    assert moved == [{"seal": True}]


def test_a_close_beside_another_committer(start, monkeypatch):
    recorder = start("BTCUSDT")
    moved, run_once = [], Committer.run_once

    def beside(committer, **how):
        moved.append(how)
        if len(moved) < 3:
            raise Conflict("another committer works on these tapes")
        return run_once(committer, **how)

    monkeypatch.setattr(Committer, "run_once", beside)
    recorder.close()
    assert len(moved) == 3


def test_a_tape_that_is_found_while_the_lag_is_told(start, monkeypatch):
    recorder = start("BTCUSDT")
    until(lambda: len(recorder.lag()) >= 2)
    describe = _native.describe_tape

    def found_meanwhile(path):
        recorder._committer._state("trades", path / str(time.monotonic_ns()))
        return describe(path)

    monkeypatch.setattr(_native, "describe_tape", found_meanwhile)
    assert len(recorder.lag()) >= 2


def test_two_of_one_name(venue, start):
    recorder = start("BTCUSDT")
    venue.expect(*BTC)
    with pytest.raises(Conflict, match=r"binance.*\n?.*writer|writes"):
        start("BTCUSDT")
    other = start("BTCUSDT", head='name = "second"')
    venue.expect(*BTC, times=2)
    venue.emit("BTCUSDT", 3, ("trade",))
    until(lambda: trade_ids(recorder, "BTCUSDT") == [1, 1, 2, 2, 3, 3])
    other.close()
    recorder.close()
    assert [kind for kind, *_ in facts(recorder, "recovered")] == []


def test_metrics_and_health(venue, start):
    recorder = start()
    venue.expect(*BTC, *ETH)
    begin_books(venue)
    until(books_are_whole(recorder))
    until(lambda: {"trades", "quotes", "frames"} <= {lag.dataset for lag in recorder.lag()})
    with listening("127.0.0.1:0") as server, serve(recorder, server):
        port = server.server_address[1]
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text = answer.read().decode()
        with urlopen(f"http://127.0.0.1:{port}/health") as answer:
            assert (answer.status, answer.read()) == (200, b"ok\n")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    by_name = {
        sample.name: sample.value
        for family in families.values()
        for sample in family.samples
        if sample.labels.get("venue") == "binance"
    }
    assert by_name["rustonite_feed_frames_total"] >= 6
    assert by_name["rustonite_feed_books_live"] == 2
    assert by_name["rustonite_feed_connections"] == 1
    assert by_name["rustonite_feed_topics"] == 6
    assert families["rustonite_feed_frames"].type == "counter"
    lag = {sample.labels["dataset"] for sample in families["rustonite_lake_rows_waiting"].samples}
    assert {"trades", "quotes", "frames"} <= lag
    assert all(family.documentation for family in families.values())
    for listen in ("nowhere", "127.0.0.1:x", "127.0.0.1:65536"):
        with pytest.raises(Invalid, match="HOST:PORT"):
            listening(listen)
    recorder.close()
    assert "rustonite_feed_frames_total" in metrics(recorder)


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_is_not_there_is_told_without_its_password(venue, start, scheme):
    recorder = start("BTCUSDT", head=f'proxy = "{scheme}://user:s3cret-word@127.0.0.1:1"')
    until(lambda: recorder.status()[0].problems)
    until(lambda: facts(recorder, "connect_failed"))
    assert "s3cret" not in str(recorder.status())
    recorder.close()
    assert "s3cret" not in str(facts(recorder))
    assert venue.connected == 0


CONFIGS = [
    ('nmae = "x"', Invalid, "recorder.toml:1: .*nmae.*did you mean name"),
    ("name = 3", Invalid, "recorder.toml:1: .*name = 3"),
    ("[[feed]]\nvenue = 'binanse'", NotFound, "recorder.toml:2: feed.venue: .*mean binance"),
    ("[[feed]]\nvenue = 'okx'\ndatasets = ['trade']", NotFound, "recorder.toml:3: .*mean trades"),
    ("[[feed]]\nvenue = 'okx'\nsymbols = 'X'", Invalid, "recorder.toml:3: .*sequence"),
    ("[[feed]", Invalid, "recorder.toml:1"),
    ('tapes = ""', Invalid, 'recorder.toml:1: tapes: found "", expected a path'),
    ('name = "x"\nlake = ""', Invalid, 'recorder.toml:2: lake: found "", expected a path'),
]


@pytest.mark.parametrize(("text", "kind", "message"), CONFIGS)
def test_a_wrong_configuration_is_named(memory, text, kind, message):
    with pytest.raises(kind, match=message):
        Recorder(text, lake=memory / "lake", place="recorder.toml")
    assert list(memory.iterdir()) == []
