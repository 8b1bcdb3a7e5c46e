"""What people see meanwhile: one screen on a terminal of any size, lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from rustonite_exec.demo.crew import SYMBOLS, TRADED

if TYPE_CHECKING:
    from types import TracebackType

    from rustonite_exec.demo.watch import Moment

_DRAW_S = 0.2
_LINE_S = 2.0
# Lines of the screen besides the book's levels and the orders.
_FIXED = 13
_LEVELS_MAX, _ORDERS_MAX = 8, 4


class Screen:
    """Shows moments, and says what happens."""

    def __init__(self, console: Console, *, seconds: float) -> None:
        """On a console; `seconds` is how long all of it takes, about."""
        self.console = console
        self._seconds = seconds
        self._began = time.monotonic()
        self._drawn = 0.0
        self._live: Live | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the begin."""
        return time.monotonic() - self._began

    def say(self, head: str, text: str = "", style: str = "bold") -> None:
        """Something that stays to be read."""
        line = Text(f"{head:8} ", style)
        line.append(text, "default")
        self.console.print(line, soft_wrap=True)

    def show(self, moment: Moment) -> None:
        """What goes on, not too often."""
        now = time.monotonic()
        if now - self._drawn < (_DRAW_S if self._live else _LINE_S):
            return
        self._drawn = now
        if self._live is not None:
            wide, high = self.console.size
            lines = picture(moment, self.elapsed, self._seconds, wide, high)
            self._live.update(Group(*lines), refresh=True)
        elif moment.quotes:
            self.console.print(line(moment, self.elapsed), soft_wrap=True, highlight=False)

    def __enter__(self) -> Self:
        """Take the lower part of a terminal."""
        if self.console.is_terminal:
            self._live = Live(
                console=self.console, auto_refresh=False, transient=True, vertical_overflow="crop"
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def line(moment: Moment, elapsed: float) -> str:
    """All of it on one line."""
    quote = moment.quotes.get(TRADED)
    parts = [f"{elapsed:5.1f} s"]
    if quote:
        parts.append(f"{TRADED} {quote['bid_price']:.2f}/{quote['ask_price']:.2f}")
    parts.append(f"{sum(moment.rates.get(name, 0.0) for name in moment.rows):,.0f} rows/s")
    if moment.trader is not None:
        parts.append(f"{len(moment.orders)} orders, {moment.trader['fills']} fills")
        parts.append(f"profit {profit(moment.trader)} USDT")
    parts.append(f"{moment.waiting:,} rows to move into the lake")
    return ", ".join(parts)


def profit(status: dict[str, Any]) -> str:
    """In all, for people."""
    total = status["profit"].get("all")
    return "?" if total is None else f"{float(total):,.2f}"


def picture(moment: Moment, elapsed: float, seconds: float, width: int, height: int) -> list[Text]:
    """The screen, as many lines as there is room for."""
    # One line is left to the cursor.
    room = height - 1 - _FIXED
    orders = max(1, min(_ORDERS_MAX, room // 3))
    levels = max(1, min(_LEVELS_MAX, room - orders))
    title = f"rustonite demo  {elapsed:4.0f} of about {seconds:.0f} s"
    lines = [Text(title, "bold"), Text(), *_markets(moment), Text()]
    lines += [*_book(moment, levels), Text(), *_trading(moment, orders), *_recording(moment)]
    for one in lines:
        one.truncate(width, overflow="ellipsis")
        one.no_wrap = True
    return lines[: height - 1]


def _markets(moment: Moment) -> list[Text]:
    lines = [Text(f"{'':9}{'bid':>10}{'ask':>11}{'spread':>9}{'trades/s':>10}", "dim")]
    for symbol in SYMBOLS:
        quote = moment.quotes.get(symbol)
        if quote is None or not (quote["bid_price"] and quote["ask_price"]):
            lines.append(Text(f"{symbol:9}"))
            continue
        bid, ask = quote["bid_price"], quote["ask_price"]
        spread = (ask - bid) / (ask + bid) * 2e4
        rate = moment.rates.get(symbol, 0.0)
        lines.append(Text(f"{symbol:9}{bid:10.2f}{ask:11.2f}{spread:6.2f} bp{rate:10.1f}"))
    return lines


def _book(moment: Moment, levels: int) -> list[Text]:
    """The best levels side by side; ours are marked."""
    ours = {(one["side"], float(one["price"] or 0)) for one in moment.orders}
    lines = []
    for at in range(levels):
        text = Text()
        for side, found in (("buy", moment.bids), ("sell", moment.asks)):
            price, size = found[at] if at < len(found) else (0.0, 0.0)
            mark = "<" if (side, price) in ours else " "
            cell = f"{size:10.5f} {price:10.2f} {mark}" if price else " " * 23
            text.append(cell, "green" if side == "buy" else "red")
        lines.append(text)
    return lines


def _trading(moment: Moment, most: int) -> list[Text]:
    status = moment.trader
    if status is None:
        return [Text("trader   does not run", "yellow"), *[Text()] * (most + 1)]
    held = ", ".join(f"{float(one['size']):+g} {one['symbol']}" for one in status["positions"])
    times = {part: float(value) for part, value in status["tick_to_order_us"].items()}
    shown = "-" if not times else f"{times['0.5']:,.1f} us, of 1 % above {times['0.99']:,.1f} us"
    lines = [
        Text(f"trader   {status['fills']} fills, profit {profit(status)} USDT, {held or 'flat'}"),
        Text(f"         tick to order {shown}; {status['denials']} denied"),
    ]
    for one in moment.orders[:most]:
        size = f"{float(one['size_filled'] or 0):g}/{float(one['size']):g}"
        price = float(one["price"] or 0)
        lines.append(Text(f"order    {one['side']:4} {size} at {price:.2f} {one['state']}"))
    return lines + [Text()] * (most - len(moment.orders[:most]))


def _recording(moment: Moment) -> list[Text]:
    rates = ", ".join(
        f"{name.removesuffix('_deltas')} {moment.rates.get(name, 0.0):,.0f}" for name in moment.rows
    )
    delay = "-" if moment.delay_ms is None else f"{moment.delay_ms:.1f} ms"
    return [
        Text(f"recorder rows/s: {rates}"),
        Text(f"lake     {moment.waiting:,} rows on tapes alone; venue to us {delay}"),
    ]
