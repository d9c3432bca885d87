"""collect-market-data keeps bars on disk, at the broker's pace, once, however often it runs."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pyarrow import parquet
from pydantic import JsonValue

from gateway_simulator.market_file import MarketFile
from tests.support.ib import simulated
from tests.support.market import local
from tests.support.play import QUICK, Play, playing
from trader.adapters.ib import history_pace
from trader.domain.market import WhatToShow
from trader.domain.messages import Result
from trader.domain.status import Status
from trader.domain.wire import JsonObject

COLLECT: JsonObject = {"intent": "collect-market-data", "barSize": "30 mins", "duration": "5 D"}
EVENING = local("2026-11-23 17:00")


def outcome(result: Result) -> dict[str, Any]:
    assert result.outcome is not None, result.reason
    return result.outcome


def kept(folder: Path) -> dict[str, bytes]:
    """Return the files of bars by their place."""
    found = (folder / "bars").rglob("*.parquet")
    return {str(path.relative_to(folder / "bars")): path.read_bytes() for path in found}


def rows(folder: Path, name: str) -> int:
    count: int = parquet.read_table(folder / "bars" / name).num_rows
    return count


async def test_bars_are_kept_a_file_a_day(tmp_path: Path) -> None:
    async with playing(tmp_path, at=EVENING) as play:
        report = outcome(await play.result({**COLLECT, "instruments": ["SPY", "EUR.USD"]}))
        spy, euro = report["series"]
        assert (spy["whatToShow"], spy["written"], spy["skipped"]) == ("TRADES", 65, 0)
        assert (euro["instrument"], euro["whatToShow"]) == ("EUR.USD", "MIDPOINT")
        assert (spy["lastBarAt"], spy["gaps"]) == ("2026-11-23T20:30:00.000000Z", [])
        files = kept(tmp_path)
        days = [name for name in files if name.startswith("SPY-756733/30-mins/TRADES/")]
        assert sorted(name[-18:-8] for name in days) == [f"2026-11-{day}" for day in (17, 18, 19, 20, 23)]
        assert [rows(tmp_path, name) for name in days] == [13] * 5
        assert any(name.startswith("EUR.USD-12087792/30-mins/MIDPOINT/") for name in files)
        assert report["written"] == sum(rows(tmp_path, name) for name in files)


async def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    async with playing(tmp_path, at=EVENING) as play:
        first = outcome(await play.result({**COLLECT, "instruments": ["SPY"]}))
        before = kept(tmp_path)
        second = outcome(await play.result({**COLLECT, "instruments": ["SPY", "SPY"]}))
        assert (second["written"], second["skipped"]) == (0, first["written"])
        assert kept(tmp_path) == before


async def test_a_day_that_was_begun_is_completed_later(tmp_path: Path) -> None:
    async with playing(tmp_path, at=local("2026-11-23 11:10")) as play:
        body: JsonObject = {**COLLECT, "instruments": ["SPY"], "duration": "1 D"}
        assert outcome(await play.result(body))["written"] == 2, "of the third, trades may still be told"
        play.world.pass_time(timedelta(hours=6).total_seconds())
        report = outcome(await play.result(body))
        assert (report["written"], report["skipped"]) == (11, 2)
        (name,) = kept(tmp_path)
        assert rows(tmp_path, name) == 13


@pytest.mark.parametrize("size", ["30 mins", "1 day"])
async def test_bars_that_are_told_late_are_never_kept_by_halves(tmp_path: Path, size: str) -> None:
    delayed = MarketFile.model_validate({"symbols": {"SPY": {"data": "delayed"}}})
    gateway = simulated(at=local("2026-11-23 16:05"), prices=delayed)
    async with playing(tmp_path, gateway=gateway) as play:
        body: JsonObject = {**COLLECT, "instruments": ["SPY"], "barSize": size, "duration": "1 D"}
        await play.result(body)
        play.world.pass_time(timedelta(hours=2).total_seconds())
        report = outcome(await play.result(body))
        assert report["series"][0]["differing"] == 0
        assert report["written"] + report["skipped"] == (13 if size == "30 mins" else 1)


async def test_daily_bars_are_kept_by_their_date(tmp_path: Path) -> None:
    async with playing(tmp_path, at=EVENING) as play:
        body: JsonObject = {"intent": "collect-market-data", "instruments": ["SPY"], "duration": "1 W"}
        assert outcome(await play.result(body))["series"][0]["gaps"] == []
        assert max(kept(tmp_path)) == "SPY-756733/1-day/TRADES/2026-11-23.parquet"


async def test_each_contract_has_its_own_series_also_a_continuous_one_and_the_month_it_stands_for(
    tmp_path: Path,
) -> None:
    names = ["ES continuous@CME", "ES 202612@CME", "VIX index", "SPY 20261218 600 C"]
    async with playing(tmp_path, at=EVENING) as play:
        report = outcome(await play.result({**COLLECT, "instruments": [*names], "duration": "1 D"}))
        assert [(line["instrument"], line["refusal"]) for line in report["series"]] == [
            (name, None) for name in names
        ]
        assert len({name.split("/")[0] for name in kept(tmp_path)}) == 4


@pytest.mark.parametrize("show", list(WhatToShow))
async def test_bars_are_kept_of_whatever_they_can_be_made_of(tmp_path: Path, show: WhatToShow) -> None:
    async with playing(tmp_path, at=EVENING) as play:
        body: JsonObject = {**COLLECT, "instruments": ["SPY"], "duration": "1 D", "whatToShow": show.value}
        assert outcome(await play.result(body))["written"] == 13
        ((name, _),) = kept(tmp_path).items()
        assert name == f"SPY-756733/30-mins/{show.value}/2026-11-23.parquet"


async def test_a_dry_run_says_what_it_would_keep_and_keeps_nothing(tmp_path: Path) -> None:
    async with playing(tmp_path, at=EVENING) as play:
        report = outcome(await play.result({**COLLECT, "instruments": ["SPY"], "dryRun": True}))
        assert (report["written"], kept(tmp_path)) == (65, {})


async def test_what_the_broker_does_not_know_is_told_and_the_others_are_kept(tmp_path: Path) -> None:
    async with playing(tmp_path, at=EVENING) as play:
        result = await play.result({**COLLECT, "instruments": ["NOSUCH", "SPY"]})
        assert (result.status, result.reason and result.reason.code) == (
            Status.FAILED,
            "instruments-refused",
        )
        unknown, spy = outcome(result)["series"]
        assert (unknown["refusal"]["code"], spy["written"]) == ("unknown-instrument", 65)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("instruments", []),
        ("instruments", ["spy"]),
        ("instruments", ["ES future@CME"]),
        ("instruments", ["SPY 20261318 600 C"]),
        ("barSize", "7 mins"),
        ("duration", "366 D"),
        ("duration", "13 M"),
        ("duration", "5 days"),
        ("duration", "0 D"),
        ("whatToShow", "LAST"),
    ],
)
async def test_what_it_can_not_follow_is_refused_by_its_field(tmp_path: Path, field: str, value: Any) -> None:
    async with playing(tmp_path, at=EVENING) as play:
        result = await play.result({**COLLECT, "instruments": ["SPY"], field: value})
        assert (result.status, result.reason and result.reason.code) == (Status.REJECTED, "bad-field")
        assert result.reason is not None
        assert (result.reason.field or "").startswith(field)


async def test_what_the_pace_leaves_no_time_for_is_continued_and_nothing_is_asked_twice(
    tmp_path: Path,
) -> None:
    names = ["SPY", "MSFT", "NVDA", "IWM", "TSLA"]
    gateway = simulated(at=EVENING)
    quick = QUICK.model_copy(update={"handler_s": 2.0, "broker_call_s": 5})
    with patch.object(history_pace, "WINDOW_S", 3.0):
        async with playing(tmp_path, gateway=gateway, durations=quick) as play:
            market_data: Any = play.worker.worker.ports.market_data
            market_data._pace = history_pace.HistoryPace(play.worker.clock, requests=2)
            then: list[JsonValue] = [{"intent": "summary"}]
            body: JsonObject = {**COLLECT, "instruments": [*names], "then": then}
            assert (await play.push(body, "night")).status_code == 204
            await play.pass_on()
            ends = await ended(play, "night")
    assert {end.status for end in ends} == {Status.SUCCEEDED}
    assert ends[-1].intent == "summary"
    assert len(ends) > 3, "two continuations at least: two requests go in each window"
    assert [end.id.rpartition("/more/")[2] for end in ends[1:-1]] == [
        str(n + 1) for n in range(len(ends) - 2)
    ]
    collected = [line["instrument"] for end in ends[:-1] for line in outcome(end)["series"]]
    assert collected == names
    assert [outcome(end)["left"] for end in ends[:-1]][-1] == 0
    assert gateway.requests["reqHistoricalData"] == 5
    assert len(kept(tmp_path)) == 25


async def ended(play: Play, message: str) -> list[Result]:
    return [result for result in await play.world.results() if message in result.id]


async def test_when_the_broker_says_that_it_was_too_soon_it_waits_and_asks_again(tmp_path: Path) -> None:
    gateway = simulated(
        (
            {"event": "reqHistoricalData", "nth": 1},
            {
                "reject": {
                    "code": 162,
                    "message": "Historical Market Data Service error message:pacing violation",
                }
            },
        ),
        at=EVENING,
    )
    with patch("trader.adapters.ib.codes.PACING_RETRY_S", 0):
        async with playing(tmp_path, gateway=gateway) as play:
            report = outcome(await play.result({**COLLECT, "instruments": ["SPY"]}))
            assert report["written"] == 65
            assert play.gateway.requests["reqHistoricalData"] == 2


async def test_without_a_disk_to_write_to_the_message_comes_again(tmp_path: Path) -> None:
    async with playing(tmp_path, at=EVENING) as play:
        in_the_way(tmp_path / "bars")
        answer = await play.push({**COLLECT, "instruments": ["SPY"]}, "late")
        assert (answer.status_code, answer.text) == (503, "bars-unavailable")
        (tmp_path / "bars").unlink()
        assert outcome(await play.result({**COLLECT, "instruments": ["SPY"]}, "late"))["written"] == 65


def in_the_way(path: Path) -> None:
    path.write_text("a file where a folder should be")
