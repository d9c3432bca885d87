"""An account's values as IB names and writes them: the rows of account updates and of the summary."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from gateway_simulator.valuation import MARGINED, ZERO, Valuation, of_kinds

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Value:
    """One row: what, how much, in which currency ("" where it has none)."""

    tag: str
    text: str
    currency: str = ""


def money(amount: Decimal) -> str:
    """Two decimals, as IB writes amounts."""
    return str(amount.quantize(CENT))


def account_values(valuation: Valuation) -> tuple[Value, ...]:
    """Every row: texts, amounts in the base currency, then the ledger of each currency."""
    base = valuation.account.base
    texts = {
        "AccountCode": valuation.account.account_id,
        "AccountReady": "true",
        "AccountType": "INDIVIDUAL",
        "Cushion": _cushion(valuation),
        "DayTradesRemaining": "-1",
        "LookAheadNextChange": "0",
    }
    return (
        *(Value(tag, text) for tag, text in texts.items()),
        *(Value(tag, money(amount), base) for tag, amount in _amounts(valuation).items()),
        *ledger(valuation),
    )


def ledger(valuation: Valuation) -> Iterator[Value]:
    """IB's $LEDGER rows: each currency by itself, then all of it in the base currency, named BASE."""
    for currency, rate in valuation.rates.items():
        stocks, options, futures = (
            of_kinds(valuation.holdings, kinds, currency) for kinds in ({"STK"}, {"OPT"}, MARGINED)
        )
        earning = [*stocks, *options, *futures]
        yield from _ledger_rows(
            currency,
            rate,
            cash=valuation.balances[currency],
            stocks=sum((h.value for h in stocks), ZERO),
            options=sum((h.value for h in options), ZERO),
            futures=sum((h.unrealized for h in futures), ZERO),
            unrealized=sum((h.unrealized for h in earning), ZERO),
            realized=sum((h.realized for h in earning), ZERO),
        )
    yield from _ledger_rows(
        "BASE",
        Decimal(1),
        cash=valuation.cash,
        stocks=valuation.worth("STK"),
        options=valuation.worth("OPT"),
        futures=valuation.futures_profit,
        unrealized=valuation.unrealized,
        realized=valuation.realized,
    )


def _ledger_rows(
    name: str,
    rate: Decimal,
    *,
    cash: Decimal,
    stocks: Decimal,
    options: Decimal,
    futures: Decimal,
    unrealized: Decimal,
    realized: Decimal,
) -> Iterator[Value]:
    rows = {
        "AccruedCash": money(ZERO),
        "CashBalance": money(cash),
        "Currency": name,
        "ExchangeRate": str(rate.quantize(Decimal("0.0000001")).normalize()) if rate != 1 else "1.00",
        "FuturesPNL": money(futures),
        "NetLiquidationByCurrency": money(cash + stocks + options),
        "OptionMarketValue": money(options),
        "RealCurrency": name,
        "RealizedPnL": money(realized),
        "StockMarketValue": money(stocks),
        "TotalCashBalance": money(cash),
        "UnrealizedPnL": money(unrealized),
    }
    return (Value(tag, text, name) for tag, text in rows.items())


def _amounts(valuation: Valuation) -> dict[str, Decimal]:
    net, margin, available = valuation.net_liquidation, valuation.margin, valuation.available
    return {
        "AccruedCash": ZERO,
        "AvailableFunds": available,
        "BuyingPower": valuation.buying_power,
        "EquityWithLoanValue": net,
        "ExcessLiquidity": available,
        "FullAvailableFunds": available,
        "FullExcessLiquidity": available,
        "FullInitMarginReq": margin,
        "FullMaintMarginReq": margin,
        "GrossPositionValue": valuation.gross_value,
        "InitMarginReq": margin,
        "LookAheadAvailableFunds": available,
        "LookAheadExcessLiquidity": available,
        "LookAheadInitMarginReq": margin,
        "LookAheadMaintMarginReq": margin,
        "MaintMarginReq": margin,
        "NetLiquidation": net,
        "PreviousDayEquityWithLoanValue": net - valuation.daily,
        "RegTEquity": net,
        "RegTMargin": valuation.gross_value / 2,
        "SMA": net - valuation.gross_value / 2,
        "SettledCash": valuation.cash,
        "TotalCashValue": valuation.cash,
    }


def _cushion(valuation: Valuation) -> str:
    """Excess liquidity as a part of what the account is worth."""
    net = valuation.net_liquidation
    return "0" if net <= 0 else str((valuation.available / net).quantize(Decimal("0.000001")).normalize())
