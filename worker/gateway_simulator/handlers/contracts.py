"""Contract details."""

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from gateway_simulator import hours, reports
from gateway_simulator.contracts import Contract
from gateway_simulator.handlers import lookup
from gateway_simulator.refusal import Refusal
from gateway_simulator.wire import requests as ask
from gateway_simulator.wire import responses as say
from gateway_simulator.wire.layout import Message

if TYPE_CHECKING:
    from datetime import datetime

    from gateway_simulator.session import Session

DAYS = 6  # of trading hours that IB sends, today being the first


def contract_details(session: "Session", request: ask.ReqContractDetails) -> None:
    """Every contract that fits; none is error 200."""
    gateway = session.gateway
    found = lookup.find(gateway.catalogue, request.contract, include_expired=request.include_expired)
    if not found:
        raise Refusal(200, lookup.NONE_FOUND)
    now = gateway.clock.now()
    session.send(*(_details(contract, request.req_id, now) for contract in found))
    session.send(say.ContractDetailsEnd(req_id=request.req_id))


def _details(contract: Contract, req_id: int, now: "datetime") -> say.ContractDetails:
    today = now.astimezone(ZoneInfo(contract.time_zone)).date()
    return say.ContractDetails(
        req_id=req_id,
        symbol=contract.symbol,
        sec_type=contract.sec_type,
        last_trade_date=contract.last_trade_date,
        strike=contract.strike,
        right=contract.right,
        exchange=contract.exchange,
        currency=contract.currency,
        local_symbol=contract.local_symbol,
        market_name=contract.trading_class,
        trading_class=contract.trading_class,
        con_id=contract.con_id,
        min_tick=contract.min_tick,
        multiplier=reports.multiplier(contract),
        order_types=contract.order_types,
        valid_exchanges=contract.valid_exchanges,
        long_name=contract.long_name,
        primary_exchange=contract.primary_exchange,
        time_zone=contract.time_zone,
        trading_hours=hours.trading_hours(contract, today, DAYS),
        liquid_hours=hours.liquid_hours(contract, today, DAYS),
        market_rule_ids=",".join("26" for _ in contract.valid_exchanges.split(",")),
        stock_type=contract.stock_type,
        size_min_tick=contract.size_increment,
        min_size=contract.min_size,
        size_increment=contract.size_increment,
        suggested_size_increment=contract.size_increment,
    )


HANDLERS: dict[type[Message], Any] = {ask.ReqContractDetails: contract_details}
