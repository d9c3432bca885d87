"""Contract details, and which options there are on a contract."""

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from gateway_simulator import hours, options, reports
from gateway_simulator.contracts import Contract
from gateway_simulator.handlers import lookup
from gateway_simulator.refusal import Refusal, invalid
from gateway_simulator.wire import requests as ask
from gateway_simulator.wire import responses as say
from gateway_simulator.wire.layout import Message
from gateway_simulator.wire.values import write_number

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


def option_parameters(session: "Session", request: ask.ReqSecDefOptParams) -> None:
    """Expiries and strikes, once for each class of options at each of its exchanges; there may be none."""
    gateway = session.gateway
    underlying = gateway.catalogue.get(request.con_id)
    if underlying is None or underlying.sec_type != request.sec_type:
        raise invalid("Invalid contract id")
    for of, expiries in options.chains(underlying, gateway.clock.now()):
        for exchange in of.exchanges:
            session.send(
                say.SecurityDefinitionOptionParameter(
                    req_id=request.req_id,
                    exchange=exchange,
                    under_con_id=underlying.con_id,
                    trading_class=of.name,
                    multiplier=write_number(of.multiplier),
                    expiries=tuple(f"{expiry:%Y%m%d}" for expiry in expiries),
                    strikes=of.strikes,
                )
            )
    session.send(say.SecurityDefinitionOptionParameterEnd(req_id=request.req_id))


def _details(contract: Contract, req_id: int, now: "datetime") -> say.ContractDetails:
    today = now.astimezone(ZoneInfo(contract.time_zone)).date()
    under = contract.underlying
    return say.ContractDetails(
        req_id=req_id,
        symbol=contract.symbol,
        sec_type=contract.sec_type,
        last_trade_date=f"{contract.last_trade_date} {contract.last_trade_time}".strip(),
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
        under_con_id=under.con_id if under else 0,
        under_symbol=under.symbol if under else "",
        under_sec_type=under.sec_type if under else "",
        long_name=contract.long_name,
        contract_month=contract.contract_month,
        real_expiration_date=contract.last_trade_date,
        primary_exchange=contract.primary_exchange,
        time_zone=contract.time_zone,
        trading_hours=hours.trading_hours(contract, today, DAYS),
        liquid_hours=hours.liquid_hours(contract, today, DAYS),
        market_rule_ids=",".join(contract.market_rule for _ in contract.valid_exchanges.split(",")),
        stock_type=contract.stock_type,
        size_min_tick=contract.size_increment,
        min_size=contract.min_size,
        size_increment=contract.size_increment,
        suggested_size_increment=contract.size_increment,
    )


HANDLERS: dict[type[Message], Any] = {
    ask.ReqContractDetails: contract_details,
    ask.ReqSecDefOptParams: option_parameters,
}
