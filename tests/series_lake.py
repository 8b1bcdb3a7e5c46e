"""What tests of time series share."""

from helpers import times_as_numbers
from hypothesis import settings
from query_lake import snapshot

from rustonite_data import schemas
from rustonite_data.lake import query
from rustonite_data.lake.dataset import Dataset

ENGINES = ["duckdb", "datafusion"]
KERNELS = ["native", *ENGINES]
SECOND = 1_000_000_000
TRADES, QUOTES, DELTAS, PICTURES, EVENTS = (
    Dataset.of(schemas.get(name), partition_by=[])
    for name in ("trades", "quotes", "book_deltas", "book_snapshots", "feed_events")
)
LAST, SNAPSHOT, GAP = 1, 2, 4
FEW = settings(max_examples=40)


class Lake:
    """Snapshots, and SQL over them."""

    def __init__(self, made):
        self.snapshot = made.__getitem__
        self.names = list(made)

    def dataset(self, name):
        return self.snapshot(name).dataset

    def sql(self, text, params=None, *, engine="duckdb"):
        return query.run_sql(self.snapshot, self.names, text, params, engine=engine)


def lake_of(folder, **tables):
    """Hot rows and files: each dataset has half of its rows in either."""
    datasets = {d.name: d for d in (TRADES, QUOTES, DELTAS, PICTURES, EVENTS)}
    made = {}
    for name, table in tables.items():
        middle = len(table) // 2
        cold, hot = table.slice(0, middle), table.slice(middle)
        some = {"tables": [cold] if middle else [], "hot": [hot] if len(hot) else []}
        made[name] = snapshot(datasets[name], folder / name, **some)
    missing = {name: snapshot(d, folder / name) for name, d in datasets.items() if name not in made}
    return Lake(made | missing)


def plain(result):
    """Rows as dicts; times are nanoseconds."""
    return times_as_numbers(result.arrow()).to_pylist()
