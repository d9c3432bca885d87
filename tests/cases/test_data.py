"""What data and hours did to others: pacing, permissions, prices that are none, days without a session."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway_simulator.market_file import MarketFile, load_market
from tests.support.ib import simulated
from tests.support.play import CLOSE_ALL, MANY, SCENARIOS, Play, playing, signal
from trader.domain.messages import Result
from trader.domain.orders import OrderState
from trader.domain.status import Status
from trader.domain.wire import JsonObject

MARKET = SCENARIOS.parent / "markets" / "example.yaml"


def code_of(result: Result) -> tuple[Status, str | None]:
    return result.status, result.reason.code if result.reason else None


def sent_nothing(play: Play) -> bool:
    return play.gateway.requests["placeOrder"] == 0


@pytest.mark.case(12)
async def test_a_pacing_violation_is_waited_out_and_touches_no_order(tmp_path: Path) -> None:
    # erdewit/ib_insync issue 198
    at_the_close = {**MANY, "order": {"type": "MOC", "tif": "DAY"}}
    async with playing(tmp_path, configuration=at_the_close) as play:
        (standing,) = (await play.result(signal("SPY"), "first")).orders
        play.misbehaves("pacing")
        violation = await play.push(signal("MSFT"), "second")
        assert (violation.status_code, violation.text) == (503, "pacing")
        assert int(violation.headers["Retry-After"]) >= 60
        too_many = await play.push(signal("MSFT"), "second")
        assert (too_many.status_code, too_many.text) == (503, "pacing")
        assert len(play.placed()) == 1
        (order,) = (await play.result(signal("MSFT"), "second")).orders
        assert [order.state, standing.state] == [OrderState.WORKING] * 2
        assert (await play.result(signal("SPY"))).orders == (), "the first is still known to be under way"
        assert play.gateway.requests["placeOrder"] == 2


@pytest.mark.case(13)
async def test_without_permission_for_bars_the_signal_is_refused_with_a_code(tmp_path: Path) -> None:
    # brndnmtthws/thetagang issue 175
    async with playing(tmp_path, "no-data-permission") as play:
        assert code_of(await play.result(signal("AAPL"))) == (Status.REJECTED, "no-market-data")
        assert sent_nothing(play)


@pytest.mark.case(13)
@pytest.mark.parametrize(("symbol", "code"), [("SPY", 354), ("MSFT", 10168), ("NVDA", 10089), ("IWM", 10090)])
async def test_without_permission_for_quotes_no_order_is_sized(
    tmp_path: Path, symbol: str, code: int
) -> None:
    # brndnmtthws/thetagang issue 175
    async with playing(tmp_path, "no-data-permission-by-code") as play:
        result = await play.result(signal(symbol))
        assert code_of(result) == (Status.REJECTED, "no-market-data")
        assert result.reason is not None
        assert str(code) in result.reason.message
        assert sent_nothing(play)


@pytest.mark.case(13)
@pytest.mark.parametrize(("age_s", "code"), [(120, "price-too-old"), (1200, None)])
async def test_delayed_data_is_marked_so_and_counts_as_old_as_it_is(
    tmp_path: Path, age_s: int, code: str | None
) -> None:
    # brndnmtthws/thetagang issue 175
    limits: JsonObject = {"orderNotional": 100_000, "priceAgeSeconds": age_s}
    configuration: JsonObject = {**MANY, "marketDataType": 3, "limits": limits}
    gateway = simulated(prices=load_market(MARKET))
    async with playing(tmp_path, gateway=gateway, configuration=configuration) as play:
        outcome: Any = (await play.result(signal("QQQ", dryRun=True))).outcome
        assert outcome["priceIsDelayed"]
        assert [refusal["code"] for refusal in outcome["refusals"]] == ([code] if code else [])
        live = await play.result(signal("QQQ"))
        assert code_of(live) == ((Status.REJECTED, code) if code else (Status.SUCCEEDED, None))
        assert sent_nothing(play) == (code is not None)


@pytest.mark.case(14)
@pytest.mark.parametrize("symbol", ["AAPL", "MSFT"])
async def test_a_price_that_is_missing_or_zero_sizes_nothing(tmp_path: Path, symbol: str) -> None:
    # brndnmtthws/thetagang issues 306 and 368: there is an older price, and nothing may be sized with it
    async with playing(tmp_path, "prices-missing-and-zero") as play:
        play.world.pass_time(121)
        assert code_of(await play.result(signal(symbol))) == (Status.REJECTED, "price-too-old")
        assert sent_nothing(play)


@pytest.mark.case(14)
async def test_without_any_price_there_is_no_order(tmp_path: Path) -> None:
    # brndnmtthws/thetagang issues 306 and 368
    gateway = simulated(prices=MarketFile.model_validate({"symbols": {"SPY": {"fixed": "nan"}}}))
    async with playing(tmp_path, gateway=gateway) as play:
        assert code_of(await play.result(signal("SPY"))) == (Status.REJECTED, "no-market-data")
        assert sent_nothing(play)


@pytest.mark.case(19)
@pytest.mark.parametrize(
    ("scenario", "opens"), [("holiday", "2026-11-27 09:30"), ("early-close", "2026-11-30")]
)
async def test_without_a_session_a_run_is_skipped_and_says_when_the_next_one_is(
    tmp_path: Path, scenario: str, opens: str
) -> None:
    # brndnmtthws/thetagang pull request 556
    async with playing(tmp_path, scenario) as play:
        result = await play.result(signal("MSFT"))
        assert code_of(result) == (Status.SKIPPED, "market-closed")
        assert result.reason is not None
        assert opens in result.reason.message
        assert sent_nothing(play)


@pytest.mark.case(19)
async def test_what_is_held_on_a_holiday_is_not_closed_into_the_next_session(tmp_path: Path) -> None:
    # brndnmtthws/thetagang pull request 556
    async with playing(tmp_path) as play:
        await play.holds("MSFT")
        play.world.pass_time(timedelta(days=3).total_seconds())
        assert code_of(await play.result(CLOSE_ALL)) == (Status.SKIPPED, "market-closed")
        assert len(play.placed()) == 1
