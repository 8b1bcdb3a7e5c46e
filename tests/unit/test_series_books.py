"""Books of moments against a slow and obvious model, in both engines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from query_lake import START, rows
from series_lake import (
    DELTAS,
    ENGINES,
    EVENTS,
    FEW,
    GAP,
    LAST,
    PICTURES,
    SECOND,
    SNAPSHOT,
    lake_of,
    plain,
)

from rustonite_data.errors import Invalid
from rustonite_data.lake import series
from rustonite_data.lake.intervals import Interval

CHANGE = st.fixed_dictionaries({
    "at": st.integers(0, 12),
    "late": st.integers(-2, 2),
    "what": st.sampled_from(["set"] * 6 + ["remove", "clear side", "clear", "picture", "gap"]),
    "side": st.sampled_from(["bid", "ask"]),
    "price": st.integers(1, 5).map(float),
    "size": st.sampled_from([0.0, 1.0, 2.0, 3.0]),
    "symbol": st.sampled_from(["BTC", "ETH"]),
})  # fmt: skip


def deltas(made):
    """Changes as rows, in the order of arrival; a picture is several rows."""
    found = []
    for number, one in enumerate(sorted(made, key=lambda change: change["at"])):
        base = {
            "ts_recv": START + one["at"] * SECOND + number,
            "ts_event": START + (one["at"] + one["late"]) * SECOND,
            "venue": "binance", "symbol": one["symbol"], "seq": number, "position": 0,
            "action": "set", "side": one["side"], "price": one["price"], "size": one["size"],
            "flags": LAST,
        }  # fmt: skip
        nothing = {"price": None, "size": None}
        match one["what"]:
            case "remove":
                found.append({**base, "action": "remove", "size": 0.0})
            case "clear side":
                found.append({**base, "action": "clear", **nothing})
            case "clear":
                found.append({**base, "action": "clear", "side": None, **nothing})
            case "picture":
                prices = {"bid": one["price"], "ask": one["price"] + 1}
                found += [
                    {**base, "side": side, "price": price, "position": place,
                     "flags": SNAPSHOT | (LAST if place else 0)}
                    for place, (side, price) in enumerate(prices.items())
                ]  # fmt: skip
            case "gap":
                found.append({**base, "flags": LAST | GAP})
            case _:
                found.append(base)
    return found


def delta_table(made):
    names = ["ts_recv", "ts_event", "venue", "symbol", "seq", "position", "action", "side",
             "price", "size", "flags"]  # fmt: skip
    return rows(DELTAS, {name: [one[name] for one in made] for name in names})


def model_book(made, at, losses=()):
    """(levels by side, whether it is whole) by symbol; change after change."""
    books = {}
    for symbol in {one["symbol"] for one in made}:
        some = [one for one in made if one["symbol"] == symbol]
        before = [0, *(one["flags"] for one in some)]
        seen = [
            (one, begins(one, flags))
            for one, flags in zip(some, before, strict=False)
            if one["ts_event"] <= at
        ]
        sides, start, whole = {"bid": {}, "ask": {}}, None, False
        for one, first in seen:
            if first:
                sides, start, whole = {"bid": {}, "ask": {}}, one["ts_event"], True
            elif one["flags"] & GAP:
                whole = False
            apply(sides, one)
        lost = [moment for moment in losses if moment <= at and (start is None or moment >= start)]
        if seen:
            books[symbol] = (sides, whole and not lost)
    return books


def begins(one, before):
    """Whether a row begins a picture, after a row with those flags."""
    if one["action"] == "clear" and one["side"] is None:
        return True
    return bool(one["flags"] & SNAPSHOT) and (not before & SNAPSHOT or bool(before & LAST))


def apply(sides, one):
    """What a row does to a book."""
    if one["action"] == "clear":
        if one["side"]:
            sides[one["side"]] = {}
        return
    sides[one["side"]].pop(one["price"], None)
    if one["action"] == "set" and one["size"] > 0:
        sides[one["side"]][one["price"]] = one["size"]


def best_first(sides):
    return [
        (side, level, price, size)
        for side in ("ask", "bid")
        for level, (price, size) in enumerate(
            sorted(sides[side].items(), reverse=side == "bid"), start=1
        )
    ]


def model_rows(made, moments, levels, losses=()):
    for at in moments:
        for symbol, (sides, whole) in sorted(model_book(made, at, losses).items()):
            shown = [row for row in best_first(sides) if levels is None or row[1] <= levels]
            for row in shown or [(None, None, None, None)]:
                yield (at, symbol, *row, whole)


def book_rows(found):
    names = ["ts", "symbol", "side", "level", "price", "size", "complete"]
    return [tuple(row[name] for name in names) for row in plain(found)]


@pytest.mark.parametrize("engine", ENGINES)
@FEW
@given(
    st.lists(CHANGE, min_size=1, max_size=25), st.integers(-3, 14), st.sampled_from([None, 1, 2]),
    st.lists(st.integers(-1, 14), max_size=2),
)  # fmt: skip
def test_book_at_a_moment(scratch, engine, made, at, levels, losses):
    changes, at = deltas(made), START + at * SECOND
    lost = [START + moment * SECOND for moment in losses]
    folder = scratch()
    lake = lake_of(folder, book_deltas=delta_table(changes), feed_events=events(lost))
    found = series.book_at(
        lake, at, symbols=["BTC", "ETH"], levels=levels, events="feed_events", engine=engine
    )
    assert book_rows(found) == list(model_rows(changes, [at], levels, lost))


@pytest.mark.parametrize("engine", ENGINES)
@FEW
@given(
    st.lists(CHANGE, min_size=1, max_size=25), st.integers(-3, 5), st.integers(1, 12),
    st.sampled_from(["1s", "700ms", "5s"]), st.sampled_from([None, 2]),
)  # fmt: skip
def test_sampled_books(scratch, engine, made, first, span, interval, levels):
    changes, start = deltas(made), START + first * SECOND
    end = start + span * SECOND
    lake = lake_of(scratch(), book_deltas=delta_table(changes))
    found = series.books(
        lake, interval, start=start, end=end, symbols=["BTC", "ETH"], levels=levels, engine=engine
    )
    moments = range(start, end, Interval.parse(interval).amount)
    assert book_rows(found) == list(model_rows(changes, moments, levels))


def events(moments):
    count = len(moments)
    return rows(EVENTS, {
        "ts_event": moments, "ts_recv": moments, "venue": ["binance"] * count,
        "kind": ["gap"] * count, "dataset": ["book_deltas"] * count, "flags": [1] * count,
    })  # fmt: skip


def change(at, action="set", side="bid", price=1.0, size=1.0, flags=LAST, position=0):
    moment = START + at * SECOND
    return {
        "ts_recv": moment, "ts_event": moment, "venue": "binance", "symbol": "BTC", "seq": at,
        "position": position, "action": action, "side": side, "price": price, "size": size,
        "flags": flags,
    }  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_books_say_where_the_record_has_gaps(tmp_path, engine):
    made = [
        change(0),
        change(2, flags=SNAPSHOT | LAST),
        change(4, side="ask", price=3.0, flags=GAP | LAST),
        change(6, side="ask", price=4.0),
        change(8, flags=SNAPSHOT | LAST),
    ]
    lake = lake_of(
        tmp_path, book_deltas=delta_table(made), feed_events=events([START + 9 * SECOND])
    )
    asked = {"start": START, "end": START + 11 * SECOND, "symbols": "BTC", "engine": engine}
    found = plain(series.books(lake, "1s", events="feed_events", **asked))
    states = {}
    for row in found:
        second = (row["ts"] - START) // SECOND
        gap = None if row["ts_gap"] is None else (row["ts_gap"] - START) // SECOND
        states[second] = (row["complete"], gap)
    assert states == {
        0: (False, None), 1: (False, None), 2: (True, None), 3: (True, None), 4: (False, 4),
        5: (False, 4), 6: (False, 4), 7: (False, 4), 8: (True, None), 9: (False, 9), 10: (False, 9),
    }  # fmt: skip
    assert plain(series.book_at(lake, START + 10 * SECOND, symbols="BTC", engine=engine))[0][
        "complete"
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_before_the_lookback_is_read(tmp_path, engine):
    made = [change(0, flags=SNAPSHOT | LAST), change(100, side="ask", price=2.0)]
    lake = lake_of(tmp_path, book_deltas=delta_table(made))
    at = START + 101 * SECOND
    whole = plain(series.book_at(lake, at, symbols="BTC", engine=engine))
    assert [(row["side"], row["complete"]) for row in whole] == [("ask", True), ("bid", True)]
    part = plain(series.book_at(lake, at, symbols="BTC", lookback="50s", engine=engine))
    assert [(row["side"], row["complete"]) for row in part] == [("ask", False)]


@pytest.mark.parametrize("engine", ENGINES)
def test_pictures_from_elsewhere(tmp_path, engine):
    """Only of instruments whose changes have none of their own."""
    pictures = rows(PICTURES, {
        "ts_event": [START, START], "ts_recv": [START, START], "venue": ["binance"] * 2,
        "symbol": ["BTC", "ETH"], "seq": [0, 0], "flags": [LAST, LAST],
        "bid_price": [[5.0, 4.0], [9.0]], "bid_size": [[1.0, 2.0], [9.0]],
        "ask_price": [[6.0], []], "ask_size": [[3.0], []],
        "bid_count": [None, [7]], "ask_count": [None, []],
    })  # fmt: skip
    made = [
        change(1, price=5.0, action="remove", size=0.0),
        {**change(1, price=1.0, flags=SNAPSHOT | LAST), "symbol": "ETH"},
    ]
    lake = lake_of(tmp_path, book_deltas=delta_table(made), book_snapshots=pictures)
    found = plain(series.book_at(
        lake, START + 2 * SECOND, symbols=["BTC", "ETH"], snapshots="book_snapshots", engine=engine
    ))  # fmt: skip
    assert [(r["symbol"], r["side"], r["price"], r["size"], r["complete"]) for r in found] == [
        ("BTC", "ask", 6.0, 3.0, True),
        ("BTC", "bid", 4.0, 2.0, True),
        ("ETH", "bid", 1.0, 1.0, True),
    ]


def test_books_that_make_no_sense(tmp_path):
    lake = lake_of(tmp_path, book_deltas=delta_table([change(0)]))
    span = {"start": START, "end": START + SECOND, "symbols": "BTC"}
    for wrong in (
        {"interval": "5t", **span},
        {"interval": "1s", **span, "end": START},
        {"interval": "1s", **span, "levels": 0},
        {"interval": "1s", **span, "lookback": "5v"},
        {"interval": "1s", **span, "start": None},
    ):
        with pytest.raises(Invalid):
            series.books(lake, **wrong)
