"""What a venue knows of an account, by its own interface, and what a journal knows: to the last
digit the same, or the test fails."""

import hashlib
import hmac
import json
import time
from collections import Counter, defaultdict
from decimal import Decimal
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from rustonite_data.tape import Tape

PAGE = 1000
OPEN = {"NEW", "PARTIALLY_FILLED"}
WORKING = {"accepted", "partially_filled"}
FINAL = {"filled", "cancelled", "rejected", "expired", "denied"}


class VenueBooks:
    """Orders and executions as the REST interface of Binance spot tells them."""

    changes_in_place = False
    """A changed order is the same one, with the same name."""

    def __init__(self, exchange, account):
        self.root, self.account = exchange.urls["rest"].rstrip("/"), account

    def ask(self, url, method, **headers):
        request = Request(f"{self.root}{url}", headers=headers, method=method)  # noqa: S310 - http here
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def call(self, path, method="GET", **parameters):
        """A signed call."""
        text = urlencode({**parameters, "timestamp": int(time.time() * 1000)})
        sign = hmac.new(self.account.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        headers = {"X-MBX-APIKEY": self.account.key}
        return self.ask(f"{path}?{text}&signature={sign}", method, **headers)

    def pages(self, path, first, name):
        """All rows of a list that comes in pages."""
        rows = []
        while True:
            start = rows[-1][name] + 1 if rows else 0
            page = self.call(path, symbol="BTCUSDT", limit=PAGE, **{first: start})
            rows += page
            if len(page) < PAGE:
                return rows

    def orders(self):
        return self.pages("/api/v3/allOrders", "orderId", "orderId")

    def trades(self):
        return self.pages("/api/v3/myTrades", "fromId", "id")


class UsdmBooks(VenueBooks):
    """The same of USD-M futures."""

    changes_in_place = True

    def orders(self):
        return self.pages("/fapi/v1/allOrders", "orderId", "orderId")

    def trades(self):
        rows = self.pages("/fapi/v1/userTrades", "fromId", "id")
        return [{**row, "isBuyer": row["buyer"]} for row in rows]


class AlpacaBooks(VenueBooks):
    """The same of Alpaca, in the words of Binance; all of it is on one page."""

    def call(self, path, method="GET", **parameters):
        """A call with the keys."""
        names = {"APCA-API-KEY-ID": self.account.key, "APCA-API-SECRET-KEY": self.account.secret}
        return self.ask(f"{path}?{urlencode(parameters)}", method, **names)

    def orders(self):
        names = {
            "orderId": "id", "clientOrderId": "client_order_id", "executedQty": "filled_qty",
            "price": "limit_price",
        }  # fmt: skip
        rows = self.call("/v2/orders", status="all", limit=500)
        return [
            {**{ours: row[name] for ours, name in names.items()}, "status": row["status"].upper()}
            for row in rows
        ]

    def trades(self):
        return [
            {
                "id": row["id"].partition("::")[2], "orderId": row["order_id"],
                "isBuyer": row["side"] == "buy", "price": row["price"], "qty": row["qty"],
            }
            for row in self.call("/v2/account/activities/FILL")
        ]  # fmt: skip


class JournalBooks:
    """Orders and executions as the journal's tapes tell them."""

    def __init__(self, journal):
        self.order_rows = rows_of(journal / "orders" / "trader")
        self.fills = rows_of(journal / "fills" / "trader")
        self.balances = rows_of(journal / "balances" / "trader")
        self.last = {row["order_id"]: row for row in self.order_rows}
        # An order has a client id for each of its changes.
        self.owner = {row["client_id"]: row["order_id"] for row in self.order_rows}

    def story(self, orders):
        """What happened to some orders, by our number or a client id, in short."""
        names = ("seq", "order_id", "client_id", "venue_order_id", "event", "source", "state",
                 "size", "size_filled", "reason", "detail", "fill_id")  # fmt: skip
        numbers = {self.owner.get(one, one) for one in orders}
        rows = [row for row in self.order_rows if row["order_id"] in numbers]
        venue_ids = {row["venue_order_id"] for row in rows}
        rows += [row for row in self.fills if row["venue_order_id"] in venue_ids]
        rows.sort(key=lambda row: row["seq"])
        return [[row[name] for name in names if row.get(name) is not None] for row in rows]


def rows_of(path):
    reader = Tape.reader(path)
    read = reader.read()
    assert read.gaps == []
    return read.pl().to_dicts()


def assert_same(place, books):
    """Nothing moves: our books are the venue's exactly, and agree with themselves."""
    ours = JournalBooks(place.journal)
    orders, trades = books.orders(), books.trades()
    assert_fills(ours, orders, trades)
    assert_orders(ours, orders, changes_in_place=books.changes_in_place)
    assert_balances(ours, place)
    return ours


def assert_equal(ours, theirs, books=None):
    """Two dicts are equal; says where they are not, with the story of the orders."""
    keys = [key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)]
    keys.sort(key=str)
    differs = {key: (ours.get(key), theirs.get(key)) for key in keys}
    assert differs == {}, "\n".join(map(str, books.story(keys) if books else []))


