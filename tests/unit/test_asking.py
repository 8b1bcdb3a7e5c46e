"""Orders in the words of the native side."""

from __future__ import annotations

import inspect
from decimal import Decimal
from typing import Any

import pytest

from rustonite_data.errors import Invalid
from rustonite_exec import Broker
from rustonite_exec.asking import NewOrder, exits, worded

SHARED: dict[str, Any] = {"venue": "binance", "tags": "a,b"}
NO_STOP: dict[str, Any] = {"stop": None, "stop_limit": None, "trail": None}


def test_an_order_has_the_same_sides_wherever_it_is_written() -> None:
    def sides(call: Any) -> list[tuple[Any, ...]]:
        parameters = inspect.signature(call).parameters.values()
        named = [one for one in parameters if one.name != "self"]
        return [(one.name, one.kind, one.default, one.annotation) for one in named]

    assert sides(NewOrder) == sides(worded) == sides(Broker.submit)


def test_exits_are_a_target_and_a_stop() -> None:
    target, stop = exits(
        "BTCUSDT", "sell", "0.01", 61_000, stop="58000", stop_limit="57900", trail=None,
        trail_unit="price", limit_offset=None, trigger_by="mark", **SHARED,
    )  # fmt: skip
    assert (target["kind"], target["price"], target["trigger"]) == ("limit", "61000", None)
    assert (stop["kind"], stop["price"], stop["trigger"]) == ("stop_limit", "57900", "58000")
    assert stop["trigger_by"] == "mark"
    for order in (target, stop):
        shared = [order[name] for name in ("symbol", "side", "size", "venue", "tags")]
        assert shared == ["BTCUSDT", "sell", "0.01", "binance", "a,b"]


def test_exits_may_be_there_to_reduce_alone() -> None:
    words: dict[str, Any] = {"stop": "58000", "stop_limit": None, "trail": None, **SHARED}
    for asked_for, flags in ((False, []), (True, ["reduce_only"])):
        both = exits("BTCUSDT", "sell", 1, "61000", reduce_only=asked_for, **words)
        assert [order["flags"] for order in both] == [flags, flags]


def test_a_stop_may_trail_and_end_in_a_limit() -> None:
    words: dict[str, Any] = {
        "stop": None,
        "stop_limit": None,
        "trail": 50,
        "trail_unit": "bps",
        "trigger_by": "mid",
    }
    (stop,) = exits("BTCUSDT", "sell", 1, None, limit_offset=Decimal(20), **words, **SHARED)
    assert (stop["kind"], stop["trail"], stop["trail_unit"]) == ("trailing_stop_limit", "50", "bps")
    assert (stop["limit_offset"], stop["price"]) == ("20", None)


def test_without_a_target_or_a_stop_there_is_no_such_order() -> None:
    assert exits("BTCUSDT", "sell", 1, None, **NO_STOP, **SHARED) == []
    (target,) = exits("BTCUSDT", "sell", 1, "61000", **NO_STOP, **SHARED)
    assert target["price"] == "61000"


def test_a_float_is_no_exact_number() -> None:
    with pytest.raises(Invalid, match="trigger: found the float"):
        exits("BTCUSDT", "sell", 1, None, **NO_STOP | {"stop": 0.1}, **SHARED)


def test_an_order_has_a_size_or_is_for_so_much_money() -> None:
    order = NewOrder("BTCUSDT", "buy", size_quote="500", stp="decrement").asked()
    assert (order["size"], order["size_quote"], order["kind"]) == (None, "500", "market")
    assert (order["stp"], order["position_side"]) == ("decrement", None)
    with pytest.raises(Invalid, match="size: found neither of size and size_quote"):
        NewOrder("BTCUSDT", "buy").asked()
    with pytest.raises(Invalid, match="size: found both of size and size_quote"):
        NewOrder("BTCUSDT", "buy", 1, size_quote=500).asked()


def test_exits_are_of_the_position_that_they_close() -> None:
    words = NO_STOP | {"stop": "58000", "position_side": "long"}
    orders = exits("BTCUSDT", "sell", 1, "61000", **words, **SHARED)
    assert [one["position_side"] for one in orders] == ["long", "long"]
