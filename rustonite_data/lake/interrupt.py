"""Calls into engines that do not look for Ctrl-C themselves."""

from __future__ import annotations

import os
import queue
import threading
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# How long Ctrl-C waits for an engine to give up.
_CANCEL_S = 0.9
_AGAIN_S = 0.05
# How often a wait looks for signals.
_LOOK_S = 0.1


class _Worker:
    """A thread that makes one call after the other. A new thread for each would cost more."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="rustonite-query", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._calls.get()()

    def submit(self, call: Callable[[], None]) -> None:
        """Make a call, when those before it are done."""
        self._calls.put(call)


_idle: list[_Worker] = []


def interruptible(call: Callable[[], T], cancel: Callable[[], object]) -> T:
    """The result of `call`, made so that Ctrl-C calls `cancel` and then raises at once.

    Only the main thread gets signals, so elsewhere it is a plain call.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    results: list[T] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            errors.append(error)
        done.set()

    # A forked child has the list, but not the thread.
    worker = _idle.pop() if _idle and _idle[-1].process == os.getpid() else _Worker()
    try:
        worker.submit(work)
        # Not for ever at once: once Polars is imported, signals do not end a wait.
        while not done.wait(_LOOK_S):
            pass
    except BaseException:
        # Engines stop only what runs, and the call may not have begun.
        end = time.monotonic() + _CANCEL_S
        cancel()
        while not done.wait(_AGAIN_S) and time.monotonic() < end:
            cancel()
        raise
    _idle[:] = [worker]
    if errors:
        raise errors[0]
    return results[0]
