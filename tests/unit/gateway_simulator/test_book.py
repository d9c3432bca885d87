"""The book: positions are the sum of executions, cash is conserved, ids are used once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_simulator.accounts import Account
from gateway_simulator.book import Book, Execution, Order, Position
from gateway_simulator.clock import Clock
from gateway_simulator.contracts import Contract
from gateway_simulator.exchange import Exchange
from gateway_simulator.market import Market
from gateway_simulator.market_file import catalogue
from gateway_simulator.wire.orders import PlaceOrder
from tests.unit.gateway_simulator.conftest import MORNING, found

ACCOUNT = "DU1234567"
STOCK, PAIR = (found(catalogue(), text) for text in ("AAPL", "EUR.USD"))
TINY = Decimal("0.000001")


@dataclass
class Floor:
    """An exchange with one account, which hears what the exchange tells."""

    clock: Clock = field(default_factory=lambda: Clock(MORNING, speed=0))
    book: Book = field(default_factory=Book)
    account: Account = field(default_factory=lambda: Account(ACCOUNT))
    executions: list[Execution] = field(default_factory=list)
    settled: list[Position] = field(default_factory=list)

    def __post_init__(self) -> None:
        accounts = {ACCOUNT: self.account}
        self.exchange = Exchange(self.clock, Market(self.clock), self.book, accounts, self, "US/Eastern")

    def order_changed(self, order: Order) -> None:
        pass

    def executed(self, order: Order, execution: Execution) -> None:
        self.executions.append(execution)

    def corrected(self, order: Order, revised: Execution) -> None:
        pass

    def notice(self, order: Order, code: int, text: str) -> None:
        pass

    def position_changed(self, position: Position) -> None:
        self.settled.append(position)

    def rest(self, signed: Decimal, contract: Contract = STOCK, order_id: int = 1) -> Order:
        """An order that is far from the market, to be filled by hand."""
        terms = PlaceOrder(
            order_id=order_id,
            action="BUY" if signed > 0 else "SELL",
            total_quantity=abs(signed),
            order_type="LMT",
            lmt_price=Decimal("0.01") if signed > 0 else Decimal(10**6),
            tif="GTC",
        )
        return self.exchange.place(self.exchange.draft(1, ACCOUNT, contract, terms))

    def trade(self, made: Sequence[tuple[int, Decimal, int]], contract: Contract = STOCK) -> None:
        """An order for each trade, filled in one or two parts."""
        for order_id, (signed, price, part) in enumerate(made, 1):
            order = self.rest(Decimal(signed), contract, order_id)
            if 0 < part < abs(signed):
                order = self.exchange.fill(order, Decimal(part), price)
            self.exchange.fill(order, order.remaining, price)


patient = settings(deadline=None)
signed = st.integers(-50, 50).filter(bool)
prices = st.decimals(1, 1000, places=2)
trades = st.lists(st.tuples(signed, prices, st.integers(0, 50)), min_size=1, max_size=10)


@patient
@given(trades)
def test_a_position_is_the_sum_of_its_executions(made: list[tuple[int, Decimal, int]]) -> None:
    floor = Floor()
    floor.trade(made)
    assert floor.book.position(ACCOUNT, STOCK).quantity == sum(e.signed for e in floor.executions)
    assert sum(e.signed for e in floor.executions) == sum(quantity for quantity, _, _ in made)


@patient
@given(trades)
def test_cash_is_conserved(made: list[tuple[int, Decimal, int]]) -> None:
    floor = Floor()
    before = floor.account.cash["USD"]
    floor.trade(made)
    spent = sum((e.signed * e.price + e.commission for e in floor.executions), Decimal(0))
    assert floor.account.cash["USD"] == before - spent


@patient
@given(trades)
def test_a_currency_trade_exchanges_one_cash_for_the_other(made: list[tuple[int, Decimal, int]]) -> None:
    floor = Floor()
    dollars = floor.account.cash["USD"]
    floor.trade(made, PAIR)
    assert floor.account.cash["EUR"] == sum(e.signed for e in floor.executions)
    spent = sum((e.signed * e.price + e.commission for e in floor.executions), Decimal(0))
    assert floor.account.cash["USD"] == dollars - spent


@patient
@given(trades, prices)
def test_realised_and_unrealised_profit_are_what_the_account_gained(
    made: list[tuple[int, Decimal, int]], price: Decimal
) -> None:
    floor = Floor()
    before = floor.account.cash["USD"]
    floor.trade(made)
    held = floor.book.position(ACCOUNT, STOCK)
    realized = sum((e.realized_pnl or Decimal(0) for e in floor.executions), Decimal(0))
    unrealized = held.quantity * (price - held.average_cost)
    gained = floor.account.cash["USD"] - before + held.quantity * price
    assert abs(gained - realized - unrealized) < TINY


@patient
@given(trades, st.integers(1, 60), prices)
def test_a_correction_leaves_cash_and_position_as_if_it_had_been_so(
    made: list[tuple[int, Decimal, int]], shares: int, price: Decimal
) -> None:
    floor = Floor()
    before = floor.account.cash["USD"]
    floor.trade(made)
    last = floor.executions[-1]
    revised = floor.exchange.correct(last, Decimal(shares), price)
    now = floor.book.executions.values()
    assert last.exec_id not in floor.book.executions
    assert revised.exec_id.rpartition(".")[0] == last.exec_id.rpartition(".")[0]
    assert floor.book.position(ACCOUNT, STOCK).quantity == sum(e.signed for e in now)
    assert floor.account.cash["USD"] == before - sum(e.signed * e.price + e.commission for e in now)


@patient
@given(trades)
def test_a_book_put_back_is_the_same(made: list[tuple[int, Decimal, int]]) -> None:
    floor, again = Floor(), Book()
    floor.trade(made)
    again.restore(floor.book.state())
    assert again.state() == floor.book.state()
    assert list(again.open_orders()) == list(floor.book.open_orders())


def test_the_counter_stands_above_every_id_that_was_used() -> None:
    floor = Floor()
    floor.rest(Decimal(1), order_id=7)
    floor.rest(Decimal(1), order_id=3)
    assert floor.book.next_order_id == 8


def test_an_order_by_hand_uses_no_id() -> None:
    floor = Floor()
    floor.rest(Decimal(1), order_id=0)
    assert floor.book.next_order_id == 1
    assert floor.book.find(1, 0) is None


def test_a_fresh_container_forgets_what_ended_but_not_what_is_open_or_held() -> None:
    floor = Floor()
    filled = floor.rest(Decimal(5), order_id=4)
    floor.exchange.fill(filled, Decimal(5), Decimal(100))
    waiting = floor.rest(Decimal(5), order_id=5)
    floor.clock.set(MORNING + timedelta(minutes=1))
    floor.book.forget(floor.clock.now())
    assert list(floor.book.executions_since(MORNING)) == []
    assert list(floor.book.completed_since(MORNING)) == []
    assert floor.book.next_order_id == 1
    assert floor.book.find(1, 4) is None
    assert floor.book.find(1, 5) == waiting
    assert floor.book.position(ACCOUNT, STOCK).quantity == 5


def test_ids_from_where_the_counter_was_put_back_can_be_used_again() -> None:
    floor = Floor()
    for order_id in (3, 4):
        order = floor.rest(Decimal(5), order_id=order_id)
        floor.exchange.fill(order, Decimal(5), Decimal(100))
    floor.book.count_from(4)
    assert floor.book.find(1, 3) is not None
    assert floor.book.find(1, 4) is None
    assert len(list(floor.book.executions_since(MORNING))) == 2
