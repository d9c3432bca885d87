"""From a seed to a plan: each choice comes from one random number generator, and none is made later."""

from random import Random
from typing import get_args

from gateway_simulator.actions import Correct
from gateway_simulator.scenario import Rule
from tests.chaos.plan import (
    Blow,
    Body,
    Cast,
    Down,
    Frozen,
    GatewayDoes,
    Happening,
    How,
    Killed,
    Lag,
    Mail,
    Plan,
    ShareSet,
    StateSet,
    Stopped,
    What,
)
from trader.domain.trading_state import TradingState

MESSAGES: dict[str, tuple[Body, ...]] = {
    "testsignalgenerator": (
        {"intent": "testsignalgenerator"},
        {"intent": "testsignalgenerator", "symbol": "AAPL"},
    ),
    "allocation": (
        {"intent": "allocation", "strategies": ["testsignalgenerator", "buy-and-hold"]},
        {"intent": "allocation", "strategies": ["testsignalgenerator", "buy-and-hold"]},
        {"intent": "allocation", "strategies": ["buy-and-hold", "testsignalgenerator", "spymacdvixy"]},
        {"intent": "allocation", "strategies": ["buy-and-hold"], "orderType": "MOC"},
        {
            "intent": "allocation",
            "strategies": ["buy-and-hold", "spymacdvixy"],
            "orderType": "LMT",
            "tif": "GTC",
        },
    ),
    "spymacdvixy": ({"intent": "spymacdvixy"}, {"intent": "spymacdvixy", "shortSpy": False}),
    "close-all": (
        {"intent": "close-all"},
        {"intent": "close-all"},
        {"intent": "close-all", "strategies": ["testsignalgenerator"]},
        {"intent": "close-all", "strategies": ["buy-and-hold", "spymacdvixy"]},
    ),
    "trade-reconciliation": ({"intent": "trade-reconciliation"},),
    "reconcile": ({"intent": "reconcile", "repair": True, "reason": "it differs"},),
    "risk-check": ({"intent": "risk-check"},),
    "eod-check": ({"intent": "eod-check"},),
    "cash-balancer": ({"intent": "cash-balancer"}, {"intent": "cash-balancer", "threshold": 5}),
}
"""Live messages of each trading intent, drawn from; a test fails for an intent that isn't here."""
STRATEGIES = ("testsignalgenerator", "buy-and-hold", "spymacdvixy")
MARKETS = (*range(6), 8, 15)
"""Seeds of the market; the first six don't let SPY's daily MACD cross, the last two do, down and up."""
OTHERS: tuple[Body, ...] = (
    {"intent": "allocation", "strategies": ["testsignalgenerator", "buy-and-hold"], "dryRun": True},
    {"intent": "testsignalgenerator", "dryRun": True},
    {"intent": "close-all", "dryRun": True},
    {"intent": "summary"},
    {"intent": "reconcile"},
    {"intent": "risk-check", "dryRun": True},
    {"intent": "eod-check", "dryRun": True},
    {
        "intent": "collect-market-data",
        "instruments": ["SPY", "AAPL", "EUR.USD", "MSFT", "QQQ"],
        "barSize": "30 mins",
        "duration": "1 D",
    },
)
TICK = {"schedule": "chaos", "cron": "0 * * * *", "timeZone": "UTC"}
"""Attributes of a message that the scheduler publishes; every history begins at a full hour."""
CALLS = (
    ("", 45),
    ("store", 30),
    ("store.commit", 10),
    ("orders", 8),
    *[("orders.place", 3)] * 3,
    ("orders.look_up", 4),
    ("orders.cancel", 1),
    ("publisher", 3),
    ("market_data", 3),
)
"""What a blow may fall on, and up to which of its calls."""
FREEZES = (20.0, 50.0, 70.0, 130.0, 200.0)
THEMES = ("anything", "doubt", "two gateways", "halt", "second thoughts")
"""What a history is about, beside what else happens in it: trouble is worst where several kinds meet."""


