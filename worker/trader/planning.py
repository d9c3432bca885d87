"""From a strategy to the orders it would take: bars through the data gate, a decision, sizes, limits."""

from dataclasses import dataclass
from decimal import Decimal

from trader.books import Books
from trader.domain.configuration import AdaptivePriority, Configuration, OrderTerms
from trader.domain.errors import GatewayNotReady
from trader.domain.hours import liquid_hours
from trader.domain.instruments import Contract
from trader.domain.market import Bar, Price
from trader.domain.orders import OrderContract, OrderType
from trader.domain.portfolio import Account
from trader.domain.quality import fit_bars, price_refusal
from trader.domain.refusal import Refusal
from trader.domain.risk import Proposal, order_refusals
from trader.domain.session import may_go
from trader.domain.sizing import capital, limit_price, order_quantity, target_quantity, unit_value
from trader.domain.strategy import AnyStrategy, Decision
from trader.domain.targets import Flat, Hold, Target, Weight, as_configured
from trader.domain.wire import Wire
from trader.plans import OrderWish
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
    """An order as it would be sent, or why there is none; ``gate`` says why it may not go now."""

    wish: OrderWish | None = None
    price: Price | None = None
    refusals: tuple[Refusal, ...] = ()
    gate: Refusal | None = None


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
    strategy: str, signal: Signal, books: Books, configuration: Configuration, ports: Ports
) -> Planned:
    """Return the order that brings what ``strategy`` holds, with its orders in flight, to what it wants.

    An order that a limit refuses is returned with its refusals: it shows what was refused.
    """
    if isinstance(signal.target, Hold):
        return Planned()
    contract, now = signal.contract, ports.clock.now()
    if not contract.can_be_ordered:
        return Planned(refusals=(_only_looked_at(contract),))
    price = await ports.market_data.price(contract, data_type=configuration.market_data_type)
    refusal = price_refusal(
        price,
        session=liquid_hours(contract).session_at(now),
        now=now,
        age_seconds=configuration.limits.price_age_seconds,
    )
    if refusal:
        return Planned(price=price, refusals=(refusal,))
    unit = unit_value(price.value, contract.multiplier, _fx(ports.broker.account(), contract.currency))
    wanted = _wanted(strategy, signal.target, unit, configuration, ports)
    held = books.holding(strategy, contract.con_id)
    quantity = order_quantity(wanted, held, books.under_way(strategy, contract.con_id))
    if quantity == 0:
        return Planned(price=price)
    terms = configuration.order
    proposal = Proposal(strategy, str(contract), held, quantity, unit)
    refusals = order_refusals(proposal, configuration)
    closed = books.closed.get(contract.con_id)
    if closed and not proposal.only_reduces:
        refusals = (*refusals, closed)
    wish = OrderWish(
        contract=OrderContract.of(contract),
        quantity=quantity,
        order_type=terms.type,
        tif=terms.tif,
        limit_price=limit_price(price.value, quantity, terms.limit_offset_percent, contract.min_tick)
        if terms.type is OrderType.LMT
        else None,
        adaptive_priority=_adaptive(terms),
        wanted={strategy: quantity},
        reduces=proposal.only_reduces,
    )
    return Planned(wish, price, refusals, may_go(terms.type, terms.tif, None, contract, now))


def _only_looked_at(contract: Contract) -> Refusal:
    return Refusal(
        code="not-tradable",
        message=f"expected a contract that can be ordered, found {contract} ({contract.sec_type}); "
        "name a month of the future, or a fund that follows the index",
    )


def _adaptive(terms: OrderTerms) -> str | None:
    has_it = terms.type is not OrderType.MOC and terms.adaptive_priority is not AdaptivePriority.NONE
    return terms.adaptive_priority.value if has_it else None


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
