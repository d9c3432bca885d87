"""Defects of the earlier code base that must not come back: each has a test that would fail on it."""

import ast
import importlib
import pkgutil
from decimal import Decimal
from pathlib import Path

import ib_insync
import pytest

import trader
from tests.support.orders import execution, lookup, record, told
from tests.unit.domain.test_rebalance import quote, stock
from trader.adapters.clock import SystemClock
from trader.adapters.ib.contracts import to_search
from trader.adapters.sqlite import SqliteStore
from trader.domain.configuration import Exposure, StrategyLimits
from trader.domain.instrument_text import read_instrument
from trader.domain.instruments import Forex, Instrument, Stock
from trader.domain.orders import OrderState
from trader.domain.rebalance import Aim, rebalance
from trader.domain.settlement import judge
from trader.domain.targets import Hold, Weight, as_configured
from trader.domain.trading_state import TradingState, state_of
from trader.entrypoints.cli.seeding import seed
from trader.ports import Create
from trader.stored import orderbook, records

ROOT = Path(__file__).parents[2]
HERE = "tests/unit/test_old_defects.py"
OF_INTENTS = "tests/unit/test_old_defects_of_intents.py"
DEFECTS = {
    "constructors that don't take their environment": (
        f"{OF_INTENTS}::test_every_intent_can_be_made_and_takes_what_it_needs"
    ),
    "sync Firestore calls awaited": (
        f"{OF_INTENTS}::test_no_call_of_the_store_is_left_unawaited_nor_awaited_for_nothing"
    ),
    "datetime not imported": f"{HERE}::test_every_module_can_be_imported_by_itself",
    "placeOrderAsync": f"{OF_INTENTS}::test_nothing_calls_what_ib_insync_does_not_have",
    "contract classes that point at themselves": f"{HERE}::test_each_instrument_is_asked_for_as_what_it_is",
    "missing InstrumentSet and contract details": (
        "tests/integration/ib/test_chains.py::test_several_are_fetched_together"
    ),
    '"no signal" flattening a position': f"{HERE}::test_no_signal_leaves_a_position_alone",
    "a cancelled order booked as a fill": f"{HERE}::test_a_cancelled_order_books_what_filled_and_no_more",
    "the kill switch blocking close-all": f"{OF_INTENTS}::test_the_kill_switch_does_not_block_close_all",
    "a missing switch meaning enabled": f"{HERE}::test_a_switch_that_nobody_has_set_is_off",
    "negative cash rounded away from zero": (
        f"{OF_INTENTS}::test_negative_cash_is_not_rounded_away_from_zero"
    ),
    "exposure 0 skipping instead of closing": f"{HERE}::test_an_exposure_of_nothing_closes",
    "a repeat guard that a new revision resets": f"{HERE}::test_orders_are_counted_in_the_store",
    "configuration re-seeded by each deployment": f"{HERE}::test_what_is_configured_is_never_seeded_over",
}
"""Each defect, and the test that would fail on it. A row whose test is gone fails a test below."""


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_old_defect_has_its_test(defect: str) -> None:
    path, _, name = DEFECTS[defect].partition("::")
    module = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    names = {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in names


def modules() -> list[str]:
    return [found.name for found in pkgutil.walk_packages(trader.__path__, "trader.")]


@pytest.mark.parametrize("name", [name for name in modules() if "__main__" not in name])
def test_every_module_can_be_imported_by_itself(name: str) -> None:
    importlib.import_module(name)


@pytest.mark.parametrize(
    ("instrument", "sec_type"),
    [
        (Stock("SPY"), "STK"),
        (Forex("EUR", "USD"), "CASH"),
        (read_instrument("ES 202612@CME"), "FUT"),
        (read_instrument("ES continuous@CME"), "CONTFUT"),
        (read_instrument("SPY 20261218 600 C"), "OPT"),
        (read_instrument("VIX index"), "IND"),
    ],
    ids=str,
)
def test_each_instrument_is_asked_for_as_what_it_is(instrument: Instrument, sec_type: str) -> None:
    asked = to_search(instrument)
    assert isinstance(asked, ib_insync.Contract)
    assert asked.secType == sec_type


async def test_what_is_configured_is_never_seeded_over(tmp_path: Path) -> None:
    path, clock = records.configuration_path("DU1"), SystemClock()
    store = await SqliteStore.open(tmp_path / "state.sqlite3")
    await records.write_configuration(store, path, {"account": "DU1"})
    await records.set_trading_state(
        store, "DU1", TradingState.ACTIVE, reason="mine", published_at=clock.now(), at=clock.now()
    )
    for _ in range(2):
        assert await seed(store, clock, "DU1", simulated=True) is TradingState.ACTIVE
    kept = await store.get(path)
    assert kept is not None
    assert kept.data == {"account": "DU1"}
    await store.close()


def test_no_signal_leaves_a_position_alone() -> None:
    held = {("alpha", 1): Decimal(100)}
    aim = Aim("alpha", Decimal(45_000), [(1, Hold(stock(1), "no signal"))])
    assert rebalance([aim], {1: quote(1, Decimal(450))}, held, {}) == {}
    assert rebalance([Aim("alpha", Decimal(45_000), [])], {1: quote(1, Decimal(450))}, held, {}) == {}


@pytest.mark.parametrize("filled", [0, 4])
def test_a_cancelled_order_books_what_filled_and_no_more(filled: int) -> None:
    fills = [execution(quantity=filled)] if filled else []
    cancelled = told(OrderState.CANCELLED, filled)
    verdict = judge(record(), (), lookup(completed=[cancelled], fills=fills))
    assert verdict.record.standing is OrderState.CANCELLED
    assert sum(fill.quantity for fill in verdict.fills) == filled


def test_a_switch_that_nobody_has_set_is_off() -> None:
    limits = StrategyLimits.model_validate({"allowedSymbols": ["SPY"], "maxNotional": 1})
    assert (limits.enabled, limits.allow_short) == (False, False)
    assert Exposure().of("alpha") == 0
    assert state_of(None) is TradingState.HALTED


def test_an_exposure_of_nothing_closes() -> None:
    wanted = as_configured(
        [Weight(stock(1), Decimal(1)), Hold(stock(2), "no signal")], exposed=False, allow_short=True
    )
    aim = Aim("alpha", Decimal(0), list(enumerate(wanted, start=1)))
    held = {("alpha", 1): Decimal(100), ("alpha", 2): Decimal(-7)}
    found = rebalance([aim], {n: quote(n, Decimal(450)) for n in (1, 2)}, held, {})
    assert {con_id: wish.quantity for con_id, (wish,) in found.items()} == {1: -100, 2: 7}


async def test_orders_are_counted_in_the_store(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    before = await SqliteStore.open(path)
    for n, day in enumerate(("2026-11-20", "2026-11-23", "2026-11-23")):
        planned = record(index=n, day=day)
        await before.commit([Create(orderbook.order_path("DU1", planned.order.reference), planned.to_json())])
    await before.close()
    after = await SqliteStore.open(path)
    assert await orderbook.orders_of_day(after, "DU1", "2026-11-23") == 2
    await after.close()
