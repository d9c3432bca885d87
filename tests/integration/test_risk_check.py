"""risk-check looks, is loud on a breach, and lets nothing but closing through; it closes nothing itself."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support.crash import ACCOUNT
from tests.support.play import MANY, RECONCILE, Play, playing, signal
from trader.domain.day import StartOfDay
from trader.domain.messages import Result
from trader.domain.status import Severity, Status
from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject
from trader.ports import Delete, Update
from trader.stored import days, records

CHECK: JsonObject = {"intent": "risk-check"}


async def began_with(play: Play, worth: int) -> None:
    """Let the account have been worth so much when its day began."""
    start = StartOfDay(
        session_date="2026-11-23",
        net_liquidation=Decimal(worth),
        currency="USD",
        run="id/morning",
        at=play.worker.clock.now(),
    )
    await days.write_start_of_day(play.world.store, ACCOUNT, start)


def codes(result: Result) -> list[str]:
    return [breach["code"] for breach in outcome(result)["breaches"]]


def outcome(result: Result) -> dict[str, Any]:
    assert result.outcome is not None, result.reason
    return result.outcome


async def state(play: Play) -> TradingState:
    return await records.trading_state(play.world.store, ACCOUNT)


async def test_an_account_within_its_limits_stays_as_it_is(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await play.holds("SPY", "MSFT")
        result = await play.result(CHECK)
        assert (result.status, result.severity, codes(result)) == (Status.SUCCEEDED, Severity.INFO, [])
        measures = outcome(result)["measures"]
        assert measures["positions"] == 2
        assert Decimal(measures["day"]["start"]) == 100_000
        assert [line["strategy"] for line in measures["strategies"]] == ["testsignalgenerator"]
        assert await state(play) is TradingState.ACTIVE


async def test_a_drawdown_is_critical_and_lets_only_closing_through(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await began_with(play, 106_000)
        await play.holds("MSFT")
        result = await play.result(CHECK)
        assert (result.status, result.severity, codes(result)) == (
            Status.SUCCEEDED,
            Severity.CRITICAL,
            ["daily-drawdown"],
        )
        assert (outcome(result)["stateBefore"], outcome(result)["stateAfter"]) == ("active", "reduce-only")
        record = await records.trading_state_record(play.world.store, ACCOUNT)
        assert record is not None
        assert (record.state, record.reason) == (TradingState.REDUCE_ONLY, "risk-check: daily-drawdown")
        assert play.position("MSFT") > 0, "it never flattens"
        opening = await play.result(signal("SPY"))
        assert (opening.orders, opening.reason and opening.reason.code) == ((), "reduce-only")
        assert (await play.result({"intent": "close-all"})).status is Status.SUCCEEDED
        assert play.position("MSFT") == 0


async def test_it_may_run_any_number_of_times_and_sets_the_state_once(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await began_with(play, 106_000)
        await play.result(CHECK)
        before = await records.trading_state_record(play.world.store, ACCOUNT)
        for _ in range(3):
            result = await play.result(CHECK)
            assert (result.severity, outcome(result)["stateAfter"]) == (Severity.CRITICAL, "reduce-only")
        assert await records.trading_state_record(play.world.store, ACCOUNT) == before


async def test_a_breach_never_loosens_a_halt(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await play.world.configured(TradingState.HALTED, **MANY)
        await began_with(play, 106_000)
        result = await play.result(CHECK)
        assert (result.severity, outcome(result)["stateAfter"]) == (Severity.CRITICAL, "halted")
        assert await state(play) is TradingState.HALTED


async def test_an_account_whose_state_was_never_set_stays_without_one(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        store = play.world.store
        document = await store.get(records.trading_state_path(ACCOUNT))
        assert document is not None
        await store.commit([Delete(document.path, document.version)])
        await began_with(play, 106_000)
        assert outcome(await play.result(CHECK))["stateAfter"] == "halted"
        assert await records.trading_state_record(store, ACCOUNT) is None


async def test_where_it_is_switched_off_a_breach_is_told_and_changes_nothing(tmp_path: Path) -> None:
    async with playing(tmp_path, configuration={**MANY, "reduceOnlyOnBreach": False}) as play:
        await began_with(play, 106_000)
        result = await play.result(CHECK)
        assert (result.severity, codes(result)) == (Severity.CRITICAL, ["daily-drawdown"])
        assert await state(play) is TradingState.ACTIVE


async def test_a_dry_run_says_what_it_would_set_and_writes_nothing(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await began_with(play, 106_000)
        result = await play.result({**CHECK, "dryRun": True})
        assert (result.severity, outcome(result)["stateAfter"]) == (Severity.CRITICAL, "reduce-only")
        assert await state(play) is TradingState.ACTIVE


async def test_the_first_check_of_a_day_is_its_start_and_a_dry_one_has_none(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        assert outcome(await play.result({**CHECK, "dryRun": True}))["measures"]["day"] is None
        day = outcome(await play.result(CHECK))["measures"]["day"]
        assert (day["sessionDate"], Decimal(day["change"])) == ("2026-11-23", Decimal(0))


async def test_an_order_that_works_for_too_long_is_stuck_and_one_for_the_close_waits(tmp_path: Path) -> None:
    limits = {"orderNotional": 100_000, "stuckAfterMinutes": 30}
    configuration = {**MANY, "limits": limits}
    async with playing(tmp_path, configuration=configuration) as play:
        await play.world.configured(**configuration, order={"type": "MOC", "tif": "DAY"})
        (waiting,) = (await play.result(signal("NVDA"))).orders
        await play.world.configured(**configuration)
        play.misbehaves("partly-filled")
        (resting,) = (await play.result(signal("MSFT"))).orders
        assert (waiting.state, resting.state) == ("working", "working")
        assert codes(await play.result(CHECK)) == []
        play.world.pass_time(30 * 60)
        result = await play.result(CHECK)
        assert codes(result) == ["stuck-order"]
        (line,) = outcome(result)["measures"]["working"]
        assert (line["instrument"], line["minutes"] >= 30) == ("MSFT", True)


async def test_what_was_bought_by_hand_has_no_owner_until_its_trades_are_reconciled(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        play.manual("MSFT", "BUY", Decimal(7))
        await play.until(lambda: play.position("MSFT") == 7)
        await play.until(lambda: any(p.quantity == 7 for p in play.worker.worker.ports.broker.positions()))
        result = await play.result(CHECK)
        assert codes(result) == ["unowned-position"]
        (line,) = outcome(result)["measures"]["unowned"]
        assert (line["instrument"], line["position"], line["owned"]) == ("MSFT", "7", "0")
        await play.result(RECONCILE)
        assert codes(await play.result(CHECK)) == []


async def test_a_state_that_somebody_sets_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await began_with(play, 106_000)
        store = play.worker.worker.ports.store
        real = store.commit

        async def halted_first(writes: Any) -> Any:
            if any(isinstance(write, Update) and "trading-state" in write.path for write in writes):
                store.commit = real  # type: ignore[method-assign]
                now = play.worker.clock.now()
                await records.set_trading_state(
                    store, ACCOUNT, TradingState.HALTED, reason="by hand", published_at=now, at=now
                )
            return await real(writes)

        store.commit = halted_first  # type: ignore[method-assign]
        result = await play.result(CHECK)
        assert outcome(result)["stateAfter"] == "halted"
        assert await state(play) is TradingState.HALTED


async def test_without_a_configuration_it_is_refused(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        document = await play.world.store.get(records.configuration_path(ACCOUNT))
        assert document is not None
        await play.world.store.commit([Delete(document.path, document.version)])
        result = await play.result(CHECK)
        assert (result.status, result.reason and result.reason.code) == (Status.REJECTED, "config-missing")
