"""Rustonite's execution half: strategies, the trader that runs them, and a local exchange."""

from rustonite_exec.asking import NewOrder
from rustonite_exec.exchange import Account, LocalExchange, LocalExchanges
from rustonite_exec.limits import limits
from rustonite_exec.strategy import (
    Broker,
    FillNews,
    Group,
    Order,
    OrderNews,
    Quote,
    Strategy,
    Trade,
)
from rustonite_exec.trader import Trader, ask, kill, resume

__all__ = [
    "Account",
    "Broker",
    "FillNews",
    "Group",
    "LocalExchange",
    "LocalExchanges",
    "NewOrder",
    "Order",
    "OrderNews",
    "Quote",
    "Strategy",
    "Trade",
    "Trader",
    "ask",
    "kill",
    "limits",
    "resume",
]
