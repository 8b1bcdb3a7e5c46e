"""Appends numbered rows at full speed until somebody kills it.

`python numbered_writer.py FOLDER SEED FORM`: events of random size, each one append; after each,
the number of rows so far goes to stdout. FORM is `dict` or `arrow`.
"""

import os
import random
import sys

from rustonite_data import Tape

EVENT_ROWS_MAX = 200


def event(first, count):
    """Rows that know their number and their event."""
    rows = range(first, first + count)
    return {
        "seq": list(rows),
        "event": [first] * count,
        "event_rows": [count] * count,
        "text": [None if row % 5 == 0 else f"t{row}" for row in rows],
        "symbol": [f"s{row // 500}" for row in rows],
    }


def main(folder, seed, form):
    chance = random.Random(seed)
    convert = dict
    if form == "arrow":
        import pyarrow as pa  # noqa: PLC0415 - slow, and most rounds do without

        types = pa.schema(
            [("seq", pa.int64()), ("event", pa.int64()), ("event_rows", pa.int32()),
             ("text", pa.string()), ("symbol", pa.string())]
        )  # fmt: skip
        convert = lambda columns: pa.table(columns, schema=types)  # noqa: E731
    tape = Tape.open(folder)
    while True:
        count = chance.choice([1, 2, chance.randint(1, EVENT_ROWS_MAX)])
        done = tape.append(convert(event(tape.rows, count)))
        os.write(1, f"{done}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
