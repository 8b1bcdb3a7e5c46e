"""Options that several commands have: where the lake is, durations, moments, pairs."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from rustonite_data.cli.output import hide
from rustonite_data.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rustonite_data.lake import Lake

P = ParamSpec("P")
R = TypeVar("R")

_MARKER = "lake.json"
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([wdhms])")


@dataclass(frozen=True)
class Place:
    """Where a lake is, as the command line says."""

    url: str | None
    tapes: Path | None
    storage_options: Mapping[str, str] = field(repr=False)

    def open(self) -> Lake:
        """Open the lake; the current folder, if nothing was said and it is one.

        Raises:
            NotFound: there is none, or nobody said where.
        """
        url = self.url
        if url is None:
            if not Path(_MARKER).is_file():
                raise NotFound(f"which lake? {_how_to_say_which()}")
            url = "."
        # Engines take a while to import, and commands on tapes need none of them.
        from rustonite_data.lake import Lake  # noqa: PLC0415

        return Lake(url, tapes=self.tapes, storage_options=self.storage_options or None)

    def create(self, url: str) -> Lake:
        """Make a lake, or open the one that is there."""
        from rustonite_data.lake import Lake  # noqa: PLC0415 - as above

        return Lake.create(url, tapes=self.tapes, storage_options=self.storage_options or None)


def _how_to_say_which() -> str:
    near = sorted(path.parent for path in Path().glob(f"*/{_MARKER}"))
    if near:
        return f"there is one here: --lake {near[0]}"
    return "give --lake URL, set RUSTONITE_LAKE, or go into the folder of a lake"


def pair(text: str) -> tuple[str, str]:
    """`KEY=VALUE` as the type of an option. The text is never shown: it may be a secret."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter("expected KEY=VALUE")
    return key, value


def duration(text: str) -> timedelta:
    """A number and a unit as the type of an option.

    Example:
        >>> duration("90d").days, duration("1.5h").seconds
        (90, 5400)
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        message = f"found {text!r}, expected a number and one of w, d, h, m, s, such as 90d or 12h"
        raise click.BadParameter(message)
    try:
        return timedelta(**{_UNITS[found[2]]: float(found[1])})
    except OverflowError:
        message = f"found {text!r}, which is longer than there are dates"
        raise click.BadParameter(message) from None


def moment(text: str) -> datetime:
    """A date or time in ISO form as the type of an option; UTC if it has no zone."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        message = f"found {text!r}, expected a date or time such as 2026-01-02T03:04"
        raise click.BadParameter(message) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def speed_factor(text: str) -> float:
    """A factor or `max`, as the type of an option."""
    try:
        found = math.inf if text == "max" else float(text)
    except ValueError:
        found = math.nan
    if not found > 0:
        raise click.BadParameter(f"found {text!r}, expected a number such as 1 or 10, or max")
    return found


def version(text: str) -> int | datetime:
    """A version of a table or a moment, as the type of an option."""
    return int(text) if re.fullmatch(r"\d{1,7}", text) else moment(text)


for_option = click.option(
    "--for", "span", type=duration, metavar="DURATION", help="Stop after so long."
)
start_option = click.option(
    "--start", type=moment, metavar="TIME", help="What is from this moment on."
)
end_option = click.option("--end", type=moment, metavar="TIME", help="What is before this moment.")

venues_option = click.option(
    "--venue", "venues", multiple=True, metavar="NAME", help="Only this venue; may be repeated."
)
symbols_option = click.option(
    "--symbol", "symbols", multiple=True, metavar="NAME", help="Only this symbol; may be repeated."
)


def lake_options(command: Callable[Concatenate[Place, P], R]) -> Callable[P, R]:
    """Options that say where the lake is; the command gets a `Place` as its first argument."""
    return click.option(
        "--lake",
        "lake_url",
        envvar="RUSTONITE_LAKE",
        show_envvar=True,
        metavar="URL",
        help="Folder or URL of the lake. By default the current folder, if it is one.",
    )(storage_options(command))


def storage_options(command: Callable[Concatenate[Place, P], R]) -> Callable[P, R]:
    """The options of a lake but its URL, for a command that has that as an argument."""

    @click.option(
        "--tapes",
        envvar="RUSTONITE_TAPES",
        show_envvar=True,
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Folder of its tapes on this machine. By default .tapes in the lake's folder.",
    )
    @click.option(
        "--storage-option",
        "storage_options",
        multiple=True,
        type=pair,
        metavar="KEY=VALUE",
        help="A setting of the object store; others come from the environment (AWS_…).",
    )
    @functools.wraps(command)
    def with_place(*args: P.args, **kwargs: P.kwargs) -> R:
        options: Any = kwargs
        settings = dict(options.pop("storage_options"))
        hide(settings.values())
        place = Place(options.pop("lake_url", None), options.pop("tapes"), settings)
        return command(place, *args, **kwargs)

    return with_place
