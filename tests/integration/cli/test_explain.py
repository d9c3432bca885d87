"""`trader strategies` and `trader explain`: what can be followed, and what was decided last."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.support.play import playing, signal
from tests.support.stack import trader
from trader.discovery import find_strategies


async def explained(folder: Path, *arguments: str) -> tuple[int, str, str]:
    ran = await asyncio.to_thread(trader, folder, "explain", *arguments)
    return ran.returncode, ran.stdout, ran.stderr


async def test_the_latest_decision_is_told_from_its_bars_to_its_order(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await play.result(signal("SPY"), "first")
        result = await play.result(signal("MSFT"), "second")
        await play.result(signal("NVDA", dryRun=True), "dry")
        code, out, err = await explained(tmp_path, "testsignalgenerator", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["run"], told["intent"]) == ("message/second", "testsignalgenerator")
    assert [chosen["instrument"] for chosen in told["chosen"]] == ["MSFT"]
    assert told["indicators"].keys() == {"close", "macd", "signal"}
    assert told["bars"][0]["count"] > 34
    assert told["orders"] == [order.reference for order in result.orders]
    assert told["targets"][0]["quantity"] == str(result.orders[0].filled)


async def test_a_person_reads_the_same(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await play.result(signal("MSFT"), "first")
        code, out, _ = await explained(tmp_path, "testsignalgenerator")
    assert code == 0
    for word in ("in run message/first of testsignalgenerator", "finished bars of 30 mins of MSFT", "macd"):
        assert word in out


async def test_a_strategy_that_decided_nothing_is_told_in_a_line(tmp_path: Path) -> None:
    async with playing(tmp_path):
        assert await explained(tmp_path, "spymacdvixy") == (
            0,
            "spymacdvixy has decided nothing yet for account DU1234567 in a run that may trade\n",
            "",
        )


@pytest.mark.parametrize(("given", "hint"), [("spymacdvix", "did you mean spymacdvixy?"), ("none", "found")])
async def test_a_strategy_that_does_not_exist_is_refused(tmp_path: Path, given: str, hint: str) -> None:
    code, out, err = await explained(tmp_path, given)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert hint in err


def test_every_strategy_has_its_line(tmp_path: Path) -> None:
    ran = trader(tmp_path, "strategies", "--json")
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [line["strategy"] for line in lines] == list(find_strategies())
    assert all(line["description"] and line["bars"] for line in lines)
    table = trader(tmp_path, "strategies").stdout
    assert all(name in table for name in find_strategies())
    assert "shortSpy (true)" in table, "a default is what a configuration would say"
