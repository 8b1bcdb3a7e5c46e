"""The trader: market data on tapes in, orders out, with risk and a journal in between."""

from __future__ import annotations

import importlib
import json
import logging
import socket
import struct
import sys
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Thread
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from rustonite_data import _native
from rustonite_data.config import about, read, table_of
from rustonite_data.errors import Conflict, Invalid, NotFound, Unavailable
from rustonite_data.hints import near
from rustonite_exec.past import tapes_of
from rustonite_exec.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Beat = Callable[[dict[str, Any], list[str]], bool]

_LOG = logging.getLogger(__name__)
TAPES_ARE_IN = "tapes.path"
"""A file in the journal's folder: where its tapes are, and below it the name that they have."""
_MARKS = {TAPES_ARE_IN, "control", "orders", "switches.json"}
_DATASETS = ("quotes", "trades")
_BUILT_IN = ("market-maker", "ema-cross")
_PATIENCE_S = 5.0
_FRAMES_MAX = 5
_IMPORTED_BY = {"pl": "polars", "arrow": "pyarrow"}
# Files whose lines tell nobody where their own mistake is.
_NOT_THEIRS = ("<frozen ", *(f"{Path(path).parent}/" for path in (__file__, _native.__file__)))


class Trader:
    """A trader, made of its configuration and run once.

    Example:
        >>> trader = Trader("trader.toml")  # doctest: +SKIP
        >>> trader.run()  # doctest: +SKIP
    """

    def __init__(self, config: str | Path, strategy: Strategy | None = None) -> None:
        """Read the configuration; nothing is opened yet.

        Args:
            config: Path of `trader.toml`.
            strategy: Who decides, instead of the configuration's `strategy.run`.

        Raises:
            Invalid: a configuration that cannot be used, or a strategy that is none.
            NotFound: the strategy's module or class.
        """
        self._place = str(config)
        self._text = read(Path(config), "a trader's configuration")
        with about(self._place):
            facts = json.loads(_native.trader_config(self._text, self._place))
        self.name: str = facts["name"]
        self.journal = Path(facts["journal"])
        self.tapes = Path(facts["tapes"])
        self.keeps_orders = table_of(self._text, self._place).get("on_stop") == "keep"
        """Whether orders stay open at the end."""
        self._strategy = strategy
        if strategy is None and not facts["is_built_in"]:
            self._strategy = _load(facts["run"], Path(config))
        if self._strategy is not None:
            self._strategy.settings = facts["settings"]

    def markets_without_tapes(self) -> list[tuple[str, Path]]:
        """Venues that nobody has recorded so far, with the folders where their tapes are to be."""
        folder = Path(self._place).parent
        markets = [
            (market["venue"], folder / market["tapes"], market.get("datasets", _DATASETS))
            for market in table_of(self._text, self._place)["market"]
        ]
        return [
            (venue, tapes)
            for venue, tapes, datasets in markets
            if not any(tape for one in datasets for tape in tapes.glob(f"{one}/*/tape.toml"))
        ]

    def run(self, beat: Beat | None = None) -> None:
        """Trade until Ctrl-C, or until `beat` returns false.

        Args:
            beat: Called some twenty times a second with the status and with what a person should
                know since the last time. Without one that is logged, as warnings.

        Raises:
            Unavailable: a venue, the journal or a tape of market data.
            Closed: the strategy failed; its exception is the cause, and its switch is thrown.
        """
        if self._strategy is not None:
            import_frames(self._strategy)
        with about(self._place), TemporaryDirectory(prefix="rustonite-past-") as folder:
            past = partial(tapes_of, Path(folder))
            native = _native.NativeTrader(self._text, self._place, past)
        # For those who look at a journal whose tapes are elsewhere, beside those of others.
        (self.journal / TAPES_ARE_IN).write_text(f"{self.tapes.resolve()}\n{self.name}\n")
        try:
            native.run(self._strategy, _logged if beat is None else partial(_asked, beat))
        finally:
            broker = getattr(self._strategy, "broker", None)
            if broker is not None:
                broker.close()


def _logged(_status: str, notices: list[str]) -> bool:
    for notice in notices:
        _LOG.warning(notice)
    return True


def _asked(beat: Beat, status: str, notices: list[str]) -> bool:
    answer = beat(json.loads(status), notices)
    if not isinstance(answer, bool):
        raise TypeError(f"beat returned {answer!r}, expected True to go on or False to end")
    return answer


def _load(run: str, config: Path) -> Strategy:
    """The strategy that `module:Class` names; modules beside the configuration are found, too."""
    place = f"{config}: strategy.run"
    module, colon, name = run.partition(":")
    if not colon:
        meant = near(run, _BUILT_IN)
        expected = f"module:Class, {' or '.join(_BUILT_IN)}"
        raise Invalid(f"{place}: found {run!r}, expected {expected}{'; ' if meant else ''}{meant}")
    sys.path.insert(0, str(config.parent.resolve()))
    try:
        found = getattr(importlib.import_module(module), name, None)
        made = found() if isinstance(found, type) and issubclass(found, Strategy) else None
    except (Exception, SystemExit) as error:
        is_missing = isinstance(error, ModuleNotFoundError)
        what = str(error) if is_missing else f"{type(error).__name__}: {error}"
        kind = NotFound if is_missing else Invalid
        raise kind(f"{place}: {run}: {what}{raised_at(error)}") from error
    finally:
        sys.path.pop(0)
    if found is None:
        raise NotFound(f"{place}: {run}: module {module!r} has no {name}")
    if made is None:
        raise Invalid(f"{place}: {run} is no subclass of rustonite_exec.Strategy")
    return made


