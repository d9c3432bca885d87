"""Instruments and contracts, ours and ib_insync's."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import ib_insync

from trader.adapters.ib.numbers import decimal, from_text
from trader.domain.errors import Rejected
from trader.domain.instrument_set import listed
from trader.domain.instruments import (
    CONTINUOUS,
    Contract,
    Forex,
    Future,
    Index,
    Instrument,
    Listed,
    Option,
    Right,
    Stock,
)

FOREX_EXCHANGE = "IDEALPRO"


def to_search(instrument: Instrument) -> ib_insync.Contract:
    """Return the ib_insync contract that describes ``instrument`` to the broker."""
    match instrument:
        case Stock():
            return ib_insync.Stock(
                instrument.symbol,
                instrument.exchange,
                instrument.currency,
                primaryExchange=instrument.primary_exchange,
            )
        case Forex():
            return ib_insync.Contract(
                secType="CASH", symbol=instrument.base, currency=instrument.quote, exchange=FOREX_EXCHANGE
            )
        case Future():
            series = instrument.expiry == CONTINUOUS
            return ib_insync.Contract(
                secType="CONTFUT" if series else "FUT",
                symbol=instrument.symbol,
                lastTradeDateOrContractMonth="" if series else instrument.expiry,
                exchange=instrument.exchange,
                currency=instrument.currency,
                tradingClass=instrument.trading_class,
            )
        case Option():
            return ib_insync.Contract(
                secType="OPT",
                symbol=instrument.symbol,
                lastTradeDateOrContractMonth=instrument.expiry,
                strike=float(instrument.strike or 0),
                right=instrument.right or "",
                exchange=instrument.exchange,
                currency=instrument.currency,
                tradingClass=instrument.trading_class,
            )
        case Index():
            return ib_insync.Contract(
                secType="IND",
                symbol=instrument.symbol,
                exchange=instrument.exchange,
                currency=instrument.currency,
            )
        case Listed():
            return ib_insync.Contract(conId=instrument.con_id, exchange=instrument.exchange)


def to_ib(contract: Contract) -> ib_insync.Contract:
    """Return a new ib_insync contract of one that the broker has resolved."""
    return ib_insync.Contract(
        conId=contract.con_id,
        secType=contract.sec_type,
        symbol=contract.symbol,
        exchange=contract.exchange,
        currency=contract.currency,
        localSymbol=contract.local_symbol,
    )


def resolved(instrument: Instrument, found: Sequence[ib_insync.ContractDetails]) -> tuple[Contract, ...]:
    """Return the contracts of the broker's answer, at least one. Raises Rejected for none."""
    contracts = tuple(_contract(details, details.contract) for details in found if details.contract)
    if not contracts:
        raise Rejected(
            "unknown-instrument", f"expected an instrument that the broker knows, found {instrument}"
        )
    return contracts


def one(instrument: Instrument, contracts: Sequence[Contract]) -> Contract:
    """Return the one contract that an instrument may be. Raises Rejected for several, and lists them."""
    if len(contracts) > 1:
        in_order = sorted(contracts, key=lambda each: (each.expiry or date.max, _described(each)))
        candidates = listed(_described(contract) for contract in in_order)
        raise Rejected(
            "ambiguous-instrument",
            f"expected one contract for {instrument}, found {len(contracts)} ({candidates}): "
            f"name its {_missing(instrument)}",
        )
    return contracts[0]


def _contract(details: ib_insync.ContractDetails, contract: ib_insync.Contract) -> Contract:
    return Contract(
        con_id=contract.conId,
        symbol=contract.symbol,
        sec_type=contract.secType,
        currency=contract.currency,
        exchange=contract.exchange,
        local_symbol=contract.localSymbol,
        multiplier=from_text(contract.multiplier or "1") or Decimal(1),
        min_tick=decimal(details.minTick) or Decimal(0),
        time_zone=details.timeZoneId,
        trading_hours=details.tradingHours,
        liquid_hours=details.liquidHours,
        primary_exchange=contract.primaryExchange,
        trading_class=contract.tradingClass,
        expiry=_day(contract.lastTradeDateOrContractMonth),
        contract_month=details.contractMonth,
        strike=decimal(contract.strike) or None,
        right=Right(contract.right[0]) if contract.right[:1] in {"C", "P"} else None,
        lot=decimal(details.sizeIncrement) or Decimal(1),
        price_magnifier=details.priceMagnifier or 1,
    )


def _day(text: str) -> date | None:
    """Return the last trading day; the broker sends nothing for what has none."""
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day of the exchange
    except ValueError:
        return None


def _missing(instrument: Instrument) -> str:
    match instrument:
        case Future():
            return "month, such as 202612, or its trading class"
        case Option():
            return "expiry, strike, right or trading class"
    return "currency or primary exchange"


def _described(contract: Contract) -> str:
    where = contract.primary_exchange or contract.exchange
    name = contract.local_symbol if contract.expiry else contract.symbol
    return f"{name} {contract.sec_type} {where} {contract.currency} conId {contract.con_id}"
