"""The broker: an account at one gateway, or at two, that each count and remember for themselves."""

from collections.abc import Iterable, Iterator, MutableSet
from datetime import datetime
from decimal import Decimal

from gateway_simulator.accounts import Account
from gateway_simulator.book import Book, Execution, Order, Position
from gateway_simulator.exchange import Listener
from gateway_simulator.faults import Event, Faults
from gateway_simulator.gateway import Gateway
from gateway_simulator.scenario import Action, Rule, Scenario
from gateway_simulator.session import Session
from tests.chaos.loop import LoopClock
from tests.chaos.witness import Witness
from tests.support.crash import ACCOUNT

CASH = Decimal(478_000)
FOREIGN = Decimal(20_000)


class SecondBook(Book):
    """What a second gateway knows: orders, executions and positions are the broker's, the rest its own."""

    def __init__(self, first: Book, first_order_id: int) -> None:
        super().__init__(first_order_id)
        self._first = first
        self.orders, self.executions, self.positions = first.orders, first.executions, first.positions
        self._open = first._open

    def new_perm_id(self) -> int:
        return self._first.new_perm_id()

    def _new_exec_id(self, at: datetime) -> str:
        return self._first._new_exec_id(at)


class InOrder(MutableSet[Session]):
    """The sessions of a gateway in the order of their coming: a set's own order differs from run to run."""

    def __init__(self) -> None:
        self._sessions: dict[Session, None] = {}

    def __contains__(self, session: object) -> bool:
        return session in self._sessions

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._sessions))

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, value: Session) -> None:
        self._sessions[value] = None

    def discard(self, value: Session) -> None:
        self._sessions.pop(value, None)


class SeenFaults(Faults):
    """A scenario that is seen at work, and ends when the trouble does."""

    def __init__(self, rules: tuple[Rule, ...], clock: LoopClock, witness: Witness) -> None:
        super().__init__(Scenario(rules=rules), clock)
        self.over = False
        self._witness = witness

    def on(self, event: Event) -> tuple[Action, ...]:
        actions = () if self.over else super().on(event)
        if actions:
            does = ", ".join(
                f"{type(action).__name__.lower()} {_fields(action)}".strip() for action in actions
            )
            self._witness.say("gateway", f"at {event.name}: {does}")
        return actions


class Everywhere:
    """Lets each gateway of the account tell its clients, and the witness see it."""

    def __init__(self, witness: Witness, gateways: Iterable[Gateway]) -> None:
        self._listeners: tuple[Listener, ...] = (witness, *(gateway.announcer for gateway in gateways))

    def order_changed(self, order: Order) -> None:
        for listener in self._listeners:
            listener.order_changed(order)

    def executed(self, order: Order, execution: Execution) -> None:
        for listener in self._listeners:
            listener.executed(order, execution)

    def corrected(self, order: Order, revised: Execution) -> None:
        for listener in self._listeners:
            listener.corrected(order, revised)

    def notice(self, order: Order, code: int, text: str) -> None:
        for listener in self._listeners:
            listener.notice(order, code, text)

    def position_changed(self, position: Position) -> None:
        for listener in self._listeners:
            listener.position_changed(position)


def open_gateways(
    clock: LoopClock,
    witness: Witness,
    rules: tuple[Rule, ...],
    *,
    seed: int,
    first_order_ids: tuple[int, int],
    count: int,
) -> dict[str, Gateway]:
    """Return so many gateways by name, ``1`` and ``2``, of one account; only the first misbehaves."""
    accounts = {ACCOUNT: Account(cash={"USD": CASH, "EUR": FOREIGN})}
    gateways = {
        str(n + 1): Gateway(
            clock=clock,
            seed=seed,
            accounts=accounts,
            faults=SeenFaults(rules if n == 0 else (), clock, witness),
            first_order_id=first_order_ids[n],
        )
        for n in range(count)
    }
    first, *others = gateways.values()
    for other in others:
        other.accounts = other.exchange._accounts = other.credit._accounts = first.accounts
        book = SecondBook(first.book, other.book.first_order_id)
        other.book = other.exchange._book = other.credit._book = book
    for gateway in gateways.values():
        gateway.sessions = InOrder()  # type: ignore[assignment]
        gateway.exchange._listener = Everywhere(witness, gateways.values())
    return gateways


def _fields(action: Action) -> str:
    return " ".join(f"{name}={value}" for name, value in action if value not in (None, "", ()))
