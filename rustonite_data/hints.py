"""What may have been meant by a word that is not known."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def near(word: str, known: Iterable[str]) -> str:
    """The nearest known word as a question; nothing if none is near.

    Example:
        >>> near("trade", ["quotes", "trades"])
        'did you mean trades?'
    """
    found = difflib.get_close_matches(word, list(known), 1)
    return f"did you mean {found[0]}?" if found else ""


def hint(word: str, known: Iterable[str]) -> str:
    """The nearest known word, or all of them.

    Example:
        >>> hint("trade", ["quotes", "trades"]), hint("x", ["quotes", "trades"])
        ('did you mean trades?', 'there are quotes, trades')
    """
    words = list(known)
    return near(word, words) or f"there are {', '.join(words) or 'none so far'}"
