"""The contract that a client means."""

from dataclasses import replace

from gateway_simulator.contracts import Catalogue, Contract, ContractQuery
from gateway_simulator.refusal import Refusal
from gateway_simulator.wire.contracts import AskedContract

NONE_FOUND = "No security definition has been found for the request"


def find(
    catalogue: Catalogue, asked: AskedContract, *, include_expired: bool = False
) -> tuple[Contract, ...]:
    """Every contract that fits."""
    return catalogue.find(
        ContractQuery(
            con_id=asked.con_id,
            symbol=asked.symbol,
            sec_type=asked.sec_type,
            exchange=asked.exchange,
            primary_exchange=asked.primary_exchange,
            currency=asked.currency,
            local_symbol=asked.local_symbol,
            trading_class=asked.trading_class,
            last_trade_date=asked.last_trade_date,
            strike=asked.strike,
            right=asked.right,
            multiplier=asked.multiplier,
            include_expired=include_expired,
        )
    )


def one(catalogue: Catalogue, asked: AskedContract) -> Contract:
    """The one contract that fits, at the exchange that was asked for."""
    found = find(catalogue, asked)
    if not found:
        raise Refusal(200, NONE_FOUND)
    if len(found) > 1:
        raise Refusal(200, f"The contract description specified for {asked.symbol} is ambiguous.")
    return replace(found[0], exchange=asked.exchange or found[0].exchange)
