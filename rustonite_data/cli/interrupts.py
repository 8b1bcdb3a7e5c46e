"""Ctrl-C ends a command within a second, whatever it is doing.

Python looks at signals between its own instructions only, some libraries do not return to it for
long, and a signal that comes just before Python waits for a key is seen after the key. So a thread
watches: it repeats a signal that nobody has noticed, and when that does not help, the process ends
as if it was killed, which everything here is made for.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

INTERRUPTED = 130
_REPEAT_S = 0.2


class CtrlC:
    """What is known of the key."""

    def __init__(self) -> None:
        """Nobody has pressed it so far."""
        self.pressed = False
        """Whether it was pressed; any error after that is a consequence."""
        self.patience_s = 0.8
        """After how long the process ends."""
        self.ends_imports = True
        """Whether it ends at once while something is imported."""
        self._noticed = threading.Event()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch for it; does nothing for a program that has its own way with the signal."""
        before = signal.getsignal(signal.SIGINT)
        in_main = threading.current_thread() is threading.main_thread()
        self.pressed = False
        # Our own program begins with the system's way, so that nothing is told before this.
        if not in_main or before not in (signal.default_int_handler, signal.SIG_DFL):
            yield
            return
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        earlier = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(reading,), daemon=True).start()
        try:
            signal.signal(signal.SIGINT, self._press)
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            signal.set_wakeup_fd(earlier)
            os.close(writing)

    def give_up(self) -> None:
        """Raise, from a handler of one's own, for somebody who does not want to wait."""
        self.pressed = True
        self._noticed.set()
        raise KeyboardInterrupt

    def leave(self) -> None:
        """End the process at once, if the key ended the command.

        Threads of libraries may be at work still, and crash when Python takes itself apart.
        """
        if self.pressed:
            for stream in (sys.stdout, sys.stderr):
                # It may be at work at this moment.
                with suppress(OSError, ValueError, RuntimeError):
                    stream.flush()
            os._exit(INTERRUPTED)

    def notice(self) -> None:
        """Say that a handler of one's own has seen the signal, and that the command will end."""
        self._noticed.set()

    def _press(self, _number: int, frame: FrameType | None) -> None:
        self.pressed = True
        # What is being imported may take an error for something else, or swallow it.
        if self.ends_imports and _imports(frame):
            self.leave()
        self.give_up()

    def _watch(self, reading: int) -> None:
        while numbers := os.read(reading, 64):
            if signal.SIGINT not in numbers:
                continue
            end = time.monotonic() + self.patience_s
            while not self._noticed.wait(_REPEAT_S):
                if time.monotonic() > end:
                    os._exit(INTERRUPTED)
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            self._noticed.clear()
            _drain(reading)
        os.close(reading)


def _imports(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _drain(reading: int) -> None:
    """Forget what came meanwhile: it was noticed, too."""
    while select.select([reading], [], [], 0)[0] and os.read(reading, 64):
        pass


CTRL_C = CtrlC()


@contextmanager
def ended(*, reload: Callable[[], None] | None = None) -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set: what runs for long ends in good order by it.

    What a service manager sends is no failure. A second Ctrl-C ends at once. SIGHUP calls `reload`;
    without one it is a terminal that was closed, and ends it, too, unless `nohup` was asked not to.
    """
    event = threading.Event()

    def end(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and reload is not None:
            reload()
            return
        if number == signal.SIGINT:
            CTRL_C.notice()
            if event.is_set():
                CTRL_C.give_up()
        event.set()

    hears_hup = reload is not None or signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hears_hup else [])]
    before = [(number, signal.signal(number, end)) for number in numbers]
    try:
        yield event
    finally:
        for number, handler in before:
            signal.signal(number, handler)
