"""Who sees everything: each change in the store, each order sent, each message told, and writes it down."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from structlog import DropEvent
from structlog.typing import EventDict

from gateway_simulator.book import Execution
from gateway_simulator.book import Order as BookOrder
from tests.support.crash import ACCOUNT
from trader.decoding import Delivery
from trader.domain.messages import Result
from trader.domain.order_record import OrderRecord
from trader.domain.orders import Order, OrderState
from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject
from trader.guard import STATE_IS_FRESH_S
from trader.locks import path_of as lock_path
from trader.orderbook import order_path
from trader.ports import Delete, OutgoingMessage, Topic, Write
from trader.runs import RunRecord, path_of

UNSAID = frozenset(
    {"started", "ended", "told again", "order unresolved", "order resolved", "not for this worker"}
)
"""What workers log that the documents show as well."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the history, by the gateway's clock."""

    at: datetime
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class End:
    """What was true at the gateway at the moment when a run's end was stored."""

    result: Result
    positions: Mapping[str, str]  # by symbol
    open_orders: tuple[str, ...]  # symbols
    strangers: frozenset[str]  # symbols of which somebody else has just traded, or is about to be told


class Witness:
    """The history as it happened. ``wrong`` are promises that were seen broken on the way."""

    def __init__(self, now: Callable[[], datetime], elapsed: Callable[[], float]) -> None:
        self.lines: list[Line] = []
        self.wrong: list[str] = []
        self.truth: dict[str, JsonObject] = {}
        self.states: list[tuple[float, TradingState]] = [(-1.0, TradingState.ACTIVE)]
        self.sent: list[str] = []
        self.told: list[Result] = []
        self.alerts: list[JsonObject] = []
        self.ends: dict[str, End] = {}
        self.scene: Callable[[Result], End]
        self._now = now
        self._elapsed = elapsed
        self.strangers: list[tuple[float, str]] = []  # when somebody else traded what
        self._known: set[int] = set()

    def say(self, who: str, text: str) -> None:
        self.lines.append(Line(self._now(), who, text))

    def accuse(self, text: str) -> None:
        """Note a broken promise."""
        self.say("WRONG", text)
        self.wrong.append(text)

    # -- the store --------------------------------------------------------------------------------------

    def committed(self, who: str, writes: Sequence[Write]) -> None:
        """See a batch that was written."""
        for write in writes:
            before = self.truth.get(write.path)
            after = None if isinstance(write, Delete) else write.data
            if after is None:
                self.truth.pop(write.path, None)
            else:
                self.truth[write.path] = after
            self._changed(who, write.path, before, after)

    def _changed(self, who: str, path: str, before: JsonObject | None, after: JsonObject | None) -> None:
        _, _, kind, name = path.split("/") if path.count("/") == 3 else ("", "", path, "")
        if kind == "runs" and after is not None:
            self._run(
                who, RunRecord.model_validate(before) if before else None, RunRecord.model_validate(after)
            )
        elif kind == "orders" and after is not None:
            self._order(who, OrderRecord.model_validate(before) if before else None, after)
        elif kind == "fills" and after is not None:
            shares = ", ".join(f"{owner} {part}" for owner, part in after["shares"].items())
            self.say(who, f"books {'' if before is None else 'anew '}{after['execId']}: {shares}")
        elif kind == "locks":
            self.say(who, f"locks {after['instrument']}: {after['reason']}" if after else f"unlocks {name}")
        elif name == "trading-state" and after is not None:
            self._state(who, before, after)

    def _run(self, who: str, before: RunRecord | None, after: RunRecord) -> None:
        key = after.key
        if before is None:
            self.say(who, f"claims {key}, a run of {after.intent}")
        elif after.lease and (before.lease is None or before.lease.nonce != after.lease.nonce):
            self.say(who, f"takes over {key}")
        elif before.lease and after.lease is None and after.state == "running":
            self.say(who, f"lets go of {key}")
        for stage in (after.plan or {}).get("stages", [])[
            len(((before and before.plan) or {}).get("stages", [])) :
        ]:
            orders = f", with {', '.join(stage['orders'])}" if stage["orders"] else ", without an order"
            self.say(who, f"plans to {stage['name']}{orders}")
        if after.result is not None and (before is None or before.result is None):
            reason = (
                f" ({after.result.reason.code}: {after.result.reason.message})" if after.result.reason else ""
            )
            self.say(who, f"ends {key}: {after.result.status}{reason}")
            self.ends[key] = self.scene(after.result)
        elif before is not None and before.result is not None and after.result != before.result:
            self.accuse(f"{key} was given another end than the one that it had")

    def _order(self, who: str, before: OrderRecord | None, document: JsonObject) -> None:
        after = OrderRecord.model_validate(document)
        name = f"{after.order.reference} ({after.order.quantity} {after.order.contract})"
        if before is None:
            return self.say(
                who, f"writes down order {name} as number {after.sending and after.sending.order_id}"
            )
        if before.sending != after.sending:
            return self.say(who, f"renumbers {name}: {after.sending and after.sending.order_id}")
        if (before.standing, before.filled) != (after.standing, after.filled):
            why = f": {after.text}" if after.text else ""
            filled = f", {after.filled} filled" if after.filled else ""
            self.say(who, f"settles {name}: {before.standing} -> {after.standing}{filled}{why}")
        return None

    def _state(self, who: str, before: JsonObject | None, after: JsonObject) -> None:
        state = TradingState(after["state"])
        was = self.states[-1][1]
        self.states.append((self._elapsed(), state))
        self.say(who, f"sets the trading state: {was} -> {state}")

    # -- orders and messages ----------------------------------------------------------------------------

    def decides(self, who: str, nonces: str, order: Order, order_id: int) -> None:
        """See a worker, whose nonces begin with ``nonces``, decide that an order goes now."""
        record = OrderRecord.model_validate(self.truth[order_path(ACCOUNT, order.reference)])
        run = self.truth[path_of(ACCOUNT, record.run)]
        lock = self.truth[lock_path(ACCOUNT)]
        name = f"{who} sends {order.reference}"
        if not _is(lock["holder"], nonces) or lock["run"] != record.run:
            self.accuse(f"{name} while {lock['run']} of {lock['holder']} holds the account")
        if run["state"] != "running" or not _is(run["lease"], nonces):
            self.accuse(f"{name} of {record.run}, which is {run['state']} under {run['lease']}")
        if record.standing is not OrderState.PLANNED or record.order != order:
            self.accuse(f"{name}, which is {record.standing} and written down as {record.order}")
        if record.sending is None or record.sending.order_id != order_id:
            self.accuse(f"{name} as number {order_id}, which is written down as {record.sending}")
        states = self._recent_states()
        if states == {TradingState.HALTED}:
            self.accuse(f"{name} while trading is halted")
        if TradingState.ACTIVE not in states and not record.reduces:
            self.accuse(f"{name}, which opens, while only closing is allowed")

    def _recent_states(self) -> set[TradingState]:
        """Return each trading state that stood at some time in the last second."""
        since = self._elapsed() - STATE_IS_FRESH_S
        before = [state for at, state in self.states if at < since]
        return {*before[-1:], *(state for at, state in self.states if at >= since)}

    def places(self, who: str, order: Order, order_id: int) -> None:
        """See an order handed to the socket."""
        self.say(who, f"SENDS {order.reference}: {order.quantity} {order.contract}, as number {order_id}")
        self.sent.append(order.reference)

    def published(self, who: str, message: OutgoingMessage) -> None:
        """See a message on a topic."""
        if message.topic is Topic.RESULTS and message.attributes["ce-type"] == "ib-intents.result.v1":
            result = Result.model_validate_json(message.data)
            self.told.append(result)
            self.say(who, f"tells {result.id}: {result.status}")
        elif message.attributes.get("ce-type") == "ib-intents.alert.v1":
            alert = _json(message.data)
            self.alerts.append(alert)
            self.say(who, f"ALERT {alert['event']}: {alert['message']}")

    def acknowledged(self, delivery: Delivery) -> None:
        """See a message taken for good."""
        self.say("topic", f"{delivery.message.message_id} is acknowledged")

    # -- the gateway ------------------------------------------------------------------------------------

    def order_changed(self, order: BookOrder) -> None:
        """See an order at the gateway; the simulator's listener."""
        if order.perm_id not in self._known:
            self._known.add(order.perm_id)
            name = order.terms.order_ref or "by hand"
            number = f", number {order.order_id}" if order.order_id else ""
            text = (
                f"has {order.terms.action} {order.quantity} {order.contract.symbol} {order.terms.order_type}"
            )
            self.say("gateway", f"{text} ({name}{number})")
        elif not order.is_open and order.remaining:
            self.say("gateway", f"ends {order.terms.order_ref or 'by hand'}: {order.status.value}")

    def executed(self, order: BookOrder, execution: Execution) -> None:
        """See a fill."""
        if not order.terms.order_ref:
            self.strangers.append((self._elapsed(), order.contract.symbol))
        text = f"FILLS {execution.signed:+f} {order.contract.symbol} at {execution.price:.2f}"
        self.say("gateway", f"{text} ({order.terms.order_ref or 'by hand'}, {execution.exec_id})")

    def notice(self, order: BookOrder, code: int, text: str) -> None:
        """See an error about an order."""
        self.say("gateway", f"says {code} of {order.terms.order_ref or 'an order by hand'}: {text}")

    # -- what workers log -------------------------------------------------------------------------------

    def log(self, _: Any, level: str, event: EventDict) -> EventDict:
        """Take a worker's log as structlog's processor; what no worker expects is a broken promise."""
        who, what = str(event.pop("worker", "?")), event["event"]
        if (error := event.get("exc_info")) is not None:
            trace = error if isinstance(error, BaseException) else None
            self.accuse(
                f"{who} met what nobody expected: {what}: {''.join(traceback.format_exception(trace))}"
            )
        elif level != "debug" and what not in UNSAID:
            details = [str(event[name]) for name in ("code", "reason") if event.get(name)]
            self.say(who, " ".join([f"[{what}]", ": ".join(details)]).strip())
        raise DropEvent


def _is(lease: Any, nonces: str) -> bool:
    return lease is not None and lease["nonce"].startswith(nonces)


def _json(data: bytes) -> JsonObject:
    import json

    found: JsonObject = json.loads(data)
    return found
