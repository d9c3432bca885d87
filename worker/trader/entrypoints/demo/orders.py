"""The demo's steps with orders: refused, filled once, closed though the worker is killed, and flat."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from trader.domain.ledger import holdings
from trader.domain.orders import OrderReport, OrderState
from trader.domain.status import Status
from trader.domain.wire import JsonObject
from trader.entrypoints.cli.told import Told
from trader.entrypoints.demo.scene import Broken, Scene, Step, verify_told_again

LIVE: JsonObject = {"intent": "testsignalgenerator", "id": "demo-live"}
GATEWAY_S = 20.0
"""How long the gateway may take to tell of an order or a position: a moment, or longer on a busy machine."""


def _halted(scene: Scene) -> str:
    if scene.result.orders or scene.booked:
        raise Broken("expected no order while trading is halted, found one")
    return "without dryRun it is for real, and a new account is halted: nothing was sent"


def _active(scene: Scene) -> str:
    return f"trading was {scene.outcome['before']} and is now {scene.outcome['after']}"


def _filled(scene: Scene) -> str:
    order = _one_filled(scene)
    return (
        f"the signal is {scene.outcome['signal']}: one order, planned in the store before it was sent, "
        f"{_did(order)} at {order.average_price}"
    )


def _told_again(scene: Scene) -> str:
    verify_told_again(scene)
    return f"delivered again, with money at stake: the stored result as {scene.told.id}"


def _held(scene: Scene) -> str:
    (order,) = _orders(scene.before)
    _same_as_booked(scene, (order,))
    if (position := _positions(scene)) != {order.instrument: order.filled}:
        raise Broken(f"expected a position of {_named(order)}, found {_listed(position)}")
    return f"asked twice, sent once: the gateway tells of one order, and a position of {_named(order)}"


def _under_way(scene: Scene) -> str:
    open_orders = [order for order in scene.outcome["openOrders"] if Decimal(order["filled"])]
    if len(open_orders) != 1:
        raise Broken(f"expected one order filled in part, found {len(open_orders)}")
    (order,) = open_orders
    filled, quantity = abs(Decimal(order["filled"])), abs(Decimal(order["quantity"]))
    return f"close-all is at work: {filled} of {quantity} {order['symbol']} are closed, the rest is open"


def _closed(scene: Scene) -> str:
    order = _one_filled(scene)
    if scene.attempts < 2:
        raise Broken(
            "expected another worker to end what the killed one began, found it ended in one attempt"
        )
    if residue := scene.outcome["residue"]:
        raise Broken(f"expected nothing left to close, found {residue}")
    return (
        "the next worker found the plan in the store and its order at the gateway: "
        f"it sent no other, booked all of its fills ({_did(order)}) and told the result"
    )


def _flat(scene: Scene) -> str:
    orders = _orders(scene.before)
    _same_as_booked(scene, orders)
    held = {owner: quantity for owner, quantity in holdings(scene.booked).items() if quantity}
    positions, standing = _positions(scene), scene.outcome["openOrders"]
    if held or positions or standing:
        raise Broken(
            f"expected nothing held or open, found holdings {held}, positions {_listed(positions)} "
            f"and {len(standing)} open orders"
        )
    _verify_one_result_each(scene)
    return (
        f"{len(orders)} orders in {len(scene.booked)} fills, the same in our books and at the gateway: "
        "holdings 0, positions 0, each run with one result"
    )


def _one_filled(scene: Scene) -> OrderReport:
    orders = scene.result.orders
    if len(orders) != 1 or orders[0].state is not OrderState.FILLED or orders[0].filled != orders[0].quantity:
        found = ", ".join(f"{order.state} {_named(order)}" for order in orders) or "none"
        raise Broken(f"expected one order, filled, found {found}")
    return orders[0]


def _orders(before: Iterable[Told]) -> tuple[OrderReport, ...]:
    """Return each order that was sent, once."""
    results = [told.result for told in before if told.result and not told.result.dry_run]
    return tuple({order.reference: order for result in results for order in result.orders}.values())


def _same_as_booked(scene: Scene, orders: Sequence[OrderReport]) -> None:
    """Raise Broken unless gateway and books tell of these orders, of their fills and of no others."""
    wanted = {order.reference: order.filled for order in orders}
    told = _sums((fill["reference"], Decimal(fill["quantity"])) for fill in scene.outcome["fills"])
    booked = _sums((fill.order, fill.quantity) for fill in scene.booked)
    for where, found in {"at the gateway": told, "in the books": booked}.items():
        if found != wanted:
            raise Broken(f"expected fills of {_listed(wanted)} {where}, found {_listed(found)}")
    counts = len(scene.outcome["fills"]), len(scene.booked)
    if counts[0] != counts[1]:
        raise Broken(f"expected each fill to be booked once, found {counts[0]} fills booked as {counts[1]}")


def _verify_one_result_each(scene: Scene) -> None:
    """Raise Broken when a run was told of in two ways."""
    results: dict[str, JsonObject] = {}
    for told in scene.heard:
        if told.result is not None and results.setdefault(told.result.id, told.data) != told.data:
            raise Broken(f"expected one result of {told.result.id}, found two that differ")


def _positions(scene: Scene) -> Mapping[str, Decimal]:
    found = {position["symbol"]: Decimal(position["quantity"]) for position in scene.outcome["positions"]}
    return {symbol: quantity for symbol, quantity in found.items() if quantity}


def _sums(parts: Iterable[tuple[str, Decimal]]) -> Mapping[str, Decimal]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for name, quantity in parts:
        sums[name] += quantity
    return dict(sums)


def _did(order: OrderReport) -> str:
    return f"{'bought' if order.filled > 0 else 'sold'} {abs(order.filled)} {order.instrument}"


def _named(order: OrderReport) -> str:
    return f"{order.filled} {order.instrument}"


def _listed(quantities: Mapping[str | None, Decimal] | Mapping[str, Decimal]) -> str:
    return ", ".join(f"{quantity} {name}" for name, quantity in quantities.items()) or "none"


_SUMMARY: JsonObject = {"intent": "summary"}

ORDER_STEPS = (
    Step(
        lambda _: {"intent": "testsignalgenerator", "id": "demo-halted"},
        Status.REJECTED,
        _halted,
        code="halted",
    ),
    Step(
        lambda _: {"intent": "set-trading-state", "state": "active", "reason": "the demo trades"},
        Status.SUCCEEDED,
        _active,
    ),
    Step(lambda _: LIVE, Status.SUCCEEDED, _filled),
    Step(lambda _: LIVE, Status.SUCCEEDED, _told_again),
    Step(lambda _: _SUMMARY, Status.SUCCEEDED, _held, within_s=GATEWAY_S),
    Step(
        lambda _: {"intent": "close-all", "id": "demo-close"},
        Status.SUCCEEDED,
        _closed,
        killed_at=Step(lambda _: _SUMMARY, Status.SUCCEEDED, _under_way, within_s=GATEWAY_S),
    ),
    Step(lambda _: _SUMMARY, Status.SUCCEEDED, _flat, within_s=GATEWAY_S),
)
