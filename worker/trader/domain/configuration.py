"""The configuration: what an account may trade, how much of it, and within which limits.

A field's description says what is expected, in the words that a refusal uses too.
"""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, PlainSerializer, StringConstraints, field_validator, model_validator
from pydantic_core.core_schema import ValidationInfo

from trader.domain.configuration_rules import broken_rule, time_zone_problem
from trader.domain.messages import AccountId
from trader.domain.orders import OrderType, TimeInForce
from trader.domain.status import Mode
from trader.domain.wire import Wire, digest, write_decimal


def _write_number(value: Decimal) -> str:
    return write_decimal(value.normalize() + 0)  # 0.90 and 0.9 are one configuration, so one version


Number = Annotated[
    Decimal, Field(max_digits=20, decimal_places=8), PlainSerializer(_write_number, return_type=str)
]
Fraction = Annotated[Number, Field(ge=0, le=1)]
Percent = Annotated[Number, Field(gt=0, le=100)]
Money = Annotated[Number, Field(gt=0, le=10**12)]
Count = Annotated[int, Field(ge=0, le=100_000)]
StrategyId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9 .-]{0,31}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
ClockTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class AdaptivePriority(StrEnum):
    """How eagerly IB's adaptive algorithm fills an order; it knows MKT and LMT only."""

    URGENT = "Urgent"
    NORMAL = "Normal"
    PATIENT = "Patient"
    NONE = "none"


class StrategyLimits(Wire):
    """What one strategy may do."""

    enabled: bool = Field(False, description="true or false: whether this strategy runs at all")
    allowed_symbols: tuple[Symbol, ...] = Field(
        min_length=1, description='the list of symbols that it may trade, in capitals, such as ["SPY"]'
    )
    max_notional: Money = Field(description="the most it may hold, in the base currency, above 0")
    allow_short: bool = Field(
        False, description="true or false: whether it may sell short; otherwise such a wish is Flat"
    )


class Exposure(Wire):
    """How much of the net liquidation value is put to work."""

    overall: Fraction = Field(
        Decimal(0), description="the fraction of net liquidation to use, from 0 to 1 (0.9 is 90 percent)"
    )
    strategies: dict[StrategyId, Fraction] = Field(
        {}, description="each strategy's fraction of that, from 0 to 1 (0.5 is half), in sum at most 1"
    )

    @field_validator("strategies")
    @classmethod
    def _sum_at_most_one(cls, shares: dict[str, Decimal]) -> dict[str, Decimal]:
        total = sum(shares.values(), Decimal(0))
        if total > 1:
            raise broken_rule(f"expected fractions whose sum is at most 1, found {total}; lower some")
        return shares

    def of(self, strategy: str) -> Decimal:
        """Return the fraction of net liquidation that a strategy may use; 0 where nothing is said of it."""
        return self.overall * self.strategies.get(strategy, Decimal(0))


class OrderTerms(Wire):
    """How orders are placed, unless a message says otherwise."""

    type: OrderType = Field(OrderType.MKT, description="MKT, LMT or MOC")
    tif: TimeInForce = Field(TimeInForce.DAY, description="DAY or GTC; a MOC order is always DAY")
    adaptive_priority: AdaptivePriority = Field(
        AdaptivePriority.NONE, description="Urgent, Normal, Patient or none; MOC orders go without it"
    )
    limit_offset_percent: Annotated[Number, Field(ge=0, le=50)] = Field(
        Decimal("0.1"),
        description="how far an LMT price is moved to be filled, in percent from 0 to 50 (0.1 is a tenth)",
    )

    @field_validator("tif")
    @classmethod
    def _moc_is_for_the_day(cls, tif: TimeInForce, info: ValidationInfo) -> TimeInForce:
        if info.data.get("type") is OrderType.MOC and tif is not TimeInForce.DAY:
            raise broken_rule(
                f"expected DAY with type MOC, found {tif}; an order at the close can't outlive its day"
            )
        return tif


class Limits(Wire):
    """What is refused whatever a strategy wants; amounts are in the base currency."""

    order_notional: Money = Field(description="the largest value of one order, in the base currency, above 0")
    gross_exposure: Annotated[Number, Field(ge=0, le=10)] = Field(
        Decimal(1), description="the largest sum of all positions, times net liquidation, from 0 to 10"
    )
    positions: Count = Field(10, description="the most positions at once, a whole number")
    orders_per_day: Count = Field(50, description="the most orders in one session date, a whole number")
    price_collar_percent: Percent = Field(
        Decimal(5), description="how far a limit price may be from the market, in percent, up to 100"
    )
    daily_drawdown_percent: Percent = Field(
        Decimal(5), description="the loss of one day that is a breach, in percent, up to 100"
    )
    stuck_after_minutes: Annotated[int, Field(ge=1, le=10_080)] = Field(
        60, description="after how many minutes a working order is reported, from 1 to 10080"
    )
    bar_jump_percent: Percent = Field(
        Decimal(30), description="the change from bar to bar that is not believed, in percent, up to 100"
    )
    price_age_seconds: Annotated[int, Field(ge=1, le=86_400)] = Field(
        120, description="how old a price may be in open hours, in seconds from 1 to 86400"
    )
    conversions_per_day: Count = Field(4, description="the most currency conversions a day, a whole number")