def draw(seed: int) -> Plan:
    """Return the plan of the history ``seed``."""
    random = Random(seed)
    theme = random.choice(THEMES)
    two_workers = theme == "two gateways" or random.random() < 0.45
    gateway_of_b = "2" if theme == "two gateways" or random.random() < 0.2 else "1"
    names = ("A", "B") if two_workers else ("A",)
    length_s = 330.0 if theme == "two gateways" else random.choice((60.0, 150.0, 300.0))
    mail = _mail(random, names, theme, length_s)
    busy = [message.at for message in mail]
    return Plan(
        seed=seed,
        theme=theme,
        market_seed=random.choice(MARKETS),
        first_order_ids=(random.choice((1, 1, 1, 5)), random.choice((1, 7, 8, 9))),
        order=random.choice(LIMITS if theme == "second thoughts" else (*[MARKET] * 3, *LIMITS)),
        resends=random.random() < 0.85,
        latencies=tuple(random.choice((0.0, 0.002, 0.01, 0.3)) for _ in range(31)),
        mail=mail,
        workers=(
            _worker(random, "A", "1", 0.0, theme),
            *([_worker(random, "B", gateway_of_b, random.uniform(0, 30), "")] if two_workers else []),
        ),
        rules=_rules(random, theme),
        happenings=_happenings(random, names, theme, busy, length_s),
        length_s=length_s,
        last_gateway="2" if two_workers and gateway_of_b == "2" and random.random() < 0.5 else "1",
        next_day=random.random() < 0.1,
    )


MARKET: Body = {"type": "MKT", "tif": "DAY"}
LIMITS: tuple[Body, ...] = (
    {"type": "LMT", "tif": "GTC", "limitOffsetPercent": 0.1},
    {"type": "LMT", "tif": "DAY", "limitOffsetPercent": 0.0},
    {"type": "MOC", "tif": "DAY"},
)


def _mail(random: Random, names: tuple[str, ...], theme: str, length_s: float) -> tuple[Mail, ...]:
    mail = []
    if random.random() < 0.85:
        body = random.choice((*[MESSAGES["testsignalgenerator"][0]] * 3, MESSAGES["allocation"][0]))
        mail.append(Mail("morning", body, 0.5, ((0.0, "A"),)))
    for n in range(random.choice((2, 2, 3, 3, 4, 5))):
        again = theme == "second thoughts" and random.random() < 0.7
        body = dict(random.choice(MESSAGES["allocation"]) if again else _body(random, f"m{n + 1}"))
        if random.random() < 0.15:
            body["id"] = random.choice(("one", "two"))
        if random.random() < 0.2:
            body["then"] = [
                {**_of_a_chain(_body(random, "then")), "when": random.choice(("succeeded", "always"))}
                for _ in range(random.choice((1, 1, 2, 3)))
            ]
            body |= {"dryRun": True} if random.random() < 0.1 else {}
        deliveries = sorted(
            (random.choice((0.0, 0.0, 0.0, 5.0, 40.0, 100.0)), random.choice(names))
            for _ in range(random.choice((1, 1, 1, 2, 3)))
        )
        mail.append(
            Mail(
                id=f"m{n + 1}",
                body=body,
                at=round(random.uniform(2, min(60.0, length_s)), 1),
                deliveries=tuple(deliveries),
                comes_again=random.random() < 0.8,
                last_from=random.choice((2, 3)) if random.random() < 0.07 else None,
                attributes=TICK if random.random() < 0.1 else {},
            )
        )
    return tuple(sorted(mail, key=lambda message: message.at))


def _body(random: Random, reason: str) -> Body:
    """Return a message; ``reason`` is what a change of the trading state gives, so that it is known whose."""
    kind = random.random()
    if kind < 0.75:
        names = [*MESSAGES, *["testsignalgenerator"] * 3, *["allocation"] * 4, *["close-all"] * 3]
        return random.choice(MESSAGES[random.choice(names)])
    if kind < 0.9:
        state = random.choice(("active", "halted", "reduce-only"))
        return {"intent": "set-trading-state", "state": state, "reason": reason}
    return random.choice(OTHERS)


def _of_a_chain(body: Body) -> Body:
    """Return ``body`` as an item of then, which is as dry as its parent."""
    return {name: value for name, value in body.items() if name != "dryRun"}


def _worker(random: Random, name: str, gateway: str, starts_at: float, theme: str) -> Cast:
    first = [_blow(random)] if random.random() < 0.6 else []
    if theme == "doubt" and random.random() < 0.7:
        first = [Blow("orders.place", random.randint(1, 2), random.choice(("dies after", "dies before")))]
    if theme == "two gateways":
        how: How = random.choice(("freezes before", "freezes before", "freezes after"))
        call = random.choice(("orders.place", "orders.place", "store.commit"))
        first = [Blow(call, random.randint(1, 2 if call == "orders.place" else 12), how, FREEZES[-1])]
    if theme == "halt":
        first = [Blow(random.choice(("store", "store.commit")), random.randint(4, 24), "is halted before")]
    second = (_blow(random),) if random.random() < 0.3 else ()
    skew_s = random.choice((-3600.0, 3600.0)) if random.random() < 0.03 else random.uniform(-3.5, 3.5)
    down_s = random.choice((1.0, 15.0, 80.0))
    handler_s = random.choice((480.0, 480.0, 480.0, 480.0, 60.0, 10.0))
    return Cast(name, gateway, round(skew_s, 1), (tuple(first), second), down_s, starts_at, handler_s)


