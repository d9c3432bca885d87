"""What a close-all can't close keeps nothing else open, and it tells each by what it is, once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway_simulator.contracts import ContractQuery
from gateway_simulator.records import Position
from gateway_simulator.wire.orders import PlaceOrder
from tests.support.allocating import code_of
from tests.support.play import CLOSE_ALL, MANY, QUICK, RECONCILE, Play, playing
from trader.domain.errors import Rejected
from trader.domain.instruments import Contract, Instrument, Listed
from trader.domain.orders import Order, OrderState
from trader.domain.status import Severity, Status
from trader.domain.wire import JsonObject
from trader.intents.close_all import CloseAllOutcome
from trader.ports import Link, MarketData, Orders

OF_THE_STRATEGIES: dict[str, JsonObject] = {
    "all": CLOSE_ALL,
    "strategies": {**CLOSE_ALL, "strategies": ["testsignalgenerator"]},
    "eod-check": {"intent": "eod-check"},
}
FLAT: Mapping[str, Any] = {**MANY, "enforceFlatEod": True}
OPTION = ("OPT", "SPY   261218C00650000")


async def by_hand(play: Play, *contracts: tuple[str, str]) -> None:
    """Buy two of each contract, named by its type and its local symbol, as by hand."""
    positions = play.worker.worker.ports.broker.positions
    expected = len(positions()) + len(contracts)
    for sec_type, name in contracts:
        [wanted] = play.gateway.catalogue.find(ContractQuery(sec_type=sec_type, local_symbol=name))
        terms = PlaceOrder(action="BUY", total_quantity=Decimal(2), order_type="MKT", tif="DAY")
        play.gateway.manual_order(wanted, terms)
    await play.until(lambda: len(positions()) == expected)


@contextmanager
def nobody_knows(play: Play, sec_type: str, symbol: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the broker know the contract of a position no more, as one that was delisted."""
    positions = play.worker.worker.ports.broker.positions()
    gone = {held.con_id for held in positions if (held.sec_type, held.symbol) == (sec_type, symbol)}
    market_data = type(play.worker.worker.ports.market_data)
    asked = market_data.contract

    async def unknown(self: MarketData, instrument: Instrument) -> Contract:
        if isinstance(instrument, Listed) and instrument.con_id in gone:
            raise Rejected("unknown-instrument", "no such contract any more")
        return await asked(self, instrument)

    with monkeypatch.context() as patched:
        patched.setattr(market_data, "contract", unknown)
        yield


def residue(outcome: object) -> list[tuple[str, str]]:
    found = CloseAllOutcome.model_validate(outcome).residue
    return sorted((line.instrument, line.code) for line in found)


@pytest.mark.parametrize("message", OF_THE_STRATEGIES.values(), ids=OF_THE_STRATEGIES)
async def test_a_contract_that_the_broker_knows_no_more_keeps_nothing_else_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: JsonObject
) -> None:
    async with playing(tmp_path, configuration=FLAT) as play:
        await play.holds("SPY", "MSFT")
        with nobody_knows(play, "STK", "SPY", monkeypatch):
            result = await play.result(message)
        assert code_of(result) == (Status.FAILED, "residue"), result
        assert play.position("MSFT") == 0
        assert play.position("SPY") != 0
        outcome: Any = result.outcome
        (line,) = outcome.get("flattening", outcome)["residue"]
        assert (line["instrument"], line["code"]) == ("SPY", "unknown-instrument")


async def test_a_future_and_an_option_held_while_their_markets_are_closed_are_told_once(
    tmp_path: Path,
) -> None:
    async with playing(tmp_path) as play:
        await by_hand(play, ("FUT", "ESZ6"), OPTION)
        play.world.pass_time(timedelta(days=5).total_seconds())  # Saturday
        result = await play.result(CLOSE_ALL)
        assert code_of(result) == (Status.SKIPPED, "market-closed"), result
        await play.result(RECONCILE)


