"""Defects of the earlier code base that must not come back, those of the intents: each has its test here."""

import ast
from collections.abc import Iterator
from decimal import Decimal
from inspect import iscoroutinefunction, signature
from pathlib import Path
from typing import get_type_hints

import pytest

import trader
from tests.support.market import contract
from tests.support.orders import execution, lookup, record, told
from tests.support.play import MANY, playing
from trader.adapters.ib.orders import IbOrders
from trader.discovery import find_intents
from trader.domain.configuration_reading import parse
from trader.domain.configuration_sample import sample
from trader.domain.conversion import Balance, conversion_quantity
from trader.domain.ledger import EXTERNAL
from trader.domain.orders import OrderState
from trader.domain.posting import post
from trader.domain.run_key import RunKey, run_key
from trader.domain.status import Status
from trader.domain.trading_state import TradingState, state_of
from trader.intent import Intent
from trader.ports import Store

SOURCES = sorted(Path(trader.__file__).parent.rglob("*.py"))


def trees() -> Iterator[tuple[str, ast.AST]]:
    for path in SOURCES:
        yield path.name, ast.parse(path.read_text())


@pytest.mark.parametrize(
    ("amount", "expected"), [("-1999.99", 1999), ("-0.99", 0), ("1999.99", -1999), ("0.99", 0)]
)
def test_negative_cash_is_not_rounded_away_from_zero(amount: str, expected: int) -> None:
    value = Decimal(amount)
    assert conversion_quantity(Balance("SPY", value, value), contract(), Decimal(1)) == expected
    bought = conversion_quantity(Balance("EUR", value, value), contract(), Decimal(1))
    assert bought == -expected


def test_a_cancelled_order_is_not_booked_as_a_fill() -> None:
    cancelled = told(OrderState.CANCELLED, filled=0)
    posting = post([record()], [], lookup(completed=[cancelled]))
    assert (posting.fills, posting.external) == ((), ())
    assert [order.standing for order in posting.orders] == [OrderState.CANCELLED]


def test_a_status_that_claims_a_fill_without_an_execution_books_nothing() -> None:
    posting = post([record()], [], lookup(completed=[told(OrderState.FILLED, filled=10)]))
    assert posting.fills == ()


def test_two_fills_of_one_symbol_are_two() -> None:
    fills = [execution("1.a.01", 4), execution("2.b.01", 6)]
    posting = post([record()], [], lookup(completed=[told(OrderState.FILLED, filled=10)], fills=fills))
    assert [fill.quantity for fill in posting.fills] == [4, 6]
    strangers = [execution(f"{n}.c.01", 5, reference="", perm_id=900) for n in (1, 2)]
    assert [f.shares for f in post([], [], lookup(fills=strangers)).external] == [{EXTERNAL: Decimal(5)}] * 2


def test_a_missing_switch_does_not_mean_enabled() -> None:
    assert state_of(None) is TradingState.HALTED
    configuration = parse(
        {**sample("DU1"), "strategies": {"a": {"allowedSymbols": ["SPY"], "maxNotional": 1}}, "exposure": {}}
    )
    assert not configuration.strategies["a"].enabled
    assert not configuration.strategies["a"].allow_short
    assert not configuration.enforce_flat_eod
    assert configuration.exposure.overall == 0


def test_no_call_of_the_store_is_left_unawaited_nor_awaited_for_nothing() -> None:
    for name in ("get", "query", "commit"):
        assert iscoroutinefunction(getattr(Store, name)), name
    for file, tree in trees():
        awaits = [node.value for node in ast.walk(tree) if isinstance(node, ast.Await)]
        gathers = [call for call in awaits if isinstance(call, ast.Call) and is_gather(call)]
        awaited = {id(call) for call in (*awaits, *(asked for call in gathers for asked in call.args))}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                of_a_store = ast.unparse(node.func.value).endswith(("store", "_store"))
                if of_a_store and node.func.attr in ("get", "query", "commit"):
                    assert id(node) in awaited, f"{file}:{node.lineno}"


def is_gather(call: ast.Call) -> bool:
    return ast.unparse(call.func) == "asyncio.gather"


def test_nothing_calls_what_ib_insync_does_not_have() -> None:
    for file, tree in trees():
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not names & {"placeOrderAsync", "cancelOrderAsync"}, file
    assert not iscoroutinefunction(IbOrders.place)
    assert not iscoroutinefunction(IbOrders.cancel)


def test_every_intent_can_be_made_and_takes_what_it_needs() -> None:
    for name, intent in find_intents().items():
        assert isinstance(intent, Intent)
        assert list(signature(intent.handle).parameters)[1:] == ["run", "ports"], name
        assert get_type_hints(intent.handle)["return"].__name__ == "Completed", name


def test_a_repeat_guard_is_in_the_store_and_not_in_a_revision() -> None:
    tick = {"schedule": "close", "cron": "55 15 * * *", "timeZone": "America/New_York"}
    at = record().planned_at.replace(hour=20, minute=55)
    keys = {
        run_key(body_id=None, attributes=tick, message_id=message, published_at=at, account="DU1").text
        for message in ("1", "2")
    }
    assert keys == {"schedule/close/2026-11-23T20:55:00.000000Z"}
    assert RunKey("id/x", at).document == RunKey("id/x", at).document


@pytest.mark.parametrize("state", [TradingState.ACTIVE, TradingState.REDUCE_ONLY])
async def test_the_kill_switch_does_not_block_close_all(tmp_path: Path, state: TradingState) -> None:
    async with playing(tmp_path) as play:
        await play.holds("MSFT")
        await play.world.configured(state, **MANY)
        assert (await play.result({"intent": "close-all"})).status is Status.SUCCEEDED
        assert play.position("MSFT") == 0


def test_nothing_is_read_of_the_environment_but_by_the_settings_and_the_command_line() -> None:
    readers = {
        file
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    assert "settings.py" in readers
    handlers = {path.name for path in SOURCES if path.parent.name in ("intents", "domain", "strategies")}
    assert not readers & handlers
