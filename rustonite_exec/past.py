"""What lakes have of the time before a trader's tapes: rules of instruments, and funding."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rustonite_data.errors import NotFound


def tapes_of(  # noqa: PLR0913 - as the native side asks
    folder: Path, lake: str, dataset: str, venue: str, symbols: list[str], since: int | None
) -> Path | None:
    """A folder of tapes with rows of a lake, made in `folder`; none if there are no such rows.

    Raises:
        NotFound: there is no such lake.
    """
    # Most traders have no lake to ask.
    from rustonite_data.lake import Lake  # noqa: PLC0415
    from rustonite_data.replay import replay  # noqa: PLC0415

    history = Lake(lake)
    tapes = Path(tempfile.mkdtemp(dir=folder))
    try:
        replay(
            history, tapes, [dataset],
            start=since, venues=venue, symbols=symbols, name=f"lake-{venue}",
        )  # fmt: skip
    except NotFound:
        return None
    return tapes
