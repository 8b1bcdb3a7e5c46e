"""Values that a caller binds to SQL text, in forms that every engine takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from rustonite_data.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable

Parameters = Mapping[str, Any] | Sequence[Any] | None

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - times of the lake have no zone and are UTC
_MICROSECOND_NS = 1_000


def nanoseconds(what: str, value: Any) -> int | None:  # noqa: ANN401 - any way to write a moment
    """A moment as nanoseconds since 1970 in UTC; `None` stays.

    Takes whole nanoseconds, `datetime` and `date` (UTC if without a zone), numpy and pandas times,
    and ISO text with up to nine digits of a second.

    Example:
        >>> nanoseconds("start", "1970-01-01T00:00:00.000000001")
        1
    """
    if value is None:
        return None
    if isinstance(value, str):
        return _parse(what, value)
    found = _numpy_nanoseconds(value)
    if found is None and isinstance(value, datetime):
        found = _datetime_nanoseconds(value)
    elif found is None and isinstance(value, date):
        found = (value - _EPOCH.date()).days * 86_400 * 10**9
    elif found is None and isinstance(value, int) and not isinstance(value, bool):
        found = value
    if found is None:
        message = "expected nanoseconds, a datetime, a date or ISO text"
        raise Invalid(f"{what}: found {value!r}, {message}")
    if not -(2**63) <= found < 2**63:
        raise Invalid(f"{what}: found {value!r}, expected a time from 1678 to 2262")
    return found


def _datetime_nanoseconds(value: Any) -> int:  # noqa: ANN401 - also of pandas
    # A time of pandas is a `datetime` that has nanoseconds besides.
    if hasattr(value, "as_unit"):
        return int((value.tz_convert(None) if value.tzinfo else value).as_unit("ns").value)
    whole = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    since = whole - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    return int(seconds * 10**9 + since.microseconds * _MICROSECOND_NS)


def _parse(what: str, text: str) -> int:
    head, dot, tail = text.strip().partition(".")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    try:
        moment = datetime.fromisoformat(head + tail[len(digits) :])
        if dot and not 0 < len(digits) <= 9:  # noqa: PLR2004 - nanoseconds
            raise ValueError  # noqa: TRY301 - one message for all
    except ValueError:
        message = "expected ISO text such as 2026-01-02T03:04:05.123456789"
        raise Invalid(f"{what}: found {text!r}, {message}") from None
    whole = nanoseconds(what, moment)
    return (whole or 0) + int(digits.ljust(9, "0"))


def _numpy_nanoseconds(value: Any) -> int | None:  # noqa: ANN401 - numpy need not be there
    if type(value).__module__ != "numpy":
        return None
    if getattr(getattr(value, "dtype", None), "kind", "") == "M":
        return int(value.astype("datetime64[ns]").astype("int64"))
    item = value.item() if hasattr(value, "item") else None
    return item if isinstance(item, int) and not isinstance(item, bool) else None


def plain_parameters(parameters: Parameters, moment: Callable[[int], Any]) -> Any:  # noqa: ANN401
    """Parameters without types of numpy and pandas; `moment` makes a time of nanoseconds.

    Python's own `datetime` has microseconds, and so do its parameters.
    """
    if parameters is None:
        return None
    if isinstance(parameters, Mapping):
        return {_name(name): _plain(name, v, moment) for name, v in parameters.items()}
    if isinstance(parameters, str) or not isinstance(parameters, Sequence):
        raise Invalid(f"params: found {parameters!r}, expected a list, or a dict by name")
    return [_plain(position, v, moment) for position, v in enumerate(parameters, start=1)]


def _name(name: Any) -> str:  # noqa: ANN401 - of the caller
    if not isinstance(name, str) or not name.isidentifier():
        raise Invalid(f"params: found the name {name!r}, expected letters, digits and _")
    return name


def _plain(name: object, value: Any, moment: Callable[[int], Any]) -> Any:  # noqa: ANN401
    kind = type(value)
    if kind.__module__.partition(".")[0] in {"numpy", "pandas"}:
        if isinstance(value, datetime) or getattr(getattr(value, "dtype", None), "kind", "") == "M":
            return moment(nanoseconds(f"parameter {name}", value) or 0)
        return value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, (list, tuple)):
        return [_plain(name, item, moment) for item in value]
    return value
