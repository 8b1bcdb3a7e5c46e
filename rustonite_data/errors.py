"""One exception class per kind of failure; the kind says what the caller should do.

Every class derives from `RustoniteError` and, where Python has a natural counterpart, from that
too. `kind` is the name of the class; `retryable` says whether the same call may succeed later with
nothing changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from decimal import Decimal


class RustoniteError(Exception):
    """Base of every error that rustonite raises."""

    retryable: ClassVar[bool] = False

    @property
    def kind(self) -> str:
        """Name of the kind, the same in Rust, Python and logs."""
        return type(self).__name__


class Invalid(RustoniteError, ValueError):
    """The input is wrong: fix the call, the file or the configuration."""


class NotFound(RustoniteError, LookupError):
    """The named thing does not exist: check the name or the path."""


class Conflict(RustoniteError):
    """Somebody else holds it or was there first: stop, or work on another one."""


class Unavailable(RustoniteError):
    """A resource is away or used up (disk, network, consumer): free it or wait, then retry."""

    retryable: ClassVar[bool] = True


class Corrupt(RustoniteError):
    """Stored bytes are not what was written: do not trust them; run `rustonite tape verify`."""


class RiskRejected(RustoniteError):
    """A pre-trade check said no: the order was not sent."""

    limit: Decimal | None = None
    """The limit, in the unit of the code; `None` if the check is not a number."""
    value: Decimal | None = None
    """The value that met it."""
    market_seq: int | None = None
    """Row of the market's tape that the decision had seen; `None` where no market data was used."""

    @property
    def code(self) -> str:
        """What said no, by its stable code; the text has scope and key of the limit, too."""
        return str(self).partition(":")[0]


class VenueRejected(RustoniteError):
    """The venue said no."""


class Closed(RustoniteError):
    """The object was closed, or belongs to the process this one was forked from: open a new one."""


class Internal(RustoniteError):
    """A bug in rustonite: stop trading, then report it."""
