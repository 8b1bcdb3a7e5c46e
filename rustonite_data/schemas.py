"""The datasets of rustonite: columns, units, meaning and on-disk encoding."""

from collections.abc import Iterator

from rustonite_data import _native
from rustonite_data._native import Column, Schema
from rustonite_data.errors import NotFound
from rustonite_data.hints import hint

__all__ = ["Column", "Schema", "all_schemas", "get", "markdown", "names"]

_EMBEDDED = {schema.dataset: schema for schema in _native.embedded_schemas()}


def names() -> list[str]:
    """Names of the datasets.

    Example:
        >>> "trades" in names()
        True
    """
    return list(_EMBEDDED)


def all_schemas() -> list[Schema]:
    """The schemas of all datasets, by name."""
    return list(_EMBEDDED.values())


def get(dataset: str) -> Schema:
    """The schema of a dataset. Any Arrow library takes it as a schema.

    Raises:
        NotFound: there is no such dataset.

    Example:
        >>> get("trades").columns[0]
        Column(ts_event: timestamp[ns])
    """
    try:
        return _EMBEDDED[dataset]
    except KeyError:
        raise NotFound(f"dataset {dataset!r}: not known; {hint(dataset, names())}") from None


def markdown() -> str:
    """The reference page of all datasets."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# Datasets"
    yield ""
    yield "Made from `schemas/*.toml` by `make docs`; edit those. Times are UTC nanoseconds without"
    yield "a zone. A column marked `?` may be null. The word lists are at the end."
    for schema in all_schemas():
        yield ""
        yield f"## {schema.dataset}"
        yield ""
        yield schema.about
        yield ""
        yield f"Version {schema.version}, fingerprint `{schema.fingerprint}`. "
        yield f"Partitioned by the date of `{schema.time}`, sorted by {', '.join(schema.sort)}."
        yield ""
        yield "| column | type | unit | meaning | Parquet |"
        yield "|---|---|---|---|---|"
        for column in schema.columns:
            yield _row(column)
    yield from _words("Words", "vocabulary")
    yield from _words("Bits", "bitset")


def _row(column: Column) -> str:
    mark = "?" if column.nullable else ""
    words = column.vocabulary or column.bitset
    link = f" See [{words}](#{words})." if words else ""
    about = f"{column.about}{link}".replace("|", "\\|")
    return f"| {column.name} | {column.type}{mark} | {column.unit} | {about} | {column.parquet} |"


def _words(title: str, attribute: str) -> Iterator[str]:
    columns = [column for schema in all_schemas() for column in schema.columns]
    lists = {getattr(c, attribute): c.values for c in columns if getattr(c, attribute)}
    yield ""
    yield f"# {title}"
    for name in sorted(lists):
        yield ""
        yield f"### {name}"
        yield ""
        for position, (word, about) in enumerate(lists[name]):
            yield f"{position}. `{word}`: {about}"
