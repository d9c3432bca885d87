"""Who sees everything: each change in the store, each order sent, each message told, and writes it down."""

import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from structlog import DropEvent
from structlog.typing import EventDict

from gateway_simulator.book import Execution, Position
from gateway_simulator.book import Order as BookOrder
from tests.chaos.changes import Stored, described
from tests.support.crash import ACCOUNT
from trader.domain.messages import Result
from trader.domain.order_record import OrderRecord
from trader.domain.orders import Order, OrderState
from trader.domain.trading_state import TradingState
from trader.execution.guard import STATE_IS_FRESH_S
from trader.ports import Delete, OutgoingMessage, Topic, Write
from trader.runs.locks import path_of as lock_path
from trader.runs.runs import path_of
from trader.stored.orderbook import order_path
from trader.stored.records import trading_state_path

SHOWN_ELSEWHERE = frozenset({"started", "ended", "told again", "order unresolved", "order resolved"})
"""What workers log that the documents show as well."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the history, by the gateway's clock: who did what, and to whom."""

    at: datetime
    who: str
    to: str
    text: str


@dataclass(frozen=True, slots=True)
class End:
    """A run's end, and what was true at the gateway at the moment when it was stored."""

    result: Result
    positions: Mapping[str, str]  # by symbol
    open_orders: tuple[str, ...]  # symbols
    strangers: frozenset[
        str
    ]  # symbols that somebody else has just ordered or traded, and is yet to be told of