def _blow(random: Random) -> Blow:
    call, most = random.choice(CALLS)
    how: How = random.choice((*get_args(How), "dies before", "dies after"))
    seconds = random.choice(FREEZES) if how.startswith("freezes") else 0.0
    return Blow(call, random.randint(1, most), how, seconds)


def _rules(random: Random, theme: str) -> tuple[Rule, ...]:
    """Return rules of which at most one corrects an execution: the simulator can't do so twice."""
    rules = [_rule(random) for _ in range(random.choice((0, 0, 1, 1, 2, 3)))]
    if theme == "doubt":
        then = [random.choice(PLACED[:4]), {"later": {"seconds": 0.1, "then": [_lapse(random)]}}]
        when = {"event": "placeOrder", "nth": random.randint(1, 2)}
        rules.append(Rule.model_validate({"when": when, "then": then}))
    corrects = [rule for rule in rules if any(isinstance(action, Correct) for action in rule.then)]
    return tuple(rule for rule in rules if rule not in corrects[1:])


def _rule(random: Random) -> Rule:
    event, does = random.choice(FAULTS)
    when: Body = {"event": event, "nth": random.randint(1, 3)}
    then = does[random.randrange(len(does))]
    return Rule.model_validate({"when": when, "then": then})


def _lapse(random: Random) -> Body | str:
    """Return a way for the gateway to lose its memory, its count, or both."""
    return random.choice(
        (
            "forget",
            "midnight",
            {"next_valid_id": {"value": random.randint(1, 16)}},
            {"restart": {"seconds": 5, "forget": True}},
            {"restart": {"seconds": 5, "forget": True, "next_valid_id": random.randint(5, 10)}},
            {"restart": {"seconds": 5, "forget": True, "next_valid_id": random.randint(5, 10)}},
            {"restart": {"seconds": 5, "next_valid_id": random.randint(5, 10)}},
        )
    )


PLACED: tuple[Body | str, ...] = (
    {"drop": {"when": "before"}},
    {"drop": {"when": "after"}},
    "silent",
    {"delay": {"seconds": 2}},
    {"delay": {"seconds": 40}},
    {"reject": {"code": 201, "message": "Order rejected - reason:no"}},
    {"inactive": {}},
    {"error": {"code": 10349, "message": "Order TIF was set to DAY based on order preset."}},
    {"error": {"code": 404, "message": "Order held while securities are located."}},
    {"partly_fill": {"fraction": 0.4, "rest_after": 3}},
    {"partly_fill": {"fraction": 0.4, "rest_after": 45}},
    {"partly_fill": {"fraction": 0.4}},
    {"hold": {"seconds": 20}},
    {"hold": {}},
    {"outage": {"seconds": 10}},
    {"outage": {"seconds": 100, "back": 1101}},
    {"restart": {"seconds": 5}},
    {"freeze": {"seconds": 20}},
)
FILLED: tuple[Body | str, ...] = (
    "duplicate",
    "no_status",
    {"late_commission": {"seconds": 4}},
    {"correct": {"seconds": 3, "price": 100}},
    {"correct": {"seconds": 3, "shares": 1}},
    "disconnect",
    {"outage": {"seconds": 30}},
    {"manual_order": {"symbol": "SPY", "side": "BUY", "quantity": 7}},
    {"restart": {"seconds": 3}},
)
ASKED: tuple[Body | str, ...] = (
    "silent",
    "drop",
    {"delay": {"seconds": 3}},
    {"delay": {"seconds": 30}},
    {"reject": {"code": 321, "message": "Error validating request."}},
)
CANCELLED: tuple[Body | str, ...] = (
    "silent",
    {"drop": {"when": "before"}},
    {"drop": {"when": "after"}},
    {"delay": {"seconds": 3}},
    {"fill": {}},
)
ADMITTED: tuple[Body | str, ...] = (
    {"reject": {"code": 326, "message": "Unable to connect as the client id is already in use."}},
    "silent",
    {"delay": {"seconds": 8}},
)
FAULTS: tuple[tuple[str, tuple[Body | str, ...]], ...] = (
    *[("placeOrder", PLACED)] * 6,
    *[("fill", FILLED)] * 3,
    ("reqGlobalCancel", CANCELLED),
    ("cancelOrder", CANCELLED),
    ("startApi", ADMITTED),
    ("reqAllOpenOrders", ASKED),
    ("reqCompletedOrders", ASKED),
    ("reqExecutions", ASKED),
    ("reqIds", ASKED),
    ("reqPositions", ASKED),
    ("reqHistoricalData", (*ASKED, {"reject": {"code": 162, "message": "pacing violation"}})),
)
"""Events at the gateway, and what may happen there."""


