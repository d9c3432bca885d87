"""From a strategy to the orders it would take: bars through the data gate, a decision, sizes, limits."""

from dataclasses import dataclass
from decimal import Decimal

from trader.domain.configuration import Configuration
from trader.domain.errors import GatewayNotReady
from trader.domain.hours import liquid_hours
from trader.domain.instruments import Contract
from trader.domain.market import Bar, Price
from trader.domain.orders import OrderReport, OrderState, OrderType
from trader.domain.portfolio import Account
from trader.domain.quality import fit_bars, price_refusal
from trader.domain.refusal import Refusal
from trader.domain.risk import Proposal, order_refusals
from trader.domain.session import may_go
from trader.domain.sizing import capital, limit_price, order_quantity, target_quantity, unit_value
from trader.domain.strategy import AnyStrategy, Decision
from trader.domain.targets import Flat, Hold, Target, Weight, as_configured
from trader.domain.wire import Wire
from trader.ports import Ports


@dataclass(frozen=True, slots=True)
class Signal:
    """What a strategy wants of one instrument, within what it is configured to do, and what it saw."""

    contract: Contract
    target: Target
    decision: Decision
    bars: tuple[Bar, ...]
    refusal: Refusal | None  # why the bars may not be used; without exposure the target is Flat all the same


@dataclass(frozen=True, slots=True)
class Planned:
    """An order as it would be sent, or why there is none."""

    order: OrderReport | None
    price: Price | None
    refusals: tuple[Refusal, ...]


async def read_signal(
    strategy: AnyStrategy, parameters: Wire, configuration: Configuration, ports: Ports
) -> Signal:
    """Return what ``strategy`` wants of its one instrument now. Unfit bars mean Hold, never a guess."""
    (needed,) = strategy.needs(parameters)
    contract = await ports.market_data.contract(needed.instrument)
    found = fit_bars(
        await ports.market_data.bars(contract, needed.size, days=needed.days),
        needed.size,
        hours=liquid_hours(contract),
        now=ports.clock.now(),
        jump_percent=configuration.limits.bar_jump_percent,
    )
    refusal = found if isinstance(found, Refusal) else None
    bars = () if isinstance(found, Refusal) else found
    if refusal:
        decision = Decision((Hold(needed.instrument, refusal.message),), {})
    else:
        decision = strategy.decide({needed: bars}, parameters)
    limits = configuration.strategies.get(strategy.id)
    (target,) = as_configured(
        decision.targets,
        exposed=_share(configuration, strategy.id) > 0,
        allow_short=limits is not None and limits.allow_short,
    )
    return Signal(contract, target, decision, bars, refusal)


async def plan_order(
    strategy: str, signal: Signal, held: Decimal, configuration: Configuration, ports: Ports
) -> Planned:
    """Return the order that brings ``held``, counting orders in flight, to what ``signal`` wants.

    An order that a limit refuses is returned with its refusals: it shows what was refused.
    """
    if isinstance(signal.target, Hold):
        return Planned(None, None, ())
    contract, now = signal.contract, ports.clock.now()
    price = await ports.market_data.price(contract, data_type=configuration.market_data_type)
    refusal = price_refusal(
        price,
        session=liquid_hours(contract).session_at(now),
        now=now,
        age_seconds=configuration.limits.price_age_seconds,
    )
    if refusal:
        return Planned(None, price, (refusal,))
    unit = unit_value(price.value, contract.multiplier, _fx(ports.broker.account(), contract.currency))
    quantity = order_quantity(_wanted(strategy, signal.target, unit, configuration, ports), held, Decimal(0))
    if quantity == 0:
        return Planned(None, price, ())
    terms = configuration.order
    refusals = order_refusals(Proposal(strategy, str(contract), held, quantity, unit), configuration)
    gate = may_go(terms.type, terms.tif, None, contract, now)
    limit = (
        limit_price(price.value, quantity, terms.limit_offset_percent, contract.min_tick)
        if terms.type is OrderType.LMT
        else None
    )
    order = OrderReport(
        instrument=str(contract),
        quantity=quantity,
        order_type=terms.type,
        tif=terms.tif,
        limit_price=limit,
        state=OrderState.PLANNED,
        filled=Decimal(0),
        currency=contract.currency,
    )
    return Planned(order, price, (*refusals, gate) if gate else refusals)


def _wanted(
    strategy: str, target: Weight | Flat, unit: Decimal, configuration: Configuration, ports: Ports
) -> Decimal:
    account = ports.broker.account()
    net_liquidation = _figure(account, "NetLiquidation", account.base_currency)
    share = configuration.exposure.strategies.get(strategy, Decimal(0))
    return target_quantity(target, capital(net_liquidation, configuration.exposure.overall, share), unit)


def _share(configuration: Configuration, strategy: str) -> Decimal:
    return configuration.exposure.overall * configuration.exposure.strategies.get(strategy, Decimal(0))


def _fx(account: Account, currency: str) -> Decimal:
    """Return what one unit of ``currency`` is worth in the account's base currency."""
    if currency == account.base_currency:
        return Decimal(1)
    return _figure(account, "ExchangeRate", currency)


def _figure(account: Account, name: str, currency: str) -> Decimal:
    value = account.value(name, currency)
    if value is None:
        raise GatewayNotReady(
            "account-incomplete", f"expected {name} in {currency} among the account's values, found none yet"
        )
    return value
