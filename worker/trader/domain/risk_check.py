"""What a look at the account measures, and which of it is a breach."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from pydantic import Field

from trader.domain.configuration import Configuration
from trader.domain.day import DayResult
from trader.domain.portfolio import Account, Position
from trader.domain.valuation import figure, securities, value_of
from trader.domain.wire import Amount, Time, Wire

PLACES = Decimal("0.0001")


class WorkingOrder(Wire):
    """An order of ours that works."""

    reference: str
    instrument: str
    quantity: Amount
    filled: Amount
    since: Time = Field(description="When it was planned, or was to start.")
    minutes: int


class Unowned(Wire):
    """A position of which a part belongs to nobody in our books."""

    con_id: int
    instrument: str
    position: Amount
    owned: Amount = Field(description="What our books give to owners, EXTERNAL included.")


class StrategyExposure(Wire):
    """What one strategy's holdings are worth, in the base currency."""

    strategy: str
    value: Amount = Field(description="The sum without signs.")
    max_notional: Amount | None = Field(description="Its limit; null for one that isn't configured.")


class Measures(Wire):
    """The account as it was found; amounts are in the base currency."""

    day: DayResult | None = Field(description="Null while the day's start value isn't written.")
    net_liquidation: Amount
    gross_value: Amount = Field(description="All positions but currencies, without their signs.")
    gross_exposure: Amount | None = Field(description="As a multiple of net liquidation; null below 0.")
    positions: int
    strategies: tuple[StrategyExposure, ...]
    working: tuple[WorkingOrder, ...]
    unowned: tuple[Unowned, ...]
    currency: str


class Breach(Wire):
    """A limit that doesn't hold."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Scene:
    """What is measured: the account, its positions, what each owner holds, and what works."""

    account: Account
    positions: tuple[Position, ...]
    held: Mapping[tuple[str, int], Decimal]
    day: DayResult | None
    working: tuple[WorkingOrder, ...]
    unowned: tuple[Unowned, ...]


def unowned(positions: tuple[Position, ...], held: Mapping[tuple[str, int], Decimal]) -> tuple[Unowned, ...]:
    """Return the positions that don't sum to what their owners hold."""
    found = []
    for position in securities(positions):
        owned = sum((part for (_, con_id), part in held.items() if con_id == position.con_id), Decimal(0))
        if owned != position.quantity:
            line = Unowned(
                con_id=position.con_id, instrument=position.symbol, position=position.quantity, owned=owned
            )
            found.append(line)
    return tuple(found)


def measure(scene: Scene, configuration: Configuration) -> Measures:
    """Return the measures; raises GatewayNotReady while a figure of the account is missing."""
    account, held = scene.account, securities(scene.positions)
    net = figure(account, "NetLiquidation")
    gross = sum((abs(value_of(position, account)) for position in held), Decimal(0))
    return Measures(
        day=scene.day,
        net_liquidation=net,
        gross_value=gross,
        gross_exposure=(gross / net).quantize(PLACES) if net > 0 else None,
        positions=len(held),
        strategies=_strategies(scene, configuration),
        working=scene.working,
        unowned=scene.unowned,
        currency=account.base_currency,
    )


def breaches(found: Measures, configuration: Configuration) -> tuple[Breach, ...]:
    """Return every limit that ``found`` breaks.

    Codes: ``daily-drawdown``, ``gross-exposure``, ``positions``, ``strategy-notional``, ``stuck-order``,
    ``unowned-position``.
    """
    return tuple(_breaches(found, configuration))


def _breaches(found: Measures, configuration: Configuration) -> Iterator[Breach]:
    limits, money = configuration.limits, found.currency
    if found.day and _is_drawdown(found.day, limits.daily_drawdown_percent):
        day = found.day
        percent = (
            "of an account in debt" if day.change_percent is None else f"or {-day.change_percent:f} percent"
        )
        yield _breach(
            "daily-drawdown",
            f"a loss below limits.dailyDrawdownPercent {limits.daily_drawdown_percent} "
            f"of {day.start:.2f} {money}",
            f"{-day.change:.2f} {money}, {percent}",
        )
    if found.gross_value > limits.gross_exposure * max(found.net_liquidation, Decimal(0)):
        yield _breach(
            "gross-exposure",
            f"positions of at most limits.grossExposure {limits.gross_exposure} times net liquidation",
            f"{found.gross_value:.2f} of {found.net_liquidation:.2f} {money}",
        )
    if found.positions > limits.positions:
        yield _breach("positions", f"at most limits.positions {limits.positions}", str(found.positions))
    for line in found.strategies:
        if line.max_notional is not None and line.value > line.max_notional:
            expected = f"at most strategies.{line.strategy}.maxNotional {line.max_notional}"
            yield _breach("strategy-notional", expected, f"{line.value:.2f} {money}")
    for order in found.working:
        if order.minutes >= limits.stuck_after_minutes:
            yield _breach(
                "stuck-order",
                f"no order working for limits.stuckAfterMinutes {limits.stuck_after_minutes}",
                f"{order.quantity:f} {order.instrument} ({order.reference}) for {order.minutes} minutes",
            )
    for part in found.unowned:
        yield _breach(
            "unowned-position",
            f"an owner of all {part.position:f} {part.instrument}",
            f"owners of {part.owned:f}; `trade-reconciliation` gives what was traded by hand to EXTERNAL",
        )


def _is_drawdown(day: DayResult, percent: Decimal) -> bool:
    """Return whether the day's loss is a breach; of an account that began in debt any loss is."""
    if day.start <= 0:
        return day.change < 0
    return -day.change * 100 >= percent * day.start


def _strategies(scene: Scene, configuration: Configuration) -> tuple[StrategyExposure, ...]:
    """Return what each strategy holds at the positions' prices; what no position prices isn't counted."""
    units = {p.con_id: value_of(p, scene.account) / p.quantity for p in securities(scene.positions)}
    values: dict[str, Decimal] = {}
    for (owner, con_id), quantity in scene.held.items():
        if owner in configuration.strategies and con_id in units:
            values[owner] = values.get(owner, Decimal(0)) + abs(quantity * units[con_id])
    return tuple(
        StrategyExposure(
            strategy=owner,
            value=value.quantize(PLACES),
            max_notional=configuration.strategies[owner].max_notional,
        )
        for owner, value in sorted(values.items())
    )


def _breach(code: str, expected: str, found: str) -> Breach:
    return Breach(code=code, message=f"expected {expected}, found {found}")