def _happenings(
    random: Random, names: tuple[str, ...], theme: str, busy: list[float], length_s: float
) -> tuple[Happening, ...]:
    """Return what happens beside the messages, mostly soon after one of them."""
    whats = [_happening(random, names) for _ in range(random.choice((0, 0, 1, 1, 2, 3)))]
    if theme == "halt":
        states = (TradingState.HALTED, TradingState.REDUCE_ONLY, *[TradingState.ACTIVE] * 3)
        whats += [StateSet(random.choice(states)) for _ in range(random.randint(1, 3))]
    if theme == "doubt" and random.random() < 0.5:
        whats.append(GatewayDoes("1", (_lapse(random),)))
    if (
        theme == "second thoughts" or random.random() < 0.3
    ):  # what a strategy may use changes, and its standing orders become wrong
        shares = (0, 0.02, 0.05, 0.2, 0.3)
        whats += [
            ShareSet(random.choice(STRATEGIES), random.choice(shares)) for _ in range(random.randint(1, 3))
        ]
    times = [
        random.choice(busy) + random.uniform(0, 3) if random.random() < 0.6 else random.uniform(1, length_s)
        for _ in whats
    ]
    happenings = [Happening(round(at, 3), what) for at, what in zip(times, whats, strict=True)]
    if random.random() < 0.4:  # a position that is nobody's, so that closing all takes several orders
        happenings.append(Happening(0.2, GatewayDoes("1", (_by_hand(random),))))
    return tuple(sorted(happenings, key=lambda happening: happening.at))


def _happening(random: Random, names: tuple[str, ...]) -> What:
    worker = random.choice(names)
    seconds = random.choice((2.0, 10.0, 40.0, 90.0))
    kinds: tuple[What, ...] = (
        GatewayDoes("1", ("disconnect",)),
        GatewayDoes("1", ({"restart": {"seconds": seconds}},)),
        GatewayDoes("1", ({"restart": {"seconds": seconds, "forget": True}},)),
        GatewayDoes("1", ({"restart": {"next_valid_id": random.randint(1, 12)}},)),
        GatewayDoes("1", ({"outage": {"seconds": seconds, "back": random.choice((1101, 1102))}},)),
        GatewayDoes("1", ({"freeze": {"seconds": seconds}},)),
        GatewayDoes("1", ({"no_login": {"seconds": seconds}},)),
        GatewayDoes("1", ("midnight",)),
        GatewayDoes("1", ("midnight", {"restart": {"seconds": 3, "forget": True}})),
        GatewayDoes("1", ({"notice": {"code": 2103}}, {"notice": {"code": 10182}})),
        GatewayDoes("1", ({"set_price": {"symbol": "SPY", "value": "nan"}},)),
        GatewayDoes("1", (_by_hand(random),)),
        GatewayDoes("1", (_by_hand(random),)),
        Killed(worker),
        Killed(worker),
        Stopped(worker),
        Frozen(worker, random.choice(FREEZES)),
        Frozen(worker, random.choice(FREEZES)),
        StateSet(random.choice(tuple(TradingState))),
        StateSet(random.choice(tuple(TradingState))),
        Down("store", seconds, applies=random.random() < 0.5),
        Down("publisher", seconds, applies=random.random() < 0.5),
        Lag(seconds, random.choice((0.1, 1.0, 3.0))),
    )
    return kinds[random.randrange(len(kinds))]


def _by_hand(random: Random) -> Body:
    order = {
        "symbol": random.choice(("SPY", "AAPL", "MSFT")),
        "side": random.choice(("BUY", "SELL")),
        "quantity": random.randint(1, 60),
    }
    resting = {"limit_price": 100 if order["side"] == "BUY" else 9000} if random.random() < 0.3 else {}
    return {"manual_order": {**order, **resting}}
