"""What the gateway says, one table a message (open and completed orders are in orders.py)."""
# ruff: noqa: RUF009 - only() makes a dataclass field

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from gateway_simulator.wire.contracts import ShownContract
from gateway_simulator.wire.fields import (
    NUMBER,
    TEXT,
    ZERO,
    Escaped,
    Flag,
    Int,
    Number,
    Text,
    UnsetNumber,
    only,
)
from gateway_simulator.wire.layout import Group, Many, Message
from gateway_simulator.wire.orders import NOT_SHOWN, CompletedOrder, OpenOrder, TagValue

Shown = Annotated[ShownContract, Group(ShownContract)]
TagValues = Annotated[tuple[TagValue, ...], Many(Group(TagValue))]


@dataclass(frozen=True, slots=True, kw_only=True)
class TickPrice(Message):
    """A price and its size."""

    code, revision = 1, 6
    req_id: Int = 0
    tick_type: Int = 0
    price: Number = ZERO
    size: Number = ZERO
    attributes: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSize(Message):
    """A size."""

    code, revision = 2, 6
    req_id: Int = 0
    tick_type: Int = 0
    size: Number = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatus(Message):
    """Where an order stands."""

    code = 3
    order_id: Int = 0
    status: Text = ""
    filled: Number = ZERO
    remaining: Number = ZERO
    average_price: Number = ZERO
    perm_id: Int = 0
    parent_id: Int = 0
    last_price: Number = ZERO
    client_id: Int = 0
    why_held: Text = ""
    market_cap_price: Number = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Error(Message):
    """An error, a warning or a notice; id -1 is about no request."""

    code, revision = 4, 2
    req_id: Int = -1
    error_code: Int = 0
    text: Text = ""
    advanced_reject: Text = only("", since=166)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountValue(Message):
    """One value of an account."""

    code, revision = 6, 2
    tag: Text = ""
    value: Text = ""
    currency: Text = ""
    account: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioValue(Message):
    """One position of an account, valued; its exchange is the primary one."""

    code, revision = 7, 8
    contract: Shown = NOT_SHOWN
    position: Number = ZERO
    market_price: Number = ZERO
    market_value: Number = ZERO
    average_cost: Number = ZERO
    unrealized_pnl: Number = ZERO
    realized_pnl: Number = ZERO
    account: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdateTime(Message):
    """When the account's values were taken, HH:MM."""

    code, revision = 8, 1
    time: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextValidId(Message):
    """The next order id that a client may use."""

    code, revision = 9, 1
    order_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDetails(Message):
    """One contract that fits a request."""

    code, revision, revision_until = 10, 8, 163
    req_id: Int = 0
    symbol: Text = ""
    sec_type: Text = ""
    last_trade_date: Text = ""
    strike: Number = ZERO
    right: Text = ""
    exchange: Text = ""
    currency: Text = ""
    local_symbol: Text = ""
    market_name: Text = ""
    trading_class: Text = ""
    con_id: Int = 0
    min_tick: Number = ZERO
    size_multiplier: Int = only(1, until=163)
    multiplier: Text = ""
    order_types: Text = ""
    valid_exchanges: Text = ""
    price_magnifier: Int = 1
    under_con_id: Int = 0
    long_name: Escaped = ""
    primary_exchange: Text = ""
    contract_month: Text = ""
    industry: Text = ""
    category: Text = ""
    subcategory: Text = ""
    time_zone: Text = ""
    trading_hours: Text = ""
    liquid_hours: Text = ""
    ev_rule: Text = ""
    ev_multiplier: Int = 0
    sec_ids: TagValues = ()
    agg_group: Int = 1
    under_symbol: Text = ""
    under_sec_type: Text = ""
    market_rule_ids: Text = ""
    real_expiration_date: Text = ""
    stock_type: Text = ""
    size_min_tick: Number = only(ZERO, since=163, until=163)
    min_size: Number = only(ZERO, since=164)
    size_increment: Number = only(ZERO, since=164)
    suggested_size_increment: Number = only(ZERO, since=164)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecDetails(Message):
    """One execution; id -1 when it has just happened, else the request's."""

    code = 11
    req_id: Int = -1
    order_id: Int = 0
    contract: Shown = NOT_SHOWN
    exec_id: Text = ""
    time: Text = ""
    account: Text = ""
    exchange: Text = ""
    side: Text = ""
    shares: Number = ZERO
    price: Number = ZERO
    perm_id: Int = 0
    client_id: Int = 0
    liquidation: Int = 0
    cumulative: Number = ZERO
    average_price: Number = ZERO
    order_ref: Text = ""
    ev_rule: Text = ""
    ev_multiplier: Number = ZERO
    model_code: Text = ""
    last_liquidity: Int = 0
    pending_price_revision: Flag = only(default=False, since=178)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedAccounts(Message):
    """The accounts of this login, joined by commas."""

    code, revision = 15, 1
    accounts: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRecord:
    """One bar of historical data."""

    date: Text = ""
    open: Number = ZERO
    high: Number = ZERO
    low: Number = ZERO
    close: Number = ZERO
    volume: Number = ZERO
    average: Number = ZERO
    count: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalData(Message):
    """All bars of a request, and the time that they cover."""

    code = 17
    req_id: Int = 0
    start: Text = ""
    end: Text = ""
    bars: Annotated[tuple[BarRecord, ...], Many(Group(BarRecord))] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TickOptionComputation(Message):
    """What a model makes of an option's price; -1 or -2 stands for what it can't."""

    code = 21
    req_id: Int = 0
    tick_type: Int = 0
    attributes: Int = 0  # 1: based on the price, not on its return
    implied_volatility: Number = ZERO
    delta: Number = ZERO
    price: Number = ZERO
    dividends: Number = ZERO
    gamma: Number = ZERO
    vega: Number = ZERO
    theta: Number = ZERO
    underlying_price: Number = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class TickGeneric(Message):
    """A number of another kind, whether trading is halted for example."""

    code, revision = 45, 6
    req_id: Int = 0
    tick_type: Int = 0
    value: Number = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class TickString(Message):
    """A text, the time of the last trade for example."""

    code, revision = 46, 6
    req_id: Int = 0
    tick_type: Int = 0
    value: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentTime(Message):
    """The gateway's clock, in seconds since 1970."""

    code, revision = 49, 1
    time: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDetailsEnd(Message):
    """That were all."""

    code, revision = 52, 1
    req_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrderEnd(Message):
    """That were all."""

    code, revision = 53, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDownloadEnd(Message):
    """The account's values and portfolio have been sent once."""

    code, revision = 54, 1
    account: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecDetailsEnd(Message):
    """That were all."""

    code, revision = 55, 1
    req_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSnapshotEnd(Message):
    """The snapshot is complete."""

    code, revision = 57, 1
    req_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDataType(Message):
    """Live (1), frozen (2), delayed (3) or delayed frozen (4) data follows."""

    code, revision = 58, 1
    req_id: Int = 0
    type: Int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionReport(Message):
    """What an execution cost, and what it realised if it closed something."""

    code, revision = 59, 1
    exec_id: Text = ""
    commission: Number = ZERO
    currency: Text = ""
    realized_pnl: UnsetNumber = None
    yield_: UnsetNumber = None
    yield_redemption_date: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Position(Message):
    """A position, zero when it has just been closed."""

    code, revision = 61, 3
    account: Text = ""
    contract: Shown = NOT_SHOWN
    position: Number = ZERO
    average_cost: Number = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionEnd(Message):
    """That were all."""

    code, revision = 62, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSummary(Message):
    """One chosen value of an account."""

    code, revision = 63, 1
    req_id: Int = 0
    account: Text = ""
    tag: Text = ""
    value: Text = ""
    currency: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSummaryEnd(Message):
    """That were all."""

    code, revision = 64, 1
    req_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMulti(Message):
    """A position of one account."""

    code, revision = 71, 1
    req_id: Int = 0
    account: Text = ""
    contract: Shown = NOT_SHOWN
    position: Number = ZERO
    average_cost: Number = ZERO
    model_code: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMultiEnd(Message):
    """That were all."""

    code, revision = 72, 1
    req_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdateMulti(Message):
    """One value of one account."""

    code, revision = 73, 1
    req_id: Int = 0
    account: Text = ""
    model_code: Text = ""
    tag: Text = ""
    value: Text = ""
    currency: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdateMultiEnd(Message):
    """That were all."""

    code, revision = 74, 1
    req_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityDefinitionOptionParameter(Message):
    """The expiries and strikes of one class of options at one exchange; not each pair of them exists."""

    code = 75
    req_id: Int = 0
    exchange: Text = ""
    under_con_id: Int = 0
    trading_class: Text = ""
    multiplier: Text = ""
    expiries: Annotated[tuple[str, ...], Many(TEXT)] = ()
    strikes: Annotated[tuple[Decimal, ...], Many(NUMBER)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityDefinitionOptionParameterEnd(Message):
    """That were all."""

    code = 76
    req_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReqParams(Message):
    """The contract's tick, and where its best quote may come from."""

    code = 81
    req_id: Int = 0
    min_tick: Number = ZERO
    bbo_exchange: Text = ""
    snapshot_permissions: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PnL(Message):
    """An account's profit and loss today."""

    code = 94
    req_id: Int = 0
    daily: UnsetNumber = None
    unrealized: UnsetNumber = None
    realized: UnsetNumber = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PnLSingle(Message):
    """A position's profit and loss today."""

    code = 95
    req_id: Int = 0
    position: Number = ZERO
    daily: UnsetNumber = None
    unrealized: UnsetNumber = None
    realized: UnsetNumber = None
    value: UnsetNumber = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBound(Message):
    """An order placed by hand has been given an order id."""

    code = 100
    perm_id: Int = 0
    client_id: Int = 0
    order_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrdersEnd(Message):
    """That were all."""

    code = 102


TABLES: tuple[type[Message], ...] = (
    TickPrice,
    TickSize,
    OrderStatus,
    Error,
    OpenOrder,
    AccountValue,
    PortfolioValue,
    AccountUpdateTime,
    NextValidId,
    ContractDetails,
    ExecDetails,
    ManagedAccounts,
    HistoricalData,
    TickOptionComputation,
    TickGeneric,
    TickString,
    CurrentTime,
    ContractDetailsEnd,
    OpenOrderEnd,
    AccountDownloadEnd,
    ExecDetailsEnd,
    TickSnapshotEnd,
    MarketDataType,
    CommissionReport,
    Position,
    PositionEnd,
    AccountSummary,
    AccountSummaryEnd,
    PositionMulti,
    PositionMultiEnd,
    AccountUpdateMulti,
    AccountUpdateMultiEnd,
    SecurityDefinitionOptionParameter,
    SecurityDefinitionOptionParameterEnd,
    TickReqParams,
    PnL,
    PnLSingle,
    OrderBound,
    CompletedOrder,
    CompletedOrdersEnd,
)
"""Each message that the gateway may send."""
