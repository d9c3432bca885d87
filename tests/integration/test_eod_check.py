"""eod-check ends the day whatever the morning did: it reconciles, reports, and closes if that is wanted."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from gateway_simulator import effects
from gateway_simulator.actions import ManualOrder
from tests.support.crash import ACCOUNT
from tests.support.market import local
from tests.support.play import CLOSE_ALL, MANY, Play, playing, signal
from trader.domain.ledger import EXTERNAL
from trader.domain.messages import Result
from trader.domain.status import Severity, Status
from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject

EOD: JsonObject = {"intent": "eod-check"}
FLAT: Mapping[str, Any] = {**MANY, "enforceFlatEod": True}
EARLY = local("2026-11-27 10:00")
"""The Friday after Thanksgiving: the session closes at one."""


def outcome(result: Result) -> dict[str, Any]:
    assert result.outcome is not None, result.reason
    return result.outcome


def code(result: Result) -> tuple[str, str | None]:
    return result.status.value, result.reason.code if result.reason else None


def by_hand(play: Play, symbol: str, quantity: int) -> None:
    effects.perform(play.gateway, [ManualOrder(symbol=symbol, side="BUY", quantity=Decimal(quantity))])


async def snapshots(play: Play) -> int:
    return len(await play.world.store.query(f"accounts/{ACCOUNT}/snapshots"))


async def test_a_quiet_day_is_reported(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        result = await play.result(EOD)
        report = outcome(result)
        assert (code(result), result.severity) == (("succeeded", None), Severity.INFO)
        assert (report["breaks"], report["snapshot"]["openOrders"]) == ([], [])
        assert (Decimal(report["day"]["change"]), report["day"]["sessionDate"]) == (Decimal(0), "2026-11-23")
        assert await snapshots(play) == 1


async def test_it_books_the_mornings_trades_tells_the_days_result_and_leaves_what_is_held(
    tmp_path: Path,
) -> None:
    async with playing(tmp_path) as play:
        await play.holds("MSFT")
        by_hand(play, "SPY", 5)
        play.gateway.market.set_price("MSFT", Decimal(100))
        before = play.position("MSFT")
        result = await play.result(EOD)
        report = outcome(result)
        assert [line["shares"] for line in report["trades"]["external"]] == [{EXTERNAL: "5"}]
        assert (result.orders, play.position("MSFT"), play.position("SPY")) == ((), before, Decimal(5))
        assert report["breaks"] == []
        assert {p["symbol"] for p in report["snapshot"]["positions"]} == {"MSFT", "SPY"}
        assert report["flattening"]["strategies"] == []
        assert (await play.held())[EXTERNAL] == 5


async def test_where_the_day_must_end_flat_what_strategies_hold_is_closed_and_nothing_else(
    tmp_path: Path,
) -> None:
    async with playing(tmp_path, configuration=FLAT) as play:
        await play.holds("SPY", "MSFT")
        by_hand(play, "MSFT", 5)
        resting = play.manual("MSFT", "BUY", Decimal(1), order_type="LMT", lmt_price=Decimal(1))
        result = await play.result(EOD)
        report = outcome(result)
        assert code(result) == ("succeeded", None), result.reason
        assert [play.position("SPY"), play.position("MSFT")] == [0, 5]
        assert await play.held() == {EXTERNAL: 5}
        assert report["flattening"] == {
            "strategies": ["testsignalgenerator"],
            "cancels": [],
            "residue": [],
        }
        assert [order.perm_id for order in play.gateway.book.open_orders()] == [resting.perm_id]
        assert [o["permId"] for o in report["snapshot"]["openOrders"]] == [resting.perm_id]
        assert {(p["symbol"], p["quantity"]) for p in report["snapshot"]["positions"]} >= {("MSFT", "5")}


async def test_a_strategys_own_order_is_cancelled_before_its_holding_is_closed(tmp_path: Path) -> None:
    async with playing(tmp_path, configuration=FLAT) as play:
        play.misbehaves("partly-filled")
        (half,) = (await play.result(signal("MSFT"))).orders
        assert half.state == "working"
        result = await play.result(EOD)
        (cancel,) = outcome(result)["flattening"]["cancels"]
        assert (cancel["reference"], cancel["stands"]) == (half.reference, False)
        assert play.position("MSFT") == 0
        assert await play.held() == {}


async def test_it_never_closes_beyond_the_position(tmp_path: Path) -> None:
    async with playing(tmp_path, configuration=FLAT) as play:
        await play.holds("MSFT")
        held = play.position("MSFT")
        play.manual("MSFT", "SELL", held - 3)
        await play.until(lambda: play.position("MSFT") == 3)
        result = await play.result(EOD)
        assert play.position("MSFT") == 0
        (order,) = result.orders
        assert order.quantity == -3
        assert {line["code"] for line in outcome(result)["flattening"]["residue"]} == {"beyond-position"}
        assert (code(result), result.severity) == (("failed", "residue"), Severity.CRITICAL)


async def test_a_dry_run_says_what_it_would_close_and_writes_nothing(tmp_path: Path) -> None:
    async with playing(tmp_path, configuration=FLAT) as play:
        await play.holds("MSFT")
        by_hand(play, "MSFT", 5)
        held = play.position("MSFT")
        result = await play.result({**EOD, "dryRun": True})
        (order,) = result.orders
        assert (order.state, order.quantity, play.position("MSFT")) == ("planned", 5 - held, held)
        assert (EXTERNAL in await play.held(), await snapshots(play)) == (False, 0)
        await play.result({"intent": "trade-reconciliation"})


async def test_while_trading_is_halted_the_report_is_given_and_says_what_stays(tmp_path: Path) -> None:
    async with playing(tmp_path, configuration=FLAT) as play:
        await play.holds("MSFT")
        held = play.position("MSFT")
        await play.world.configured(TradingState.HALTED, **FLAT)
        result = await play.result(EOD)
        assert (code(result), result.severity) == (("failed", "residue"), Severity.CRITICAL)
        (line,) = outcome(result)["flattening"]["residue"]
        assert (line["code"], Decimal(line["quantity"]), play.position("MSFT")) == ("halted", held, held)
        assert await snapshots(play) == 1


async def test_while_trading_is_halted_an_order_that_stays_is_told_too(tmp_path: Path) -> None:
    async with playing(tmp_path, configuration=FLAT) as play:
        play.misbehaves("partly-filled")
        (half,) = (await play.result(signal("MSFT"))).orders
        await play.world.configured(TradingState.HALTED, **FLAT)
        result = await play.result(EOD)
        assert (code(result), result.severity) == (("failed", "residue"), Severity.CRITICAL)
        left = {Decimal(line["quantity"]) for line in outcome(result)["flattening"]["residue"]}
        assert left == {half.filled, half.quantity - half.filled}


async def test_in_reduce_only_the_day_ends_flat_all_the_same(tmp_path: Path) -> None:
    async with playing(tmp_path, configuration=FLAT) as play:
        await play.holds("MSFT")
        await play.world.configured(TradingState.REDUCE_ONLY, **FLAT)
        assert code(await play.result(EOD)) == ("succeeded", None)
        assert play.position("MSFT") == 0


async def test_it_knows_an_early_close_and_says_so_of_what_it_came_too_late_for(tmp_path: Path) -> None:
    async with playing(tmp_path, at=EARLY, configuration=FLAT) as play:
        (order,) = (await play.result(signal("MSFT"))).orders
        assert order.state == "filled"
        before = await play.result({**EOD, "dryRun": True})
        (session,) = outcome(before)["sessions"]
        assert (session["closesAt"], session["isEarly"]) == ("2026-11-27T18:00:00.000000Z", True)
        play.world.pass_time(timedelta(hours=5, minutes=55).total_seconds())  # five to four, as every day
        late = await play.result(EOD)
        assert (code(late), late.severity) == (("failed", "residue"), Severity.CRITICAL)
        assert late.reason is not None
        assert "closes early today, at 18:00 UTC" in late.reason.message
        assert play.position("MSFT") != 0


async def test_on_a_holiday_nothing_can_be_closed_and_that_is_normal(tmp_path: Path) -> None:
    async with playing(tmp_path, configuration=FLAT) as play:
        await play.holds("MSFT")
        play.world.pass_time(timedelta(days=3).total_seconds())  # Thanksgiving
        result = await play.result(EOD)
        assert code(result) == ("succeeded", None), result.reason
        (session,) = outcome(result)["sessions"]
        assert session["closesAt"] is None
        assert [line["code"] for line in outcome(result)["flattening"]["residue"]] == ["market-closed"]


async def test_it_runs_any_number_of_times(tmp_path: Path) -> None:
    async with playing(tmp_path, configuration=FLAT) as play:
        await play.holds("MSFT")
        results = [await play.result(EOD) for _ in range(3)]
        assert [code(result) for result in results] == [("succeeded", None)] * 3
        assert [len(result.orders) for result in results] == [1, 0, 0]
        assert await snapshots(play) == 3


async def test_the_evening_of_a_mixed_day_is_one_chain(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await play.holds("MSFT")
        chain: list[JsonValue] = [EOD, {**CLOSE_ALL, "when": "always"}]
        answer = await play.push({"intent": "trade-reconciliation", "then": chain}, "evening")
        assert answer.status_code == 204
        await play.pass_on()
        ends = [(r.intent, r.status.value) for r in await play.world.results() if "evening" in r.id]
        assert ends == [(name, "succeeded") for name in ("trade-reconciliation", "eod-check", "close-all")]
        assert play.position("MSFT") == 0


@pytest.mark.parametrize("at", ["2026-11-23 23:30", "2026-11-24 00:30"])
async def test_the_days_result_is_that_of_the_exchanges_date(tmp_path: Path, at: str) -> None:
    async with playing(tmp_path, at=local(at)) as play:
        result = await play.result(EOD)
        assert outcome(result)["day"]["sessionDate"] == at[:10]
        assert result.status is Status.SUCCEEDED
