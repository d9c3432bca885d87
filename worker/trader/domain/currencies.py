"""Which way round a pair of currencies is listed."""

from trader.domain.instruments import Forex

PRECEDENCE = (
    "EUR",
    "GBP",
    "AUD",
    "NZD",
    "USD",
    "CAD",
    "CHF",
    "CNH",
    "HKD",
    "SGD",
    "SEK",
    "NOK",
    "DKK",
    "JPY",
)
"""The market's own order: of two currencies the earlier is the base, so EUR.USD and never USD.EUR."""


def listed_pair(one: str, other: str) -> Forex:
    """Return the pair of two currencies as it is listed; one that isn't in the order comes after those."""
    base, quote = sorted((one, other), key=lambda currency: (_place(currency), currency))
    return Forex(base, quote)


def _place(currency: str) -> int:
    return PRECEDENCE.index(currency) if currency in PRECEDENCE else len(PRECEDENCE)
