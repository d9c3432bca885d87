"""Instruments and contracts, ours and ib_insync's."""

from collections.abc import Sequence
from decimal import Decimal

import ib_insync

from trader.adapters.ib.numbers import decimal, from_text
from trader.domain.errors import Rejected
from trader.domain.instruments import Contract, Forex, Instrument, Listed, Stock

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


def resolved(instrument: Instrument, found: Sequence[ib_insync.ContractDetails]) -> Contract:
    """Return the one contract of the broker's answer. Raises Rejected for none and for several."""
    listed = [(details, details.contract) for details in found if details.contract is not None]
    if not listed:
        raise Rejected(
            "unknown-instrument", f"expected an instrument that the broker knows, found {instrument}"
        )
    if len(listed) > 1:
        candidates = ", ".join(sorted(_described(contract) for _, contract in listed))
        raise Rejected(
            "ambiguous-instrument",
            f"expected one contract for {instrument}, found {len(listed)} ({candidates}): "
            "name its currency or primary exchange",
        )
    [(details, contract)] = listed
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
    )


def _described(contract: ib_insync.Contract) -> str:
    where = contract.primaryExchange or contract.exchange
    return f"{contract.symbol} {contract.secType} {where} {contract.currency} conId {contract.conId}"