async def test_a_dry_run_tells_what_it_would_close_while_the_market_is_closed(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await play.holds("MSFT")
        play.world.pass_time(timedelta(days=5).total_seconds())  # Saturday
        result = await play.result({**CLOSE_ALL, "dryRun": True})
        assert result.status is Status.SUCCEEDED
        assert residue(result.outcome) == [("MSFT", "market-closed")]
        (order,) = result.orders
        assert (order.state, order.quantity) == (OrderState.PLANNED, -play.position("MSFT"))


async def test_what_was_cancelled_is_told_where_nothing_could_be_closed(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await play.holds("MSFT")
        play.manual("MSFT", "BUY", Decimal(1), order_type="LMT", lmt_price=Decimal(1), tif="GTC")
        play.world.pass_time(timedelta(days=5).total_seconds())  # Saturday
        result = await play.result(CLOSE_ALL)
        assert list(play.gateway.book.open_orders()) == []
        assert code_of(result) == (Status.FAILED, "residue"), result
        assert [cancel.stands for cancel in CloseAllOutcome.model_validate(result.outcome).cancels] == [False]


async def test_what_is_told_of_an_option_hides_nothing_of_its_stock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with playing(tmp_path) as play:
        await play.holds("MSFT")
        await by_hand(play, ("OPT", "MSFT  261218C00450000"))
        orders = type(play.worker.worker.ports.orders)
        place = orders.place

        def beside_a_persons_own(self: Orders, order: Order, order_id: int, link: Link) -> None:
            play.manual("MSFT", "BUY", Decimal(3))
            place(self, order, order_id, link)

        with nobody_knows(play, "OPT", "MSFT", monkeypatch), monkeypatch.context() as patched:
            patched.setattr(orders, "place", beside_a_persons_own)
            result = await play.result(CLOSE_ALL)
        assert code_of(result) == (Status.FAILED, "residue")
        assert residue(result.outcome) == [("MSFT", "not-flat"), ("MSFT", "unknown-instrument")]
        await play.result(RECONCILE)


async def test_a_position_that_is_told_a_while_after_its_fill_is_waited_for_before_it_is_told_as_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settling = QUICK.model_copy(update={"settle_s": 60})
    async with playing(tmp_path, durations=settling) as play:
        await play.holds("MSFT")
        play.world.pass_time(600)  # what was bought is long settled
        tell, late = play.gateway.announcer.position_changed, list[Position]()
        orders = type(play.worker.worker.ports.orders)
        change = orders.change
        silences = 0

        async def silent_at_first(self: Orders, *, within_s: float) -> bool:
            nonlocal silences
            if not late:
                return await change(self, within_s=within_s)
            silences += 1
            if silences > 2:
                tell(late.pop())
            return False

        monkeypatch.setattr(play.gateway.announcer, "position_changed", late.append)
        monkeypatch.setattr(orders, "change", silent_at_first)
        result = await play.result(CLOSE_ALL)
        assert code_of(result) == (Status.SUCCEEDED, None), result
        assert play.position("MSFT") == 0


@pytest.mark.parametrize("message", OF_THE_STRATEGIES.values(), ids=OF_THE_STRATEGIES)
async def test_what_is_left_while_its_closing_order_works_is_told_and_wants_a_look(
    tmp_path: Path, message: JsonObject
) -> None:
    async with playing(tmp_path, configuration=FLAT) as play:
        await play.holds("MSFT")
        play.misbehaves("partly-filled")
        result = await play.result(message)
        (order,) = result.orders
        assert (order.state, code_of(result)) == (OrderState.WORKING, (Status.SUCCEEDED, None))
        assert result.severity is Severity.WARNING
        outcome: Any = result.outcome
        (line,) = outcome.get("flattening", outcome)["residue"]
        assert (line["instrument"], line["code"]) == ("MSFT", "still-working")
        assert Decimal(line["quantity"]) == play.position("MSFT") != 0
