"""Rustonite's execution half. So far: the local exchange, a venue to trade on without risk."""

from rustonite_exec.exchange import Account, LocalExchange

__all__ = ["Account", "LocalExchange"]
