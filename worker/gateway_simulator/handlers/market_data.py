"""Market data: a snapshot, or a stream of what changes."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway_simulator.contracts import Contract, Tape
from gateway_simulator.feeds import Feed, Keyed
from gateway_simulator.handlers import lookup
from gateway_simulator.market import DELAY, Model
from gateway_simulator.refusal import Refusal, invalid
from gateway_simulator.wire import requests as ask
from gateway_simulator.wire import responses as say
from gateway_simulator.wire.layout import Message

if TYPE_CHECKING:
    from gateway_simulator.gateway import Gateway
    from gateway_simulator.session import Session

LIVE, DELAYED = 1, 3
TYPES = frozenset({1, 2, 3, 4})  # live, frozen, delayed, delayed frozen


@dataclass(frozen=True, slots=True)
class Ticks:
    """The numbers under which IB sends each part of a quote."""

    bid_size: int
    bid: int
    ask: int
    ask_size: int
    last: int
    last_size: int
    high: int
    low: int
    volume: int
    close: int
    open: int
    last_time: int
    model: int  # of an option: what a model makes of it


LIVE_TICKS = Ticks(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 45, 13)
DELAYED_TICKS = Ticks(69, 66, 67, 70, 68, 71, 72, 73, 74, 75, 76, 88, 83)


def market_data_type(session: "Session", request: ask.ReqMarketDataType) -> None:
    """Which data this client takes, from its next request on."""
    if request.type not in TYPES:
        raise invalid(f"Invalid market data type {request.type}")
    session.market_data_type = request.type


def market_data(session: "Session", request: ask.ReqMktData) -> None:
    """All of a quote once; without `snapshot`, then what changes."""
    gateway = session.gateway
    contract = lookup.one(gateway.catalogue, request.contract)
    delayed = _is_delayed(session, request.req_id, contract)
    session.send(
        say.MarketDataType(req_id=request.req_id, type=DELAYED if delayed else LIVE),
        say.TickReqParams(
            req_id=request.req_id, min_tick=contract.min_tick, bbo_exchange="9c0001", snapshot_permissions=3
        ),
    )
    produce = partial(_quote, gateway, contract, request.req_id, delayed)
    if request.snapshot:
        session.send(*(message for _, message in produce()), say.TickSnapshotEnd(req_id=request.req_id))
    else:
        session.subscribe(request.req_id, Feed(produce, is_market_data=True))


def cancel(session: "Session", request: ask.CancelMktData) -> None:
    """No more of it; IB says so if there was none."""
    if not session.feeds.stop(request.req_id):
        raise Refusal(300, f"Can't find EId with tickerId:{request.req_id}")


def _is_delayed(session: "Session", req_id: int, contract: Contract) -> bool:
    """Whether only delayed data is to be had; refuses what the user has no permission for."""
    permission = session.gateway.market.permission(contract)
    if permission.level == "live":
        return False
    if permission.level == "none" or session.market_data_type < DELAYED:
        raise Refusal(permission.code, permission.message)
    session.error(
        req_id,
        10167,
        "Requested market data is not subscribed. Displaying delayed market data.",
    )
    return True


def _quote(gateway: "Gateway", contract: Contract, req_id: int, delayed: bool) -> Iterable[Keyed]:
    ticks = DELAYED_TICKS if delayed else LIVE_TICKS
    at = gateway.clock.now() - DELAY if delayed else None
    quote = gateway.market.quote(contract, at)
    traded = contract.tape is not Tape.QUOTES
    priced: tuple[tuple[int, Decimal | None, int, Decimal], ...] = (
        (ticks.bid, quote.bid, ticks.bid_size, quote.bid_size),
        (ticks.ask, quote.ask, ticks.ask_size, quote.ask_size),
        (ticks.last, quote.last if traded else None, ticks.last_size, quote.last_size),
    )
    for tick, price, size_tick, size in priced:
        if price is not None:
            yield tick, say.TickPrice(req_id=req_id, tick_type=tick, price=price, size=size)
            if size:
                yield size_tick, say.TickSize(req_id=req_id, tick_type=size_tick, size=size)
    others = (
        (ticks.high, quote.high),
        (ticks.low, quote.low),
        (ticks.close, quote.close),
        (ticks.open, quote.open),
    )
    for tick, price in others:
        if price is not None:
            yield tick, say.TickPrice(req_id=req_id, tick_type=tick, price=price)
    if contract.tape is Tape.TRADES:
        yield ticks.volume, say.TickSize(req_id=req_id, tick_type=ticks.volume, size=quote.volume)
    if traded and quote.last is not None:
        last_at = str(int((quote.last_at or quote.at).timestamp()))
        yield ticks.last_time, say.TickString(req_id=req_id, tick_type=ticks.last_time, value=last_at)
    model = gateway.market.model(contract, at)
    if model is not None:
        yield ticks.model, _computation(req_id, ticks.model, model)


def _computation(req_id: int, tick: int, model: Model) -> say.TickOptionComputation:
    """A model's numbers as IB sends them; these options know no dividends."""
    return say.TickOptionComputation(
        req_id=req_id,
        tick_type=tick,
        implied_volatility=_rounded(model.terms.volatility),
        delta=_rounded(model.greeks.delta),
        price=_rounded(model.greeks.price),
        gamma=_rounded(model.greeks.gamma),
        vega=_rounded(model.greeks.vega),
        theta=_rounded(model.greeks.theta),
        underlying_price=_rounded(model.spot),
    )


def _rounded(number: float) -> Decimal:
    return Decimal(f"{number:.9f}")


HANDLERS: dict[type[Message], Any] = {
    ask.ReqMarketDataType: market_data_type,
    ask.ReqMktData: market_data,
    ask.CancelMktData: cancel,
}