class RestartWindow(Wire):
    """When the gateway restarts each night, on the wall clock of ``time_zone``; ``end`` is outside."""

    start: ClockTime = Field("23:40", description='a time of day in quotes, such as "23:40"')
    end: ClockTime = Field("00:10", description='a time of day in quotes, such as "00:10"')
    time_zone: str = Field("America/New_York", description="a time zone such as America/New_York")

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, name: str) -> str:
        if problem := time_zone_problem(name):
            raise broken_rule(problem)
        return name

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.start == self.end:
            raise broken_rule(
                f"expected another time than the start, found {self.end} for both; "
                "for no window at all, set restartWindow to null",
                "end",
            )
        return self

    def contains(self, at: datetime) -> bool:
        """Return whether ``at`` (aware) is within; a window past midnight has its start above its end."""
        now = at.astimezone(ZoneInfo(self.time_zone)).time()
        start, end = time.fromisoformat(self.start), time.fromisoformat(self.end)
        return start <= now < end if start < end else now >= start or now < end

    def began(self, at: datetime) -> datetime:
        """Return when the window that contains ``at``, or else the last one before it, began."""
        now, start = at.astimezone(ZoneInfo(self.time_zone)), time.fromisoformat(self.start)
        today = now.replace(hour=start.hour, minute=start.minute, second=0, microsecond=0)
        return (today if start <= now.time() else today - timedelta(days=1)).astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.start} and {self.end} {self.time_zone}"


class Configuration(Wire):
    """All that an account's runs are bound by; read afresh for each run."""

    account: AccountId = Field(description="the account that this configuration is for, such as DU1234567")
    allowed_accounts: tuple[AccountId, ...] = Field(
        min_length=1, description="the list of accounts that may be traded"
    )
    base_currency: Currency | None = Field(
        None, description="a currency such as USD, or null for the account's own"
    )
    # Before exposure, whose own check reads it.
    strategies: dict[StrategyId, StrategyLimits] = Field({}, description="each strategy's own limits, by id")
    exposure: Exposure = Field(Exposure(), description="an object with overall and strategies")
    order: OrderTerms = Field(OrderTerms(), description="an object with type, tif and the like")
    limits: Limits = Field(description="an object with at least orderNotional")
    market_data_type: Literal[1, 2, 3, 4] = Field(
        1, description="1 (live), 2 (frozen), 3 (delayed) or 4 (delayed, frozen)"
    )
    enforce_flat_eod: bool = Field(
        False, description="true or false: whether eod-check closes what strategies hold"
    )
    reduce_only_on_breach: bool = Field(
        True, description="true or false: whether a breach sets REDUCE_ONLY by itself"
    )
    resend_proven_unsent: bool | None = Field(
        None, description="true, false, or null for true on a paper account and false on a live one"
    )
    cash_threshold: Annotated[Number, Field(ge=0, le=10**12)] = Field(
        Decimal(1000), description="the foreign cash to leave alone, in the base currency, from 0"
    )
    restart_window: RestartWindow | None = Field(
        RestartWindow(), description="an object with start, end and timeZone, or null for none"
    )

    @field_validator("allowed_accounts")
    @classmethod
    def _has_the_account(cls, allowed: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        account = info.data.get("account")
        if account is not None and account not in allowed:
            raise broken_rule(
                f"expected a list with {account}, found {', '.join(allowed)}; add it or correct account"
            )
        return allowed

    @field_validator("exposure")
    @classmethod
    def _is_for_known_strategies(cls, exposure: Exposure, info: ValidationInfo) -> Exposure:
        known = info.data.get("strategies")
        unknown = [id_ for id_ in exposure.strategies if known is not None and id_ not in known]
        if known is not None and unknown:
            raise broken_rule(
                f"expected strategies that are configured ({', '.join(sorted(known)) or 'none is'}), "
                f"found {', '.join(unknown)}; configure it under strategies.{unknown[0]}",
                f"strategies.{unknown[0]}",
            )
        return exposure

    def resends(self, mode: Mode) -> bool:
        """Return whether an order that is proven unsent is sent again."""
        return mode is Mode.PAPER if self.resend_proven_unsent is None else self.resend_proven_unsent

    @property
    def version(self) -> str:
        """What identifies this configuration in a run's record: equal ones have equal versions."""
        return digest(self.to_json())


def in_restart_window(configuration: Configuration, at: datetime) -> bool:
    """Return whether the gateway may be restarting at ``at`` (aware)."""
    window = configuration.restart_window
    return window is not None and window.contains(at)