def assert_fills(ours, orders, trades):
    assert {row["kind"] for row in ours.fills} <= {"trade"}
    counts = Counter(row["fill_id"] for row in ours.fills)
    assert [one for one, count in counts.items() if count > 1] == []
    client_ids = {str(order["orderId"]): order["clientOrderId"] for order in orders}
    theirs = {
        str(one["id"]): (
            ours.owner.get(client_ids[str(one["orderId"])]),
            "buy" if one["isBuyer"] else "sell",
            *(Decimal(one[name]) for name in ("price", "qty")),
            # Where there are none, or they are told on their own, nothing is told of them.
            Decimal(one["commission"]) if "commission" in one else None,
            one.get("commissionAsset"),
        )
        for one in trades
    }
    mine = {
        row["fill_id"]: (
            ours.owner.get(client_ids[row["venue_order_id"]]),
            *(row[name] for name in ("side", "price", "size", "fee", "fee_asset")),
        )
        for row in ours.fills
    }
    assert_equal(mine, theirs)


def assert_orders(ours, orders, *, changes_in_place):
    assert [row for row in ours.order_rows if row["reason"] == "external_order"] == []
    named = [row for row in asked_for(ours) if row["event"] == "submitted" or not changes_in_place]
    names = Counter(row["client_id"] for row in named)
    assert [one for one, count in names.items() if count > 1] == []
    assert max(Counter(order["clientOrderId"] for order in orders).values(), default=1) == 1
    owners = {str(order["orderId"]): ours.owner[order["clientOrderId"]] for order in orders}
    filled, theirs, open_theirs = defaultdict(Decimal), defaultdict(Decimal), {}
    for row in ours.fills:
        filled[owners[row["venue_order_id"]]] += row["size"]
    for order in orders:
        if size := Decimal(order["executedQty"]):
            theirs[owners[str(order["orderId"])]] += size
        if order["status"] in OPEN:
            open_theirs[order["clientOrderId"]] = Decimal(order["price"])
    assert_equal(filled, theirs)
    last = {one: row["size_filled"] for one, row in ours.last.items() if row["size_filled"]}
    assert_equal(last, filled, ours)
    open_ours = {
        name_of(row): row["price"] for row in ours.last.values() if row["state"] in WORKING
    }
    assert_equal(open_ours, open_theirs)
    assert {row["state"] for row in ours.last.values()} <= FINAL | WORKING


def asked_for(ours):
    """Rows of new orders and of changes; others only repeat what is known."""
    events = {"submitted", "replace_asked"}
    rows = ours.order_rows
    return [row for row in rows if row["event"] in events and row["reason"] != "snapshot"]


def name_of(row):
    """The name of an order at the venue. Of a change that was refused the row has the name that the
    order would have got by it, if it would have got another one."""
    previous = row["client_id_prev"] if row["event"] == "replace_rejected" else None
    return previous or row["client_id"]


def assert_balances(ours, place):
    # What our own count makes: the venue's figure was taken once only, at the very first.
    taken = Counter(row["asset"] for row in ours.balances if row["cause"] == "reconciliation")
    assert all(count == 1 for count in taken.values()), taken
    owned = {row["asset"]: row["total"] for row in ours.balances if row["source"] == "own"}
    venue = {asset: sum(place.exchange.balance(place.account, asset)) for asset in owned}
    assert_equal(owned, venue)
