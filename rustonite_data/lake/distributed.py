"""A dataset on many machines: a snapshot as a Daft frame, which Ray computes.

A `Snapshot` names every live file, so whoever can open those files can share the work. Daft reads
exactly the listed files, not the folder: what a compaction replaced and `vacuum` has not removed
yet is never read twice. Its workers must see the same paths, which object stores give for free.

Needs `pip install 'rustonite[distributed]'`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rustonite_data.errors import Invalid, Unavailable
from rustonite_data.lake import parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from rustonite_data.lake.snapshot import Snapshot

# What object_store and Daft call the same setting. The first name is the one without `aws_`.
_S3 = {
    "endpoint_url": "endpoint_url",
    "endpoint": "endpoint_url",
    "access_key_id": "key_id",
    "secret_access_key": "access_key",
    "session_token": "session_token",
    "token": "session_token",
    "region": "region_name",
    "default_region": "region_name",
}


def scan(snapshot: Snapshot, columns: Sequence[str] | None = None) -> Any:  # noqa: ANN401 - of Daft
    """The rows of a snapshot as a lazy `daft.DataFrame`.

    Files are read where the frame is computed. Hot rows, which are only on this machine, travel
    with the plan; leave them out with `lake.snapshot(…, hot=False)` if they are many. Times stay
    nanoseconds; columns that a file does not have yet are null.

    Args:
        snapshot: What to read.
        columns: The columns wanted; all by default.

    Raises:
        Invalid: no such column, or storage settings that Daft has no words for.
        Unavailable: Daft is not installed.

    Example:
        >>> from rustonite_data.lake import Lake
        >>> lake = Lake.create(folder / "lake")
        >>> rows = lake.append("trades", trades)
        >>> frame = scan(lake.snapshot("trades"))  # doctest: +SKIP
        >>> frame.groupby("symbol").agg(frame["size"].sum()).to_arrow()  # doctest: +SKIP
    """
    daft = _daft()
    schema = snapshot.dataset.file_schema()
    for name in columns or ():
        if name not in schema.names:
            message = f"no column {name!r}; there are: {', '.join(schema.names)}"
            raise Invalid(f"dataset {snapshot.dataset.name}: {message}")
    frames = []
    if snapshot.files:
        types = {field.name: field.dtype for field in daft.Schema.from_pyarrow_schema(schema)}
        frames.append(
            daft.read_parquet(
                [snapshot.location(file) for file in snapshot.files],
                infer_schema=False,
                schema=types,
                hive_partitioning=False,
                io_config=_io(daft, snapshot),
            )
        )
    hot = parts.hot_table(snapshot)
    if hot is not None:
        rows = parts.with_date(hot, snapshot.dataset).cast(schema)
        frames.append(daft.from_arrow(rows))
    if not frames:
        frames.append(daft.from_arrow(schema.empty_table()))
    frame = frames[0] if len(frames) == 1 else frames[0].concat(frames[1])
    return frame.select(*columns) if columns else frame


def bars(
    trades: Any,  # noqa: ANN401 - a Daft frame
    every: timedelta,
    *,
    by: Sequence[str] = ("venue", "symbol"),
    time: str = "ts_event",
    order: Sequence[str] = ("ts_recv", "trade_id"),
) -> Any:  # noqa: ANN401 - a Daft frame
    """Bars of a frame of trades: one row per group and interval that has a trade.

    Args:
        trades: What `scan` gives, filtered as you like.
        every: The interval; bars start at whole multiples of it since 1970.
        by: The columns that make a group.
        time: The column that decides which bar a trade belongs to.
        order: The columns that decide which trade of a bar is first and last. If they leave a
            tie, any of the tied trades may be.

    Returns:
        A lazy frame with the columns of `by`, then `ts_open`, `open`, `high`, `low`, `close`,
        `volume`, `turnover`, `vwap`, `buy_volume` and `count`, in no particular order.

    Raises:
        Invalid: an interval that is not above zero.
    """
    daft = _daft()
    length = (every.days * 86_400 + every.seconds) * 1_000_000_000 + every.microseconds * 1_000
    if length <= 0:
        raise Invalid(f"every: found {every}, expected more than zero")
    col, whole = daft.col, daft.DataType.int64()
    price, size = col("price"), col("size")
    wanted = dict.fromkeys((*by, time, *order, "price", "size", "side"))
    moment = col(time).cast(whole)
    start = (moment - moment % length).cast(daft.DataType.timestamp("ns"))
    rows = trades.select(*wanted).with_column("ts_open", start)
    rows = rows.with_columns(_first_and_last(daft, [*by, "ts_open"], order))
    when = daft.functions.when
    bought = when(col("side") == "buy", size).otherwise(0.0)
    found = rows.groupby(*by, "ts_open").agg(
        # One row of each group has a value here, the others null.
        when(col("at_first") == 1, price).max().alias("open"),
        price.max().alias("high"),
        price.min().alias("low"),
        when(col("at_last") == 1, price).max().alias("close"),
        size.sum().alias("volume"),
        (price * size).sum().alias("turnover"),
        bought.sum().alias("buy_volume"),
        price.count("all").cast(whole).alias("count"),
    )
    found = found.with_column("vwap", col("turnover") / col("volume"))
    names = ("open", "high", "low", "close", "volume", "turnover", "vwap", "buy_volume", "count")
    return found.select(*by, "ts_open", *names)


def _first_and_last(daft: Any, group: list[str], order: Sequence[str]) -> dict[str, Any]:  # noqa: ANN401
    """Columns that number the rows of a group from either end."""
    window, number = daft.Window().partition_by(*group), daft.functions.row_number()
    return {
        name: number.over(window.order_by(*order, desc=[desc] * len(order)))
        for name, desc in (("at_first", False), ("at_last", True))
    }


def _daft() -> Any:  # noqa: ANN401 - a module
    try:
        import daft  # noqa: PLC0415 - an extra
        import daft.functions  # noqa: PLC0415
    except ImportError as error:
        message = "distributed queries need Daft: pip install 'rustonite[distributed]'"
        raise Unavailable(f"{message} ({error})") from error
    return daft


def _io(daft: Any, snapshot: Snapshot) -> Any:  # noqa: ANN401 - of Daft
    """How workers open the files; what is not said comes from their environment."""
    if snapshot.local or not snapshot.storage_options:
        return None
    scheme = snapshot.root.partition("://")[0]
    if scheme not in {"s3", "s3a"}:
        message = "settings of the store must come from the environment of the workers"
        raise Invalid(f"{snapshot.root}: {message} for {scheme}://, not from storage_options")
    return daft.io.IOConfig(s3=daft.io.S3Config(**_s3(snapshot.storage_options)))


def _s3(options: Mapping[str, str]) -> dict[str, Any]:
    plain = {key.lower().removeprefix("aws_"): value for key, value in options.items()}
    config: dict[str, Any] = {_S3[key]: value for key, value in plain.items() if key in _S3}
    if plain.get("allow_http", "").lower() == "true":
        config["use_ssl"] = False
    if plain.get("skip_signature", "").lower() == "true":
        config["anonymous"] = True
    return config
