"""What the demo publishes, what must come of it, and what that shows: one step after another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from trader.domain.status import Status
from trader.domain.wire import JsonObject
from trader.entrypoints.cli.outcome import text
from trader.entrypoints.cli.told import Told


class Broken(Exception):
    """A step that did not end as promised: one line."""


@dataclass(frozen=True, slots=True)
class Step:
    """One message; ``body`` is given the time, ``shows`` its result and the results of the steps before.

    ``shows`` returns what a person learns from it; it raises Broken when the result isn't as promised.
    """

    body: Callable[[datetime], JsonObject]
    status: Status
    shows: Callable[[Told, Sequence[Told]], str]
    code: str | None = None

    def verify(self, told: Told, before: Sequence[Told]) -> str:
        """Return what ``told`` shows; raises Broken."""
        if told.result is None:
            raise Broken(f"expected a result, found an event of type {told.type}")
        reason = told.result.reason
        wanted, found = (
            _end(self.status, self.code),
            _end(told.result.status, reason.code if reason else None),
        )
        if found != wanted:
            raise Broken(f"expected {wanted}, found {found}")
        return self.shows(told, before)


SIGNAL: JsonObject = {"intent": "testsignalgenerator", "dryRun": True, "id": "demo-signal"}


def _summary(told: Told, _: Sequence[Told]) -> str:
    outcome = _outcome(told)
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


def _signal(told: Told, _: Sequence[Told]) -> str:
    outcome = _outcome(told)
    orders = told.result.orders if told.result else ()
    said = f"MACD over {outcome['bars']} half-hour bars asked of the gateway: {outcome['signal']}"
    for order in orders:
        side = "buy" if order.quantity > 0 else "sell"
        said += f"; it would {side} {abs(order.quantity)} {order.instrument} at about {outcome['price']}"
    for refusal in outcome["refusals"]:
        said += f" (not now: {refusal['code']})"
    return said


def _told_again(told: Told, before: Sequence[Told]) -> str:
    first = before[-1]
    if told.publication != 2 or told.data != first.data:
        raise Broken(f"expected the result of {first.id} told again as #2, found {told.id}")
    return f"the same message delivered twice is one run: its stored result is told again, as {told.id}"


def _reason(lead: str) -> Callable[[Told, Sequence[Told]], str]:
    def shows(told: Told, _: Sequence[Told]) -> str:
        reason = told.result.reason if told.result else None
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
)


def _outcome(told: Told) -> dict[str, Any]:
    if told.result is None or told.result.outcome is None:
        raise Broken("expected an outcome, found none")
    return dict(told.result.outcome)


def _end(status: Status, code: str | None) -> str:
    return f"{status}: {code}" if code else status.value
