"""What the demo publishes, what must come of it, and what that shows: one step after another."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from trader.domain.status import Status
from trader.domain.wire import JsonObject
from trader.entrypoints.cli.outcome import text
from trader.entrypoints.demo.orders import ORDER_STEPS
from trader.entrypoints.demo.scene import Scene, Step, verify_told_again

SIGNAL: JsonObject = {"intent": "testsignalgenerator", "dryRun": True, "id": "demo-signal"}


def _summary(scene: Scene) -> str:
    outcome = scene.outcome
    account = outcome["account"]
    worth = next(
        Decimal(value["value"])
        for value in account["values"]
        if (value["name"], value["currency"]) == ("NetLiquidation", account["baseCurrency"])
    )
    held = text([position["symbol"] for position in outcome["positions"]])
    return (
        f"the account, from what the gateway keeps sending: {worth:,.2f} {account['baseCurrency']}, "
        f"positions: {held}, trading: {outcome['tradingState']}"
    )


def _signal(scene: Scene) -> str:
    outcome = scene.outcome
    said = f"MACD over {outcome['bars']} half-hour bars asked of the gateway: {outcome['signal']}"
    for order in scene.result.orders:
        side = "buy" if order.quantity > 0 else "sell"
        said += f"; it would {side} {abs(order.quantity)} {order.instrument} at about {outcome['price']}"
    for refusal in outcome["refusals"]:
        said += f" (not now: {refusal['code']})"
    return said


def _told_again(scene: Scene) -> str:
    verify_told_again(scene)
    return f"the same message delivered twice is one run: its stored result is told again, as {scene.told.id}"


def _reason(lead: str) -> Callable[[Scene], str]:
    def shows(scene: Scene) -> str:
        reason = scene.result.reason
        return f"{lead}: {reason.message}" if reason else lead

    return shows


STEPS = (
    Step(lambda _: {"intent": "summary"}, Status.SUCCEEDED, _summary),
    Step(lambda _: SIGNAL, Status.SUCCEEDED, _signal),
    Step(lambda _: SIGNAL, Status.SUCCEEDED, _told_again),
    Step(
        lambda _: {"intent": "summary", "id": "demo-signal"},
        Status.REJECTED,
        _reason("an id belongs to one wish for good"),
        code="id-reused",
    ),
    Step(
        lambda _: {"intent": "testsignalgenerator", "dryRun": True, "symbl": "SPY"},
        Status.REJECTED,
        _reason("a misspelt field is refused by its name"),
        code="unknown-field",
    ),
    Step(
        lambda now: {"intent": "summary", "expiresAt": f"{now - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"},
        Status.EXPIRED,
        _reason("what comes too late is not acted on"),
        code="too-old",
    ),
    *ORDER_STEPS,
)
