"""What a client may ask, one table a message, each named as the API names it (orders are in orders.py)."""
# ruff: noqa: RUF009 - only() makes a dataclass field

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from gateway_simulator.wire.contracts import AskedContract
from gateway_simulator.wire.fields import Flag, Int, Text, only
from gateway_simulator.wire.layout import Group, Many, Maybe, Message
from gateway_simulator.wire.orders import NO_CONTRACT, DeltaNeutral, PlaceOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioLeg:
    """A leg of a combination, in requests for data."""

    con_id: Int = 0
    ratio: Int = 0
    action: Text = ""
    exchange: Text = ""


Asked = Annotated[AskedContract, Group(AskedContract)]
RatioLegs = Annotated[tuple[RatioLeg, ...], Many(Group(RatioLeg))]
MaybeDeltaNeutral = Annotated[DeltaNeutral | None, Maybe(DeltaNeutral)]


def _is_combination(request: "ReqMktData | ReqHistoricalData") -> bool:
    return request.contract.sec_type == "BAG"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMktData(Message):
    """Prices of a contract, once or until cancelled."""

    code, revision = 1, 11
    req_id: Int = 0
    contract: Asked = NO_CONTRACT
    legs: RatioLegs = only((), when=_is_combination)
    delta_neutral_contract: MaybeDeltaNeutral = None
    generic_ticks: Text = ""
    snapshot: Flag = False
    regulatory_snapshot: Flag = False
    options: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelMktData(Message):
    """No more prices."""

    code, revision = 2, 2
    req_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder(Message):
    """Cancel one order of this client."""

    code, revision = 4, 1
    order_id: Int = 0
    manual_cancel_time: Text = only("", since=169)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqOpenOrders(Message):
    """The open orders of this client."""

    code, revision = 5, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountUpdates(Message):
    """Subscribe to one account's values and portfolio, or end it."""

    code, revision = 6, 2
    subscribe: Flag = False
    account: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqExecutions(Message):
    """Executions since the gateway's midnight that fit a filter."""

    code, revision = 7, 3
    req_id: Int = 0
    client_id: Int = 0
    account: Text = ""
    time: Text = ""
    symbol: Text = ""
    sec_type: Text = ""
    exchange: Text = ""
    side: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqIds(Message):
    """The next valid order id."""

    code, revision = 8, 1
    count: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqContractDetails(Message):
    """Every contract that fits."""

    code, revision = 9, 8
    req_id: Int = 0
    contract: Asked = NO_CONTRACT
    include_expired: Flag = False
    sec_id_type: Text = ""
    sec_id: Text = ""
    issuer_id: Text = only("", since=176)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetServerLogLevel(Message):
    """How much the gateway logs; of no effect here."""

    code, revision = 14, 1
    level: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAutoOpenOrders(Message):
    """Client 0 takes over orders placed by hand."""

    code, revision = 15, 1
    bind: Flag = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAllOpenOrders(Message):
    """The open orders of every client, and those placed by hand."""

    code, revision = 16, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqManagedAccts(Message):
    """The accounts of this login."""

    code, revision = 17, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqHistoricalData(Message):
    """Bars."""

    code = 20
    req_id: Int = 0
    contract: Asked = NO_CONTRACT
    include_expired: Flag = False
    end: Text = ""
    bar_size: Text = ""
    duration: Text = ""
    regular_hours: Flag = False
    what_to_show: Text = ""
    date_format: Int = 1
    legs: RatioLegs = only((), when=_is_combination)
    keep_up_to_date: Flag = False
    chart_options: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelHistoricalData(Message):
    """No more bars."""

    code, revision = 25, 1
    req_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqCurrentTime(Message):
    """The gateway's clock."""

    code, revision = 49, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqGlobalCancel(Message):
    """Cancel every open order, whoever placed it."""

    code, revision = 58, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMarketDataType(Message):
    """Live (1), frozen (2), delayed (3) or delayed frozen (4) data from now on."""

    code, revision = 59, 1
    type: Int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPositions(Message):
    """Every position of every account, and its changes."""

    code, revision = 61, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountSummary(Message):
    """Chosen values of all accounts, and their changes."""

    code, revision = 62, 1
    req_id: Int = 0
    group: Text = ""
    tags: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAccountSummary(Message):
    """No more of them."""

    code, revision = 63, 1
    req_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPositions(Message):
    """No more changes of positions."""

    code, revision = 64, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StartApi(Message):
    """The first message after the handshake: who the client is."""

    code, revision = 71, 2
    client_id: Int = 0
    optional_capabilities: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPositionsMulti(Message):
    """Positions of one account or model, and their changes."""

    code, revision = 74, 1
    req_id: Int = 0
    account: Text = ""
    model_code: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPositionsMulti(Message):
    """No more of them."""

    code, revision = 75, 1
    req_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountUpdatesMulti(Message):
    """Values of one account or model, and their changes."""

    code, revision = 76, 1
    req_id: Int = 0
    account: Text = ""
    model_code: Text = ""
    ledger_only: Flag = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAccountUpdatesMulti(Message):
    """No more of them."""

    code, revision = 77, 1
    req_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqSecDefOptParams(Message):
    """Expiries and strikes of the options on a contract, by exchange and class."""

    code = 78
    req_id: Int = 0
    symbol: Text = ""
    fut_fop_exchange: Text = ""
    sec_type: Text = ""
    con_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPnL(Message):
    """An account's profit and loss, as it changes."""

    code = 92
    req_id: Int = 0
    account: Text = ""
    model_code: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPnL(Message):
    """No more of it."""

    code = 93
    req_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPnLSingle(Message):
    """A position's profit and loss, as it changes."""

    code = 94
    req_id: Int = 0
    account: Text = ""
    model_code: Text = ""
    con_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPnLSingle(Message):
    """No more of it."""

    code = 95
    req_id: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqCompletedOrders(Message):
    """Orders that ended since the gateway's midnight."""

    code = 99
    api_only: Flag = False


