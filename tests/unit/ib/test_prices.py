"""Which price of a snapshot is used."""

from math import nan

import pytest
from ib_insync import Ticker

from trader.adapters.ib.market_data import by_preference
from trader.adapters.ib.numbers import price
from trader.domain.market import PriceKind


@pytest.mark.parametrize(
    ("last", "bid", "ask", "close", "chosen"),
    [
        (671.5, 671.0, 671.2, 660.0, (PriceKind.LAST, "671.5")),
        (nan, 671.0, 671.5, 660.0, (PriceKind.MIDPOINT, "671.25")),
        (0.0, 671.0, 671.5, 660.0, (PriceKind.MIDPOINT, "671.25")),
        (-1.0, -1.0, 671.5, 660.0, (PriceKind.CLOSE, "660")),
        (nan, 671.0, nan, 660.0, (PriceKind.CLOSE, "660")),
        (nan, -1.0, -1.0, -1.0, None),
        (nan, nan, nan, 0.0, None),
    ],
)
def test_the_last_price_else_the_midpoint_else_the_close(
    last: float, bid: float, ask: float, close: float, chosen: tuple[PriceKind, str] | None
) -> None:
    ticker = Ticker(last=last, bid=bid, ask=ask, close=close)
    usable = ((kind, price(value)) for kind, value in by_preference(ticker))

    assert next(((kind, str(value)) for kind, value in usable if value is not None), None) == chosen
