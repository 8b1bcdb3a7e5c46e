"""State of order-by-order books that a feed leaves to its readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rustonite_data.lake.imports.arrays import last_of, place_in

if TYPE_CHECKING:
    from rustonite_data.lake.imports.arrays import Mask

Ints = np.ndarray[Any, np.dtype[np.int64]]


class OrderSizes:
    """Follows orders over any number of blocks. Holds one number per order in the book."""

    def __init__(self) -> None:
        """No order is known yet."""
        self._left: dict[tuple[int, int], int] = {}

    def after(self, book: Ints, order: Ints, sets: Mask, size: Ints) -> tuple[Ints, Mask]:
        """Size of the order after each event, and whether it is known.

        Args:
            book: Which book the order is in.
            order: Its id.
            sets: Whether the event sets the size; otherwise it takes `size` away.
            size: That size, 0 where it does not change.
        """
        if not len(order):
            return order, np.zeros(0, bool)
        by_order = np.lexsort((order, book))
        book, order, sets = book[by_order], order[by_order], sets[by_order]
        first = np.append(True, (np.diff(order) != 0) | (np.diff(book) != 0))
        rows = np.arange(len(order))
        begin = np.maximum.accumulate(np.where(first, rows, 0))
        keys = list(zip(book[first].tolist(), order[first].tolist(), strict=True))
        before = [self._left.get(key, -1) for key in keys]
        # What each row counts down from: the last set of its order, or what earlier blocks left.
        base = np.maximum.accumulate(np.where(sets, rows, -1))
        from_set = base >= begin
        taken = np.cumsum(np.where(sets, 0, size[by_order]))
        group = np.cumsum(first) - 1
        carried = np.array(before, np.int64)[group]
        start = np.where(from_set, size[by_order][base], carried)
        at = np.where(
            from_set, taken[base], taken[begin] - np.where(sets, 0, size[by_order])[begin]
        )
        left = start - (taken - at)
        known = (from_set | (carried >= 0)) & (left >= 0)
        self._keep(keys, left, known, last_of(first))
        back = np.empty_like(by_order)
        back[by_order] = rows
        return left[back], known[back]

    def _keep(self, keys: list[tuple[int, int]], left: Ints, known: Mask, last: Mask) -> None:
        ended = zip(keys, left[last].tolist(), known[last].tolist(), strict=True)
        for key, size, is_known in ended:
            if is_known and size > 0:
                self._left[key] = size
            else:
                self._left.pop(key, None)


class Places:
    """Place of each record within its event, where only the last record of an event is marked."""

    def __init__(self) -> None:
        """No event is open."""
        self._open: dict[int, int] = {}

    def of(self, book: Ints, last: Mask) -> Ints:
        """Places from 0. Events of different books may lie between each other."""
        by_book = np.argsort(book, kind="stable")
        book, last = book[by_book], last[by_book]
        first = np.append(True, np.diff(book) != 0)
        starts = first | np.append(True, last[:-1])
        place = place_in(starts)
        # An event that began in an earlier block goes on in the first run of its book.
        begun = np.array([self._open.get(key, 0) for key in book[first].tolist()], np.int64)
        first_run = (np.cumsum(starts) - np.cumsum(starts)[first][np.cumsum(first) - 1]) == 0
        place += np.where(first_run, begun[np.cumsum(first) - 1], 0)
        end = last_of(first)
        ended = zip(book[end].tolist(), place[end].tolist(), last[end].tolist(), strict=True)
        self._open |= {key: 0 if is_last else at + 1 for key, at, is_last in ended}
        back = np.empty_like(place)
        back[by_book] = place
        return back
