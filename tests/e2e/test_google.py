"""The worker on Google's own emulators: pushed to for real, killed, delivered to twice, cut off, and well."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.support.cloud import cloud
from tests.support.stack import trader
from trader.domain.wire import JsonObject

SLOW_BARS = """
- when: {event: reqHistoricalData, nth: 1}
  then: {delay: {seconds: 25}}
"""
PATIENCE_S = 240
"""A bound for a test that fails, on a machine that has much else to do; half a minute is what it takes."""
SIGNAL: JsonObject = {"intent": "testsignalgenerator", "reason": "SECRET-OF-THE-BODY"}


@pytest.mark.slow
async def test_a_redelivery_while_the_first_run_still_works_never_trades_twice(
    tmp_path: Path, firestore_emulator: str, pubsub_emulator: str
) -> None:
    quick = {"TRADER_BROKER_CALL_S": "60", "TRADER_ACK_S": "10"}
    async with cloud(
        tmp_path, firestore_emulator, pubsub_emulator, scenario=SLOW_BARS, ack_deadline_s=10
    ) as world:
        with world.worker(**quick) as worker:
            await world.until_ready()
            message_id = await world.publish(SIGNAL)
            async with asyncio.timeout(PATIENCE_S):
                await world.follow(1)
            await asyncio.to_thread(worker.until_says, "told again")  # the redelivery, after the run's end
        assert "run-in-progress" in worker.err  # and one before it
        result = world.results[f"message/{message_id}"]
        assert (result["status"], len(result["orders"])) == ("succeeded", 1), result
        assert len(world.references()) == 1
        assert world.requests()["placeOrder"] == 1


@pytest.mark.slow
async def test_of_two_thousand_messages_none_is_lost_and_none_doubled_by_a_restart(
    tmp_path: Path, firestore_emulator: str, pubsub_emulator: str
) -> None:
    total, trading = 2000, 10
    quick = {"TRADER_LEASE_S": "3", "TRADER_LOG_LEVEL": "warning"}
    async with cloud(tmp_path, firestore_emulator, pubsub_emulator, ack_deadline_s=10) as world:

        async def publish(numbers: range) -> None:
            for n in numbers:
                body: JsonObject = (
                    SIGNAL
                    if n % (total // trading) == 7
                    else {"intent": "set-trading-state", "state": "halted", "dryRun": True, "reason": "test"}
                )
                ids.append(await world.publish(body))

        ids: list[str] = []
        with world.worker(**quick) as first:
            await world.until_ready()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*(publish(range(n, total // 2, 20)) for n in range(20)))
                await world.follow(total // 4)
            first.process.kill()
        with world.worker(**quick):
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*(publish(range(total // 2 + n, total, 20)) for n in range(20)))
                await world.follow(total)

        assert set(world.results) == {f"message/{message_id}" for message_id in ids}
        assert {result["status"] for result in world.results.values()} == {"succeeded"}
        placed = [order["reference"] for result in world.results.values() for order in result["orders"]]
        assert sorted(world.references()) == sorted(placed)
        assert len(set(placed)) == len(placed) > 0


async def test_the_command_line_talks_to_the_same_project(
    tmp_path: Path, firestore_emulator: str, pubsub_emulator: str
) -> None:
    async with cloud(tmp_path, firestore_emulator, pubsub_emulator) as world:

        async def run(*arguments: str) -> str:
            ran = await asyncio.to_thread(trader, tmp_path, *arguments, variables=world.variables)
            assert ran.returncode == 0, (arguments, ran.stdout, ran.stderr)
            return ran.stdout

        with world.worker():
            await world.until_ready()
            told = json.loads(await run("publish", "summary", "--id", "by-hand", "--wait", "--json"))
        assert (told["data"]["id"], told["data"]["status"]) == ("id/by-hand", "succeeded")
        assert "id/by-hand" in await run("results", "--json")
        assert json.loads(await run("state", "halt", "--json"))["before"] == "active"
        assert json.loads(await run("state", "--json"))["state"] == "halted"