class Witness:
    """The history as it happened. ``wrong`` are the promises that were seen broken.

    ``scene`` says what is true at the gateway now, ``follows_up`` takes a message for the intents topic.
    """

    def __init__(self, now: Callable[[], datetime], elapsed: Callable[[], float]) -> None:
        self.scene: Callable[[Result], End]
        self.follows_up: Callable[[OutgoingMessage], None]
        self.lines: list[Line] = []
        self.wrong: list[str] = []
        self.truth: dict[str, Stored] = {}
        self.sent: list[str] = []
        self.told: list[Result] = []
        self.alerts: list[Stored] = []
        self.ends: dict[str, End] = {}
        self.strangers: list[tuple[float, str]] = []  # when somebody else ordered, traded or corrected what
        self.published_at: dict[str, datetime] = {}  # messages, by id
        self._states: list[tuple[float, TradingState]] = [(-1.0, TradingState.ACTIVE)]
        self._known: set[int] = set()
        self._now = now
        self._elapsed = elapsed

    def say(self, who: str, text: str, to: str = "") -> None:
        self.lines.append(Line(self._now(), who, to, text))

    def accuse(self, text: str) -> None:
        """Note a broken promise."""
        self.say("WRONG", text)
        self.wrong.append(text)

    # -- the store --------------------------------------------------------------------------------------

    def committed(self, who: str, writes: Sequence[Write]) -> None:
        """See a batch that was written."""
        for write in writes:
            before = self.truth.pop(write.path, None)
            after = None if isinstance(write, Delete) else write.data
            if after is not None:
                self.truth[write.path] = after
            for text in described(write.path, before, after):
                self.say(who, text, "store")
            if after is not None and "/runs/" in write.path:
                self._ran(before, after)
            if after is not None and write.path == trading_state_path(ACCOUNT):
                self._set(before, after)

    def _ran(self, before: Stored | None, after: Stored) -> None:
        told = before["result"] if before else None
        if told is not None and after["result"] != told:
            self.accuse(f"{after['key']} was given another end than the one that it had")
        elif told is None and after["result"] is not None:
            result = Result.model_validate(after["result"])
            self.ends[after["key"]] = self.scene(result)

    def _set(self, before: Stored | None, after: Stored) -> None:
        state, was = TradingState(after["state"]), self._states[-1][1]
        published_at = self.published_at.get(after["reason"])
        if before and published_at and was.is_tighter_than(state):
            changed_at = datetime.fromisoformat(before["changedAt"])
            if published_at <= changed_at:
                self.accuse(f"{state}, published at {published_at}, undid {was} of {changed_at}")
        self._states.append((self._elapsed(), state))

    # -- orders and messages ----------------------------------------------------------------------------

    def decides(self, who: str, nonces: str, order: Order, order_id: int) -> None:
        """See a worker, all of whose nonces begin with ``nonces``, decide that an order goes now."""
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
        states = self._states_of_the_last_second()
        if states == {TradingState.HALTED}:
            self.accuse(f"{name} while trading is halted")
        elif TradingState.ACTIVE not in states and not record.reduces:
            self.accuse(f"{name}, which opens, while only closing is allowed")

    def places(self, who: str, order: Order, order_id: int) -> None:
        """See an order handed to the socket."""
        text = f"SENDS {order.reference}: {order.quantity} {order.contract} as number {order_id}"
        self.say(who, text, "gateway")
        self.sent.append(order.reference)

    def published(self, who: str, message: OutgoingMessage) -> None:
        """See a message on a topic."""
        kind = message.attributes["ce-type"]
        if message.topic is Topic.INTENTS:
            self.say(who, f"publishes {message.attributes['ce-id']}", "topic")
            self.follows_up(message)
        elif kind == "ib-intents.result.v1":
            result = Result.model_validate_json(message.data)
            self.told.append(result)
            reason = f" ({result.reason.code})" if result.reason else ""
            self.say(who, f"TELLS {result.id}: {result.status}{reason}", "topic")
        elif kind == "ib-intents.alert.v1":
            alert = json.loads(message.data)
            self.alerts.append(alert)
            self.say(who, f"ALERT {alert['event']}: {alert['message']}", "topic")

    def _states_of_the_last_second(self) -> set[TradingState]:
        since = self._elapsed() - STATE_IS_FRESH_S
        before = [state for at, state in self._states if at < since]
        return {*before[-1:], *(state for at, state in self._states if at >= since)}

    # -- the gateway's book; the simulator's listener ---------------------------------------------------

    def order_changed(self, order: BookOrder) -> None:
        name = order.terms.order_ref or "by hand"
        if order.perm_id not in self._known:
            self._known.add(order.perm_id)
            if not order.terms.order_ref:
                self.strangers.append((self._elapsed(), order.contract.symbol))
            number = f" as number {order.order_id}" if order.order_id else ""
            what = f"{order.terms.action} {order.quantity:f} {order.contract.symbol} {order.terms.order_type}"
            self.say("gateway", f"takes {name}: {what}{number}")
        elif not order.is_open and order.remaining:
            self.say("gateway", f"ends {name}: {order.status.value} ({order.ended_because})")

    def executed(self, order: BookOrder, execution: Execution) -> None:
        name = order.terms.order_ref or "by hand"
        if not order.terms.order_ref:
            self.strangers.append((self._elapsed(), order.contract.symbol))
        what = f"{execution.signed:+f} {order.contract.symbol} at {execution.price:.2f}"
        self.say("gateway", f"FILLS {name}: {what} ({execution.exec_id})")

    def corrected(self, order: BookOrder, revised: Execution) -> None:
        self.strangers.append((self._elapsed(), order.contract.symbol))
        name = order.terms.order_ref or "by hand"
        self.say(
            "gateway", f"CORRECTS {name}: {revised.signed:+f} {order.contract.symbol} ({revised.exec_id})"
        )

    def notice(self, order: BookOrder, code: int, text: str) -> None:
        said = " ".join(text.split())
        self.say("gateway", f"says {code} of {order.terms.order_ref or 'an order by hand'}: {said}")

    def position_changed(self, position: Position) -> None:
        self.say("gateway", f"SETTLES {position.contract.local_symbol}")

    # -- what workers log -------------------------------------------------------------------------------

    def log(self, _: Any, level: str, event: EventDict) -> EventDict:
        """Take a worker's log, as a processor of structlog's; what no worker expects is a broken promise."""
        who, what, error = str(event.pop("worker", "?")), event["event"], event.get("exc_info")
        if error is not None:
            trace = traceback.format_exception(error) if isinstance(error, BaseException) else []
            self.accuse(f"{who} met what nobody expected: {what}: {''.join(trace)}")
        elif level != "debug" and what not in SHOWN_ELSEWHERE:
            details = [str(event[name]) for name in ("code", "reason") if event.get(name)]
            self.say(who, f"{what}: {': '.join(details)}" if details else what)
        raise DropEvent


def _is(lease: Any, nonces: str) -> bool:
    return lease is not None and lease["nonce"].startswith(nonces)
