"""Calls into engines that do not look for Ctrl-C themselves."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_CANCEL_S = 0.9


def interruptible(call: Callable[[], T], cancel: Callable[[], object]) -> T:
    """The result of `call`, run so that Ctrl-C calls `cancel` and then raises at once.

    Only the main thread gets signals, so elsewhere it is a plain call.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    results: list[T] = []
    errors: list[BaseException] = []
    # Not `Thread.join`: once interrupted, it takes the thread for ended.
    done = threading.Event()

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            errors.append(error)
        done.set()

    threading.Thread(target=work, name="rustonite-query", daemon=True).start()
    try:
        done.wait()
    except BaseException:
        cancel()
        done.wait(_CANCEL_S)
        raise
    if errors:
        raise errors[0]
    return results[0]
