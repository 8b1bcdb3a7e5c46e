"""Rustonite's execution half: strategies, the trader that runs them, and a local exchange."""

from rustonite_data._native import Book
from rustonite_exec.asking import NewOrder
from rustonite_exec.exchange import Account, LocalExchange, LocalExchanges
from rustonite_exec.limits import limits
from rustonite_exec.strategy import (
    Balance,
    Broker,
    FillNews,
    GapNews,
    Group,
    Instrument,
    Order,
    OrderNews,
    Position,
    Quote,
    StateNews,
    Strategy,
    Trade,
)
from rustonite_exec.trader import Trader, ask, kill, resume

__all__ = [
    "Account",
    "Balance",
    "Book",
    "Broker",
    "FillNews",
    "GapNews",
    "Group",
    "Instrument",
    "LocalExchange",
    "LocalExchanges",
    "NewOrder",
    "Order",
    "OrderNews",
    "Position",
    "Quote",
    "StateNews",
    "Strategy",
    "Trade",
    "Trader",
    "ask",
    "kill",
    "limits",
    "resume",
]
