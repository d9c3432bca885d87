"""The demo's second act: a mixed day of two strategies that disagree, rehearsed hour by hour."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from trader.domain.status import Status
from trader.domain.wire import JsonObject
from trader.entrypoints.demo.scene import Broken, Scene, Step

NEW_YORK = ZoneInfo("America/New_York")
STRATEGIES = ("testsignalgenerator", "buy-and-hold")
A_FEW = Decimal(5)
WAIT_S = 20.0
"""How long the gateway may take to tell of an order or a position: a moment, mostly."""


def _at(day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, 11, day, hour, minute, 5, tzinfo=NEW_YORK)


OPENS = _at(25, 9, 29)
"""Just before the opening of a Wednesday; the day after it is Thanksgiving."""


def configured(account: str) -> JsonObject:
    """Return a configuration in which both strategies may trade SPY, one more of it than the other."""
    limits: JsonObject = {
        "enabled": True,
        "allowedSymbols": ["SPY"],
        "maxNotional": 60_000,
        "allowShort": True,
    }
    return {
        "account": account,
        "allowedAccounts": [account],
        "exposure": {"overall": 1, "strategies": dict(zip(STRATEGIES, (0.2, 0.5), strict=True))},
        "strategies": dict.fromkeys(STRATEGIES, limits),
        "limits": {"orderNotional": 100_000},
        "restartWindow": None,
    }


def _active(scene: Scene) -> str:
    return f"trading was {scene.outcome['before']} and is now {scene.outcome['after']}"


def _allocated(scene: Scene) -> str:
    (line,) = scene.outcome["netting"]
    (order,) = scene.result.orders
    crossed = sum(Decimal(part) for part in line["crossed"].values() if Decimal(part) > 0)
    if not crossed or order.filled != Decimal(line["quantity"]):
        raise Broken(f"expected a part that crosses and the rest filled, found {line} and {order.filled}")
    wishes = ", ".join(f"{name} wants {Decimal(part):+}" for name, part in line["wishes"].items())
    return (
        f"{wishes}: {crossed} cross inside at {line['price']}, one order of {order.filled:+} SPY goes out, "
        "and each strategy's books have what it asked for"
    )


def _again(scene: Scene) -> str:
    moved = sum((abs(order.quantity) for order in scene.result.orders), Decimal(0))
    if scene.outcome["cancelled"] or moved > A_FEW:
        raise Broken(f"expected no cancel and a few shares at most, found {moved}")
    return (
        "asked again half an hour later: no order by hand is cancelled, and only what prices have moved "
        f"since is ordered, {moved} SPY"
    )


def _by_hand(scene: Scene) -> str:
    orders = scene.outcome["snapshot"]["openOrders"]
    if len(orders) != 1 or orders[0]["reference"]:
        raise Broken(f"expected one order by hand, found {len(orders)} open")
    (order,) = orders
    what = f"{order['quantity']} {order['contract']['symbol']}"
    return f"an order by hand stands beside ours, {what}, and no strategy's run touches it"


def _checked(scene: Scene) -> str:
    if scene.outcome["breaches"]:
        raise Broken(f"expected no breach, found {scene.outcome['breaches']}")
    measures = scene.outcome["measures"]
    day = measures["day"]
    return (
        f"{Decimal(day['change']):+.2f} {day['currency']} since the start of the day, "
        f"{Decimal(measures['grossExposure']):.0%} of the account at work: within every limit"
    )


def _reported(scene: Scene) -> str:
    if scene.outcome["breaks"]:
        raise Broken(f"expected books that agree, found {scene.outcome['breaks']}")
    closes = datetime.fromisoformat(scene.outcome["sessions"][0]["closesAt"]).astimezone(NEW_YORK)
    held = len(scene.outcome["snapshot"]["positions"])
    return f"reconciled before the close at {closes:%H:%M}: {held} position, the same in our books and there"


def _closed(scene: Scene) -> str:
    if scene.outcome["residue"]:
        raise Broken(f"expected nothing left, found {scene.outcome['residue']}")
    cancelled, closed = len(scene.outcome["cancels"]), len(scene.result.orders)
    return f"flat: {cancelled} order by hand cancelled, then {closed} position closed"


def _holiday(scene: Scene) -> str:
    reason = scene.result.reason
    return (
        f"a holiday is no failure, and nothing waits for the next session: {reason.message if reason else ''}"
    )


_ALLOCATION: JsonObject = {"intent": "allocation", "strategies": list(STRATEGIES)}

DAY = (
    Step(
        lambda _: {"intent": "set-trading-state", "state": "active", "reason": "the demo's day"},
        Status.SUCCEEDED,
        _active,
    ),
    Step(lambda _: _ALLOCATION, Status.SUCCEEDED, _allocated, at=_at(25, 9, 30)),
    Step(lambda _: {"intent": "reconcile"}, Status.SUCCEEDED, _by_hand, within_s=WAIT_S, at=_at(25, 10, 1)),
    Step(lambda _: _ALLOCATION, Status.SUCCEEDED, _again),
    Step(lambda _: {"intent": "risk-check"}, Status.SUCCEEDED, _checked, at=_at(25, 13, 0)),
    Step(lambda _: {"intent": "eod-check"}, Status.SUCCEEDED, _reported, at=_at(25, 15, 55)),
    Step(lambda _: {"intent": "close-all"}, Status.SUCCEEDED, _closed),
    Step(lambda _: _ALLOCATION, Status.SKIPPED, _holiday, code="market-closed", at=_at(26, 9, 30)),
)
