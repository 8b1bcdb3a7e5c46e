"""Parts of the demo: what its plots, its page and its screen make of numbers."""

import time
from xml.etree import ElementTree as ET

import pytest

from rustonite_exec.demo.plots import Plot, thinned, ticks
from rustonite_exec.demo.screen import picture
from rustonite_exec.demo.watch import Moment

STATUS = {
    "fills": 12, "denials": 0, "profit": {"all": "1.25"},
    "tick_to_order_us": {"0.5": 5.0, "0.99": 9.0},
    "positions": [{"size": "0.01", "symbol": "BTCUSDT"}],
}  # fmt: skip


def parsed(svg):
    return ET.fromstring(svg)  # noqa: S314 - our own text


def moment():
    quote = {"bid_price": 59_999.5, "ask_price": 60_000.5}
    levels = [(60_000.0 - at, 1.0) for at in range(30)]
    orders = [
        {"side": "buy", "size": 0.01, "size_filled": 0, "price": 60_000.0 - at, "state": "accepted"}
        for at in range(9)
    ]
    rows = dict.fromkeys(("frames", "trades", "quotes", "book_deltas"), 1_000_000)
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    return Moment(
        rates=dict.fromkeys([*rows, *symbols], 123_456.0), rows=rows, delay_ms=0.2,
        quotes=dict.fromkeys(symbols, quote), bids=levels, asks=levels, orders=orders,
        trader=STATUS,
    )  # fmt: skip


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 20), (40, 10), (200, 60)])
@pytest.mark.parametrize("what", [moment(), Moment()], ids=["busy", "empty"])
def test_a_screen_fits(what, width, height):
    lines = picture(what, 12.0, 60.0, width, height)
    assert len(lines) < height
    assert all(len(line.plain) <= width for line in lines)


def test_own_orders_are_marked_in_the_book():
    text = "\n".join(line.plain for line in picture(moment(), 1.0, 60.0, 80, 24))
    assert "60000.00 <" in text
    assert "12 fills, profit 1.25 USDT, +0.01 BTCUSDT" in text


def test_a_plot_is_sound_svg_within_its_frame():
    plot = Plot("a < b", "s", "USDT")
    xs = [at / 10 for at in range(5_000)]
    plot.line(xs, [60_000 + (at % 7) for at in range(5_000)], "one", "mid & more")
    plot.dots([(3.0, 60_001.0), (400.0, 60_005.0)], "buy", "bought", "up")
    plot.mark(250.0, "killed")
    root = parsed(plot.svg())
    points = [pair.split(",") for pair in root.find("polyline").get("points").split()]
    assert 100 < len(points) <= 600
    assert all(0 <= float(x) <= plot.width and 0 <= float(y) <= plot.height for x, y in points)
    assert len(root.findall("polygon")) == 2
    assert "killed" in {text.text for text in root.findall("text")}


def test_a_line_is_broken_where_nothing_is_known():
    plot = Plot("a", "s", "b")
    plot.hole(2.0, 4.0)
    plot.line([0.0, 1.0, 2.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0, 5.0], "one", "x")
    root = parsed(plot.svg())
    parts = [line.get("points").split() for line in root.findall("polyline")]
    assert [len(part) for part in parts] == [3, 2]
    assert root.find("rect[@class='hole']") is not None


def test_plots_of_nothing_and_of_one_value():
    assert "nothing to show" in Plot("a", "b", "c").svg()
    plot = Plot("a", "b", "c")
    plot.line([1.0], [5.0], "one", "x")
    parsed(plot.svg())
    bars = Plot("a", "b", "c")
    bars.bars([(1.0, 2.0, 3.0)])
    assert parsed(bars.svg()).find("rect[@height]") is not None


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1e-9, 1e-9), (59_999, 60_001), (-5, 1e7)])
def test_ticks_are_few_and_inside(low, high):
    found = ticks(low, high)
    assert 2 <= len(found) <= 7
    assert all(low <= one <= high for one in found)


def test_thinning_keeps_peaks_and_order():
    points = [(float(at), 100.0 if at == 777 else float(at % 3)) for at in range(10_000)]
    kept = thinned(points, 600)
    assert len(kept) <= 600
    assert (777.0, 100.0) in kept
    assert kept == sorted(kept)


def test_a_moment_costs_little_to_draw():
    began = time.process_time()
    for _ in range(100):
        picture(moment(), 1.0, 60.0, 80, 24)
    assert time.process_time() - began < 1.0
