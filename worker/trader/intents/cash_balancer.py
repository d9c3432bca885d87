"""Converts cash in other currencies above a threshold, borrowed cash too, into the base currency."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import ConfigDict, Field

from trader.books import Books, read_books
from trader.domain.configuration import Configuration, Number
from trader.domain.conversion import (
    Balance,
    conversion_quantity,
    conversion_refusals,
    conversions_on,
    foreign_balances,
    held_by_strategies,
    under_way,
    unsettled,
)
from trader.domain.errors import Rejected, Skipped
from trader.domain.hours import liquid_hours
from trader.domain.instruments import Contract, Forex
from trader.domain.ledger import CASH, BookedFill
from trader.domain.market import Price
from trader.domain.messages import Command, Outcome
from trader.domain.orders import OrderContract, OrderType, TimeInForce
from trader.domain.portfolio import Account
from trader.domain.quality import price_refusal
from trader.domain.refusal import Refusal
from trader.domain.risk import collar_refusal, count_refusal
from trader.domain.session import CLOSED, goes_until, may_go, trading_day
from trader.domain.sizing import limit_price, unit_value
from trader.domain.status import IntentClass, Severity
from trader.domain.valuation import rate
from trader.domain.wire import Amount, JsonObject, Wire
from trader.intent import Completed, Intent, Run
from trader.plans import Decided, OrderWish
from trader.ports import Ports
from trader.stored import orderbook

FOR_THE_DAY = (OrderType.MKT, TimeInForce.DAY, None)
"""When a conversion may go, whatever its type: today's balance is nothing to convert tomorrow."""

EXAMPLE: JsonObject = {
    "baseCurrency": "USD",
    "threshold": "1000",
    "conversions": [
        {
            "currency": "EUR",
            "balance": "20000.75",
            "value": "22000.82",
            "pair": "EUR.USD",
            "quantity": "-20000",
            "price": "1.1",
            "refusals": [],
        }
    ],
    "left": [{"currency": "GBP", "balance": "-3.10", "value": "-4.00"}],
}


class CashBalancer(Command):
    """How much to leave alone."""

    threshold: Annotated[Number, Field(ge=0, le=10**12)] | None = Field(
        None, description="The foreign cash to leave alone, in the base currency; left out, cashThreshold."
    )


class BalanceLine(Wire):
    """Cash that is left as it is: it isn't above the threshold."""

    currency: str
    balance: Amount = Field(description="Negative where it is borrowed.")
    value: Amount = Field(description="In the base currency.")


class Conversion(BalanceLine):
    """Cash above the threshold, and the order that converts it, or why there is none."""

    pair: str | None = Field(description="As it is listed, such as EUR.USD; null where none is.")
    quantity: Amount | None = Field(description="Of the pair, signed: a sale is negative.")
    price: Amount | None
    refusals: tuple[Refusal, ...] = Field(description="Why it isn't sent, if anything is in its way.")


