"""How far the limits are used: our own books tell at once, the broker's part is of the latest reconcile."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from tests.support.crash import ACCOUNT
from tests.support.play import MANY, Play, playing, signal
from trader.domain.day import StartOfDay
from trader.domain.limit_use import LimitUse
from trader.domain.wire import JsonObject
from trader.stored import days, records
from trader.stored.limits import read_limit_uses

LOOK: JsonObject = {"intent": "reconcile"}
NOTIONAL = "strategies.testsignalgenerator.maxNotional"


async def uses(play: Play) -> Mapping[str, LimitUse]:
    store = play.world.store
    configuration = await records.configuration(store, ACCOUNT)
    found = await read_limit_uses(store, ACCOUNT, configuration, play.worker.clock.now())
    return {use.limit: use for use in found}


async def test_what_our_books_count_is_known_at_once_and_what_only_the_broker_knows_is_not(
    tmp_path: Path,
) -> None:
    async with playing(tmp_path) as play:
        await play.result(signal("MSFT"))
        used = await uses(play)
        assert used["limits.ordersPerDay"].used == 1
        assert used["limits.conversionsPerDay"].used == 0
        broker = {name for name, use in used.items() if use.source == "broker"}
        assert broker >= {"limits.positions", "limits.grossExposure", "limits.dailyDrawdownPercent", NOTIONAL}
        assert all(used[name].used is None and used[name].at is None for name in broker)


async def test_after_a_reconcile_each_limit_says_how_far_it_is_used(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        (order,) = (await play.result(signal("MSFT"))).orders
        assert order.average_price is not None
        await play.result(LOOK)
        used = await uses(play)
        assert used["limits.positions"].used == 1
        gross = used["limits.grossExposure"].used
        assert gross is not None
        assert 0 < gross < 1
        notional = used[NOTIONAL]
        assert notional.used is not None
        # At the market's price, which isn't the price it was bought at.
        assert abs(notional.used - order.filled * order.average_price) < notional.used / 10
        assert (notional.unit, used["limits.dailyDrawdownPercent"].unit) == ("USD", "percent")
        assert used["limits.dailyDrawdownPercent"].used is not None


async def test_a_snapshot_from_before_the_day_began_says_nothing_of_the_days_loss(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await play.result(LOOK)
        play.world.pass_time(86_400)
        start = StartOfDay(
            session_date="2026-11-24",
            net_liquidation=Decimal(100_000),
            currency="USD",
            run="id/morning",
            at=play.worker.clock.now(),
        )
        await days.write_start_of_day(play.world.store, ACCOUNT, start)
        used = await uses(play)
        assert used["limits.dailyDrawdownPercent"].used is None
        assert used["limits.positions"].used == 0


async def test_an_order_that_works_counts_its_minutes(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        play.misbehaves("partly-filled")
        await play.result(signal("MSFT"))
        play.world.pass_time(600)
        assert (await uses(play))["limits.stuckAfterMinutes"].used == 10


async def test_the_trading_state_says_which_run_set_it(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        halt: JsonObject = {"intent": "set-trading-state", "state": "halted", "reason": "news"}
        assert (await play.push(halt, "stop")).status_code == 204
        record = await records.trading_state_record(play.world.store, ACCOUNT)
        assert record is not None
        assert (record.by, record.reason) == ("message/stop", "news")


async def test_a_limit_that_allows_nothing_has_no_share(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await play.world.configured(**{**MANY, "limits": {"orderNotional": 50_000, "ordersPerDay": 0}})
        used = (await uses(play))["limits.ordersPerDay"]
        assert used.allows == 0
        assert used.used == 0
        assert used.share is None
