"""What IB charges for an execution: its fixed prices for US stocks, forex, options and futures."""

from decimal import Decimal

from gateway_simulator.contracts import Contract
from gateway_simulator.market import Market

CENT = Decimal("0.01")

# https://www.interactivebrokers.com/en/pricing/commissions-stocks.php, commissions-spot-currencies.php,
# commissions-options.php (a premium of ten cents and more) and commissions-futures.php (with exchange fees)
A_SHARE, LEAST_A_STOCK_ORDER, MOST_OF_VALUE = Decimal("0.005"), Decimal(1), Decimal("0.01")
AN_OPTION, LEAST_AN_OPTION_ORDER = Decimal("0.65"), Decimal(1)
OF_FOREX_VALUE, LEAST_A_FOREX_ORDER_USD = Decimal("0.00002"), Decimal(2)


def commission(contract: Contract, shares: Decimal, price: Decimal, market: Market) -> Decimal:
    """In the contract's currency."""
    if contract.sec_type == "FUT":
        return (shares * contract.fee).quantize(CENT)
    if contract.sec_type == "OPT":
        return max(shares * AN_OPTION, LEAST_AN_OPTION_ORDER).quantize(CENT)
    value = shares * price * contract.multiplier
    if contract.sec_type == "CASH":
        least = LEAST_A_FOREX_ORDER_USD
        if contract.currency != "USD":
            least *= market.rate("USD", contract.currency)
        return max(value * OF_FOREX_VALUE, least).quantize(CENT)
    return min(max(shares * A_SHARE, LEAST_A_STOCK_ORDER), value * MOST_OF_VALUE).quantize(CENT)
