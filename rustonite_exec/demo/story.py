"""The demo: who does what when, and what is proven at the end."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from rustonite_exec.demo import proofs, queries
from rustonite_exec.demo.crew import FACTS, REPORT, Crew
from rustonite_exec.demo.report import Marks, page
from rustonite_exec.demo.screen import Screen
from rustonite_exec.demo.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.console import Console

    from rustonite_exec.demo.proofs import Proof

SECONDS = 40.0
# What starts, ends, queries and the report take besides.
_REST_S = 12.0
_LOOK_S = 0.05
# How the time is divided: before, between and after the kills.
_FIRST, _SECOND, _THIRD = 0.4, 0.3, 0.3


def run(console: Console, folder: Path, seconds: float = SECONDS) -> dict[str, Any]:
    """Record, trade, kill, query and tell; the facts, also in the folder.

    Args:
        console: Where to show it.
        folder: Where all of it is kept.
        seconds: How long to watch; the rest takes some ten seconds.

    Raises:
        RustoniteError: somebody did not start or ended; what there is is in the folder.
    """
    with Crew(folder) as crew:
        return _Story(console, crew, seconds).told()


class _Story:
    def __init__(self, console: Console, crew: Crew, seconds: float) -> None:
        self._crew = crew
        self._seconds = seconds
        self._screen = Screen(console, seconds=seconds + _REST_S)
        self._watch = Watch(crew)
        self._venue = proofs.VenueTrades(crew)
        self._proofs: list[Proof] = []
        self._marks = Marks()

    def told(self) -> dict[str, Any]:
        with self._screen:
            self._begin()
            self._watch_for(self._seconds * _FIRST)
            self._kill_recorder()
            self._watch_for(self._seconds * _SECOND)
            self._kill_trader()
            self._watch_for(self._seconds * _THIRD)
        last = self._crew.stop_trader()
        self._screen.say("stop", "the trader: its open orders are cancelled")
        found = queries.answers(self._crew.lake)
        for answer in found:
            self._screen.console.print("\n".join(["", *answer.lines()]), highlight=False)
        self._screen.console.print()
        self._crew.stop_recorder()
        self._screen.say("stop", "the recorder: all rows are in the lake now")
        self._prove(
            *proofs.books_are_the_venues(self._crew, last),
            proofs.trades_are_the_venues(self._crew, self._venue, "at the end"),
            proofs.frames_have_no_holes(self._crew),
        )
        report = self._crew.folder / REPORT
        report.write_text(page(self._crew.lake, self._proofs, found, self._marks), "utf-8")
        return self._facts(report, found, last)

    def _begin(self) -> None:
        crew, say = self._crew, self._screen.say
        say("venue", f"{crew.exchange.address}: speaks like Binance; others trade there, too")
        say(
            "record",
            f"process {crew.record()}: frames, trades, quotes, books; moves them into a lake",
        )
        self._until("no trades were recorded", self._has_trades)
        say("trade", f"process {crew.trade()}: a market maker within risk limits")
        self._until("nothing was traded", lambda: self._fills() > 0)

    def _kill_recorder(self) -> None:
        crew, say = self._crew, self._screen.say
        assert crew.recorder is not None  # noqa: S101 - it was started
        before, pid = proofs.visible(crew), crew.recorder.pid
        killed = self._marks.moments["recorder killed"] = time.time_ns()
        crew.kill("recorder")
        say("kill -9", f"the recorder, process {pid}", "bold red")
        self._prove(*proofs.rows_outlive(crew, before))
        self._prove(proofs.trades_are_the_venues(crew, self._venue, "up to the kill"))
        rows = proofs.visible(crew)["trades"]
        say("record", f"again, process {crew.record()}: goes on after the last row")
        self._until("no trades came", lambda: proofs.visible(crew)["trades"] > rows)
        self._marks.unheard = (killed, time.time_ns())

    def _kill_trader(self) -> None:
        crew, say = self._crew, self._screen.say
        assert crew.trader is not None  # noqa: S101 - it was started
        pid = crew.trader.pid
        self._marks.moments["trader killed"] = time.time_ns()
        crew.kill("trader")
        count = len(self._watch.moment.orders)
        say("kill -9", f"the trader, process {pid}, with {count} open orders", "bold red")
        self._watch.moment.trader = None
        say("trade", f"again, process {crew.trade()}: asks the venue what happened meanwhile")
        self._until("it did not trade again", lambda: self._fills() > 0)
        say("", "its books agree with the venue's, and it trades")

    def _has_trades(self) -> bool:
        return proofs.visible(self._crew)["trades"] > 0

    def _fills(self) -> int:
        status = self._watch.moment.trader
        return 0 if status is None else int(status["fills"])

    def _until(self, what: str, enough: Any) -> None:  # noqa: ANN401 - a function
        self._crew.wait(what, enough, lambda: self._screen.show(self._watch.look()))

    def _watch_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._crew.check()
            self._venue.keep_up()
            self._screen.show(self._watch.look())
            time.sleep(_LOOK_S)

    def _prove(self, *found: Proof) -> None:
        self._proofs += found
        for one in found:
            head, style = ("holds", "bold green") if one.holds else ("FAILS", "bold red")
            self._screen.say(head, f"{one.name}: {one.seen}", style)

    def _facts(
        self, report: Path, found: Iterable[queries.Answer], last: dict[str, Any]
    ) -> dict[str, Any]:
        facts = {
            "ok": all(one.holds for one in self._proofs),
            "seconds": round(self._screen.elapsed, 1),
            "folder": str(self._crew.folder),
            "report": str(report),
            "lake": str(self._crew.folder / "lake"),
            "fills": last["fills"],
            "profit": last["profit"].get("all"),
            "proofs": [vars(one) for one in self._proofs],
            "queries": [
                {"title": one.title, "ms": round(one.milliseconds, 1), "rows": len(one.rows)}
                for one in found
            ],
        }
        (self._crew.folder / FACTS).write_text(json.dumps(facts, indent=2) + "\n")
        return facts
