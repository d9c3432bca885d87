"""Contracts, prices and exchange rates for one plan, each asked for once and judged by the data gate."""

from datetime import datetime
from decimal import Decimal

from trader.domain.configuration import Configuration
from trader.domain.currencies import listed_pair
from trader.domain.errors import GatewayNotReady, Rejected
from trader.domain.hours import liquid_hours
from trader.domain.instruments import Contract, Instrument, Listed
from trader.domain.market import Price
from trader.domain.portfolio import Account, Position
from trader.domain.quality import price_refusal
from trader.domain.rebalance import Quote
from trader.domain.refusal import Refusal
from trader.domain.sizing import unit_value
from trader.ports import Ports

ANSWERED = "gateway-error"
"""The code of an error with which the gateway answered one question. From silence and drops all suffer."""
NOT_TRADABLE = "not-tradable"
"""The code of a contract that no order goes into: it is only looked at, or priced in another unit."""
SMART = "SMART"
"""Where a contract is looked for that is known by its number alone, as where no position is left in it."""


class Market:
    """What one plan knows of the market. A refusal is an answer too: it holds, and sizes nothing."""

    def __init__(self, ports: Ports, configuration: Configuration) -> None:
        self._ports = ports
        self._configuration = configuration
        self._contracts: dict[Instrument, Contract | Refusal] = {}
        self._quotes: dict[int, Quote | Refusal] = {}
        self._rates: dict[str, Decimal | Refusal] = {}
        self.prices: dict[int, Price] = {}  # by contract id, as they were told, fit or not
        self.account = _checked(ports.broker.account(), configuration)

    @property
    def now(self) -> datetime:
        """The time."""
        return self._ports.clock.now()

    @property
    def net_liquidation(self) -> Decimal:
        """What the account is worth, in its base currency; raises GatewayNotReady while that isn't told."""
        value = self.account.value("NetLiquidation")
        if value is None:
            raise GatewayNotReady(
                "account-incomplete",
                f"expected NetLiquidation in {self.account.base_currency} among the account's values, "
                "found none yet",
            )
        return value

    async def contract(self, instrument: Instrument) -> Contract | Refusal:
        """Return the contract, or why the broker has none, or has several."""
        if instrument not in self._contracts:
            try:
                self._contracts[instrument] = await self._ports.market_data.contract(instrument)
            except Rejected as error:
                message = f"{instrument}: {error.message}"
                self._contracts[instrument] = Refusal(code=error.code, message=message)
        return self._contracts[instrument]

    async def quoted(self, contract: Contract | Refusal) -> Quote | Refusal:
        """Return the price of a contract and what one unit is worth, or why nothing may be sized with it."""
        if isinstance(contract, Refusal):
            return contract
        if contract.price_magnifier != 1:
            return Refusal(
                code=NOT_TRADABLE,
                message=f"expected prices of {contract} in {contract.currency}, found them "
                f"{contract.price_magnifier} times as high, as in pence; nothing is sized with them",
            )
        return await self._valued(contract)

    async def rate(self, currency: str) -> Decimal | Refusal:
        """Return what one unit of ``currency`` is worth in the base currency, or why that isn't known.

        The account's own rate where the broker tells one, else the price of the pair. Codes: ``no-rate``,
        ``gateway-error`` where it was answered with one, and those of a contract and a price.
        """
        if currency == self.account.base_currency:
            return Decimal(1)
        if currency not in self._rates:
            told = self.account.value("ExchangeRate", currency)
            self._rates[currency] = told if told is not None and told > 0 else await self._pair(currency)
        return self._rates[currency]

    async def unit(self, position: Position) -> Decimal | None:
        """Return what one unit of a position is worth in the base currency; None if nobody can tell.

        As the broker values it, and before it does, as the market does.
        """
        rate = await self.rate(position.currency)
        if position.market_value and position.quantity and isinstance(rate, Decimal):
            return abs(position.market_value / position.quantity) * rate
        return await self.unit_of(Listed(position.con_id, position.exchange))

    async def unit_of(self, instrument: Instrument) -> Decimal | None:
        """Return what one unit is worth in the base currency by its price; None if nobody can tell.

        What nothing may be sized with, as it is priced in pence, is worth something all the same.
        """
        contract = await self.contract(instrument)
        found = contract if isinstance(contract, Refusal) else await self._valued(contract)
        return None if isinstance(found, Refusal) else found.unit

    async def _valued(self, contract: Contract) -> Quote | Refusal:
        if contract.con_id not in self._quotes:
            self._quotes[contract.con_id] = await self._quote(contract)
        return self._quotes[contract.con_id]

    async def _quote(self, contract: Contract) -> Quote | Refusal:
        price = await self._price(contract)
        rate = await self.rate(contract.currency)
        if isinstance(price, Refusal):
            return price
        if isinstance(rate, Refusal):
            return rate
        amount = price.value / contract.price_magnifier
        return Quote(contract, price, unit_value(amount, contract.multiplier, rate))

    async def _price(self, contract: Contract) -> Price | Refusal:
        limits = self._configuration.limits
        try:
            price = await self._ports.market_data.price(
                contract, data_type=self._configuration.market_data_type
            )
            self.prices[contract.con_id] = price
            refusal = price_refusal(
                price,
                session=liquid_hours(contract).session_at(self.now),
                now=self.now,
                age_seconds=limits.price_age_seconds,
            )
        except Rejected as error:
            return Refusal(code=error.code, message=error.message)
        except GatewayNotReady as error:
            if error.code != ANSWERED:
                raise
            return Refusal(code=error.code, message=error.message)
        return refusal or price

    async def _pair(self, currency: str) -> Decimal | Refusal:
        base = self.account.base_currency
        pair = listed_pair(currency, base)
        contract = await self.contract(pair)
        price = contract if isinstance(contract, Refusal) else await self._price(contract)
        if isinstance(price, Refusal):
            why = f"expected a rate of {currency} in {base}, found none: {price.message}"
            return Refusal(code=ANSWERED if price.code == ANSWERED else "no-rate", message=why)
        return price.value if pair.base == currency else 1 / price.value


def _checked(account: Account, configuration: Configuration) -> Account:
    """Return ``account``; raises Rejected when its limits are meant in another currency than its own."""
    expected = configuration.base_currency
    if expected is not None and expected != account.base_currency:
        raise Rejected(
            "base-currency",
            f"expected an account in {expected}, as baseCurrency says, found one in {account.base_currency}; "
            "limits in one can't be held against amounts in the other",
            field="baseCurrency",
        )
    return account