class CashBalancerOutcome(Outcome):
    """Each balance in another currency. The orders are the result's own."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    base_currency: str
    threshold: Amount
    conversions: tuple[Conversion, ...]
    left: tuple[BalanceLine, ...]


@dataclass(frozen=True, slots=True)
class Situation:
    """What every conversion of one run is decided on."""

    configuration: Configuration
    account: Account
    books: Books
    fills: Sequence[BookedFill]
    threshold: Decimal
    left_today: int
    orders_today: int


async def handle(command: CashBalancer, run: Run, ports: Ports) -> Completed:
    """Decide on each balance, the most valuable first, and convert; a dry run reports instead."""

    async def decide() -> Decided:
        outcome, wishes = await _decided(await _situation(command, run, ports), run, ports)
        refused = [refusal for line in outcome.conversions for refusal in line.refusals]
        if refused and not wishes and not run.dry_run:
            raise _nothing_goes(refused)
        return Decided(outcome.to_json(), wishes)

    stage = await run.desk.planned("convert", decide)
    orders = await run.desk.carry_out(stage)
    outcome = CashBalancerOutcome.model_validate(stage.record)
    refused = any(line.refusals for line in outcome.conversions)
    return Completed(outcome, orders, severity=Severity.WARNING if refused else Severity.INFO)


def _nothing_goes(refused: Sequence[Refusal]) -> Rejected | Skipped:
    open_or_not = [refusal for refusal in refused if refusal.code != CLOSED]
    if not open_or_not:
        return Skipped(refused[0].code, refused[0].message)
    return Rejected(open_or_not[0].code, open_or_not[0].message)


async def _situation(command: CashBalancer, run: Run, ports: Ports) -> Situation:
    configuration = run.desk.configuration
    # A gateway tells a client what other clients and persons order, and what fills of it, only when asked.
    await ports.orders.look_up()
    orders = [kept.value for kept in await orderbook.all_orders(ports.store, run.account)]
    now = ports.clock.now()
    return Situation(
        configuration=configuration,
        account=ports.broker.account(),
        books=await read_books(ports, run.account),
        fills=await orderbook.all_fills(ports.store, run.account),
        threshold=configuration.cash_threshold if command.threshold is None else command.threshold,
        left_today=configuration.limits.conversions_per_day - conversions_on(orders, now),
        orders_today=await orderbook.orders_of_day(ports.store, run.account, trading_day(now)),
    )


async def _decided(
    situation: Situation, run: Run, ports: Ports
) -> tuple[CashBalancerOutcome, tuple[OrderWish, ...]]:
    conversions: list[Conversion] = []
    left: list[BalanceLine] = []
    wishes: list[OrderWish] = []
    for balance in foreign_balances(situation.account):
        line = BalanceLine(currency=balance.currency, balance=balance.amount, value=balance.value)
        if abs(balance.value) <= situation.threshold:
            left.append(line)
            continue
        conversion, wish = await _conversion(balance, line, situation, len(wishes), ports)
        conversions.append(conversion)
        if wish and all(run.dry_run and why.code == CLOSED for why in conversion.refusals):
            wishes.append(wish)
    outcome = CashBalancerOutcome(
        base_currency=situation.account.base_currency,
        threshold=situation.threshold,
        conversions=tuple(conversions),
        left=tuple(left),
    )
    return outcome, tuple(wishes)


async def _conversion(
    balance: Balance, line: BalanceLine, situation: Situation, planned: int, ports: Ports
) -> tuple[Conversion, OrderWish | None]:
    """Return the conversion of ``balance`` and its order, ``planned`` others before it."""
    configuration, pair = situation.configuration, None
    try:
        pair = await _listed(balance.currency, situation.account.base_currency, ports)
        price = await _price(pair, configuration, ports)
    except Rejected as refused:
        why = Refusal(code=refused.code, message=refused.message)
        name = str(pair) if pair else None
        return Conversion(**dict(line), pair=name, quantity=None, price=None, refusals=(why,)), None
    quantity = conversion_quantity(balance, pair, price.value)
    wish = _wish(quantity, price, pair, configuration, ports.clock.now()) if quantity else None
    conversion = Conversion(
        **dict(line),
        pair=str(pair),
        quantity=quantity,
        price=price.value,
        refusals=(
            *_refusals(quantity, price, pair, situation, planned, ports),
            *_refusals_of_all(wish, price, situation, planned),
            *_doubts(balance.currency, pair, situation, ports),
        ),
    )
    return conversion, wish


async def _listed(currency: str, base: str, ports: Ports) -> Contract:
    """Return the pair of both currencies as the broker lists it; raises Rejected ``no-pair`` for none."""
    for forex in (Forex(currency, base), Forex(base, currency)):
        try:
            return await ports.market_data.contract(forex)
        except Rejected as refusal:
            if refusal.code != "unknown-instrument":
                raise
    raise Rejected(
        "no-pair", f"expected a listed pair of {currency} and {base}, found none; convert it by hand"
    )


async def _price(pair: Contract, configuration: Configuration, ports: Ports) -> Price:
    """Return a price that passes the gate; raises Rejected with the gate's code otherwise."""
    price = await ports.market_data.price(pair, data_type=configuration.market_data_type)
    now = ports.clock.now()
    session, age = liquid_hours(pair).session_at(now), configuration.limits.price_age_seconds
    if refusal := price_refusal(price, session=session, now=now, age_seconds=age):
        raise Rejected(refusal.code, refusal.message)
    return price


def _wish(
    quantity: Decimal, price: Price, pair: Contract, configuration: Configuration, now: datetime
) -> OrderWish:
    """Return the order: for the day alone, as today's balance is nothing to convert tomorrow."""
    terms = configuration.order
    limit = None
    if terms.type is OrderType.LMT:
        limit = limit_price(price.value, quantity, terms.limit_offset_percent, pair.min_tick)
    return OrderWish(
        contract=OrderContract.of(pair),
        quantity=quantity,
        order_type=OrderType.MKT if limit is None else OrderType.LMT,
        limit_price=limit,
        wanted={CASH: quantity},
        goes_until=goes_until(*FOR_THE_DAY, pair, now),
    )


def _refusals(
    quantity: Decimal, price: Price, pair: Contract, situation: Situation, planned: int, ports: Ports
) -> Iterator[Refusal]:
    """Yield the limits and the hours that stand in the way of a conversion."""
    now, limits = ports.clock.now(), situation.configuration.limits
    unit = unit_value(price.value, pair.multiplier, rate(situation.account, pair.currency))
    left_today = situation.left_today - planned
    yield from conversion_refusals(quantity, unit, pair, limits, left_today=left_today)
    if closed := may_go(*FOR_THE_DAY, pair, now):
        yield closed


def _refusals_of_all(
    wish: OrderWish | None, price: Price, situation: Situation, planned: int
) -> Iterator[Refusal]:
    """Yield the limits that every order is held to, whoever wants it."""
    limits = situation.configuration.limits
    if too_many := count_refusal(situation.orders_today + planned, limits):
        yield too_many
    if wish and wish.limit_price and (collar := collar_refusal(wish.limit_price, price.value, limits)):
        yield collar


def _doubts(currency: str, pair: Contract, situation: Situation, ports: Ports) -> Iterator[Refusal]:
    """Yield why the balance may not be cash, or not be what it is told to be, or not stay so."""
    # An order of ours may have filled, or stand in doubt, and only our books tell of it.
    ours = [record.order.contract for found in situation.books.open.values() for record in found]
    found = (
        situation.books.closed.get(pair.con_id),
        held_by_strategies(currency, situation.fills),
        under_way(currency, (*ports.broker.open_orders(), *ours)),
        unsettled(currency, (*situation.fills, *ports.broker.fills()), ports.clock.now()),
    )
    yield from (refusal for refusal in found if refusal)


INTENT = Intent(
    name="cash-balancer",
    kind=IntentClass.TRADING,
    command=CashBalancer,
    outcome=CashBalancerOutcome,
    handle=handle,
    example={"intent": "cash-balancer", "dryRun": True},
)
