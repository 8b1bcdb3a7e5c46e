"""What tests of imports share."""

import gzip
import zipfile

import pyarrow as pa
from helpers import plain, times_as_numbers

from rustonite_data.lake.imports import open_source


def read(path, *arguments, **settings):
    """All rows of a file, by dataset, without dictionaries and with times as integers."""
    source = open_source(path, *arguments, **settings)
    return collect(source)


def collect(source):
    """All rows of a source."""
    batches = {name: [] for name in source.datasets}
    for dataset, batch in source.batches():
        assert batch.schema == source.arrow_schema(dataset)
        table = plain(pa.Table.from_batches([batch]))
        batches[dataset].append(times_as_numbers(table))
    assert source.bytes_done == source.bytes_total == source.path.stat().st_size
    return {name: pa.concat_tables(found) for name, found in batches.items() if found}


def rows(tables, dataset, *columns):
    """Some columns as tuples."""
    table = tables[dataset].select(columns)
    return list(zip(*table.to_pydict().values(), strict=True))


def write(path, text):
    """A file of text, compressed if its name says so."""
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def archive(path, **members):
    """A zip file; two underscores in the name of a member are a dot."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, text in members.items():
            out.writestr(name.replace("__", "."), text)
    return path
