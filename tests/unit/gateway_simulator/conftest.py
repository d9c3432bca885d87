"""Contracts of each kind, and a clock that stands still in the middle of a New York morning."""

from datetime import UTC, datetime

import pytest

from gateway_simulator.clock import Clock
from gateway_simulator.contracts import Catalogue, Contract, ContractQuery
from gateway_simulator.market import Market
from gateway_simulator.market_file import MarketFile, catalogue

MORNING = datetime(2026, 11, 23, 15, 33, 20, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock(MORNING, speed=0)


@pytest.fixture
def market(clock: Clock) -> Market:
    return Market(clock)


@pytest.fixture
def listed() -> Catalogue:
    return catalogue()


def derivative(
    sec_type: str, text: str, at: datetime = MORNING, prices: MarketFile | None = None
) -> Contract:
    """A contract by its type and local symbol, `ESZ6`, as it is listed at a time."""
    (contract,) = catalogue(prices, lambda: at).find(ContractQuery(sec_type=sec_type, local_symbol=text))
    return contract


def found(where: Catalogue, text: str) -> Contract:
    """A contract by `AAPL`, `EUR.USD`, or `700@SEHK`; of several the one in dollars."""
    symbol, _, exchange = text.partition("@")
    if len(text) == len("EUR.USD") and text[3] == ".":
        (pair,) = where.find(ContractQuery(local_symbol=text))
        return pair
    several = where.find(ContractQuery(symbol=symbol, sec_type="STK", exchange=exchange))
    return next((contract for contract in several if contract.currency == "USD"), several[0])


@pytest.fixture
def aapl(listed: Catalogue) -> Contract:
    return found(listed, "AAPL")


@pytest.fixture
def eurusd(listed: Catalogue) -> Contract:
    return found(listed, "EUR.USD")


@pytest.fixture
def eurjpy(listed: Catalogue) -> Contract:
    return found(listed, "EUR.JPY")


@pytest.fixture
def tencent(listed: Catalogue) -> Contract:
    return found(listed, "700@SEHK")