def import_frames(strategy: Strategy) -> None:
    """Import what `rows.pl()` and `rows.arrow()` need, if the strategy's own modules call them.

    The first call would do it, and takes longer than a call may. Half a second and 40 MB are too
    much for those who call neither.
    """
    classes = [one for one in type(strategy).__mro__ if not issubclass(Strategy, one)]
    modules = filter(None, (sys.modules.get(one.__module__) for one in classes))
    scopes = [vars(one) for one in (*classes, *modules)]
    codes = [
        one.__code__ for scope in scopes for one in scope.values() if isinstance(one, FunctionType)
    ]
    named = {name for code in codes for name in _names_in(code)}
    for name in named & _IMPORTED_BY.keys():
        with suppress(ImportError):  # whoever calls it is told
            importlib.import_module(_IMPORTED_BY[name])


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _names_in(one)


def raised_at(error: BaseException | None) -> str:
    """Where in a strategy's own files something was raised, innermost first, as words to add."""
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    theirs = [one for one in frames if not one.filename.startswith(_NOT_THEIRS)]
    places = [f"{one.filename}:{one.lineno} in {one.name}" for one in theirs[-_FRAMES_MAX:]]
    return f"; at {', '.join(reversed(places))}" if places else ""


def ask(
    journal: str | Path, request: dict[str, Any], *, patience_s: float = _PATIENCE_S
) -> dict[str, Any] | None:
    """Ask a running trader something; `None` if none runs on that journal.

    Raises:
        Conflict: the trader says no.
        Unavailable: it does not answer within `patience_s`; what was asked may be done later.
    """
    # On a thread of its own, so that Ctrl-C gets through.
    answers: SimpleQueue[str | Exception | None] = SimpleQueue()
    asked = (answers, Path(journal), json.dumps(request))
    Thread(target=_ask, args=asked, name="rustonite-ask", daemon=True).start()
    try:
        line = answers.get(timeout=patience_s)
    except Empty:
        process = _process_of(Path(journal)) or "PID"
        raise Unavailable(
            f"{journal}: the trader does not answer: most likely its strategy does not come back "
            f"from a call; `kill -USR1 {process}` cancels all orders without it"
        ) from None
    if isinstance(line, Exception):
        raise line
    if line is None:
        return None
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise Conflict(answer["error"])
    return answer


def _ask(answers: SimpleQueue[str | Exception | None], journal: Path, line: str) -> None:
    try:
        answers.put(_native.trader_ask(journal, line))
    except Exception as error:  # noqa: BLE001 - raised by who waits
        answers.put(error)


def _process_of(journal: Path) -> int | None:
    """The process that listens at a journal's socket, if that can be told."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(1)
        caller.connect(str(journal / "control"))
        who = caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        process: int = struct.unpack("3i", who)[0]
        return process
    return None


def kill(
    journal: str | Path, scope: str = "all", name: str = "", *, flatten: bool = False
) -> dict[str, Any] | None:
    """Throw a kill switch: only cancels are let through until it is put back.

    A running trader cancels what is open under it, again and again until nothing is left; without
    one the next begins with the switch thrown and does so.

    Args:
        journal: Folder of the trader's journal.
        scope: `all`, or what `name` is of: `venue`, `account`, `strategy`, `instrument`, `order`.
        name: Which one.
        flatten: Close the positions, too, by reduce-only orders at the market. Until they are flat,
            orders that shrink them are let through.

    Returns:
        How many orders are `cancelled` already, and what is `left`: how many are `open` and `why`,
        those of `others`, `positions` that are still to be closed. `None` if no trader ran.

    Raises:
        NotFound: it is no journal; a switch that nobody reads would stop nothing.
        Conflict: the trader knows nothing of that name.
        Unavailable: the trader does not answer; it may still do so.
        Invalid: no trader runs, and the last one there knew nothing of that name.
    """
    if not is_journal(Path(journal)):
        raise NotFound(f"{journal}: no journal of a trader")
    request = {"do": "kill", "scope": scope, "name": name, "flatten": flatten}
    answer = ask(journal, request)
    if answer is None:
        _native.trader_kill(Path(journal), scope, name, flatten)
        # One that has begun meanwhile may have read its switches just before.
        answer = ask(journal, request)
    return answer


def resume(
    journal: str | Path, scope: str = "all", name: str = "", *, offline: bool = False
) -> dict[str, Any]:
    """Put the switches of a scope back, thrown by a person or by a rule.

    Args:
        journal: Folder of the trader's journal.
        scope: `all`, or what `name` is of: `venue`, `account`, `strategy`, `instrument`, `order`.
        name: Which one.
        offline: Do so where no trader runs, too: the next one begins with them put back.

    Returns:
        How many `switches` were put back, and which are still `thrown`.

    Raises:
        NotFound: it is no journal, or no trader runs and `offline` is not said.
        Conflict: the trader knows nothing of that name.
        Unavailable: the trader does not answer; it may still do so.
        Invalid: no trader runs, and the last one there knew nothing of that name.
    """
    if not is_journal(Path(journal)):
        raise NotFound(f"{journal}: no journal of a trader")
    answer = ask(journal, {"do": "resume", "scope": scope, "name": name})
    if answer is not None:
        return answer
    if not offline:
        raise NotFound(f"no trader runs on {journal}: start it, or say --offline for the next one")
    told: dict[str, Any] = json.loads(_native.trader_resume(Path(journal), scope, name))
    return told


def is_journal(folder: Path) -> bool:
    """Whether a folder is a trader's journal, or an empty one that the next trader may have.

    Example:
        >>> is_journal(folder), is_journal(folder / "elsewhere")
        (True, False)
    """
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return not names or bool(names & _MARKS)