TABLES: MappingProxyType[str, type[Message]] = MappingProxyType(
    {
        str(cls.code): cls
        for cls in (
            ReqMktData,
            CancelMktData,
            PlaceOrder,
            CancelOrder,
            ReqOpenOrders,
            ReqAccountUpdates,
            ReqExecutions,
            ReqIds,
            ReqContractDetails,
            SetServerLogLevel,
            ReqAutoOpenOrders,
            ReqAllOpenOrders,
            ReqManagedAccts,
            ReqHistoricalData,
            CancelHistoricalData,
            ReqCurrentTime,
            ReqGlobalCancel,
            ReqMarketDataType,
            ReqPositions,
            ReqAccountSummary,
            CancelAccountSummary,
            CancelPositions,
            StartApi,
            ReqPositionsMulti,
            CancelPositionsMulti,
            ReqAccountUpdatesMulti,
            CancelAccountUpdatesMulti,
            ReqSecDefOptParams,
            ReqPnL,
            CancelPnL,
            ReqPnLSingle,
            CancelPnLSingle,
            ReqCompletedOrders,
        )
    }
)
"""Each request by its code on the wire."""

UNSUPPORTED: MappingProxyType[str, tuple[str, int]] = MappingProxyType(
    {
        "10": ("reqMktDepth", 2),
        "12": ("reqNewsBulletins", 0),
        "18": ("requestFA", 0),
        "19": ("replaceFA", 0),
        "21": ("exerciseOptions", 2),
        "22": ("reqScannerSubscription", 1),
        "24": ("reqScannerParameters", 0),
        "50": ("reqRealTimeBars", 2),
        "52": ("reqFundamentalData", 2),
        "54": ("calculateImpliedVolatility", 2),
        "55": ("calculateOptionPrice", 2),
        "79": ("reqSoftDollarTiers", 1),
        "80": ("reqFamilyCodes", 0),
        "81": ("reqMatchingSymbols", 1),
        "82": ("reqMktDepthExchanges", 0),
        "83": ("reqSmartComponents", 1),
        "84": ("reqNewsArticle", 1),
        "85": ("reqNewsProviders", 0),
        "86": ("reqHistoricalNews", 1),
        "87": ("reqHeadTimeStamp", 1),
        "88": ("reqHistogramData", 1),
        "91": ("reqMarketRule", 0),
        "96": ("reqHistoricalTicks", 1),
        "97": ("reqTickByTickData", 1),
        "100": ("reqWshMetaData", 1),
        "102": ("reqWshEventData", 1),
        "104": ("reqUserInfo", 1),
    }
)
"""Requests that aren't answered here: their names, and where their id stands (0: they have none)."""

_NAMES = {cls: cls.__name__[0].lower() + cls.__name__[1:] for cls in TABLES.values()}


WHAT_IF = "whatIfOrder"
"""The name of a placeOrder that only asks what the order would do."""


def name(request: Message) -> str:
    """The API's name of a request: a ReqPnL is a reqPnL."""
    return WHAT_IF if getattr(request, "what_if", False) else _NAMES[type(request)]


def subject(request: Message) -> int:
    """The id that an error about a request names: its own, or that of its order; -1 where it has none."""
    found: int = getattr(request, "order_id", getattr(request, "req_id", -1))
    return found
