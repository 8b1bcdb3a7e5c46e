"""Rustonite's execution half: trader, strategies, orders and the local exchange.

Nothing is here yet; `docs/` and the README's status table say what exists.
"""
