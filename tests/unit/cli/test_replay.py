"""`trader replay`: what lies among the dead letters, and what becomes of the chosen ones."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.test_settled import run
from trader.adapters.clock import SystemClock
from trader.adapters.local_topic import LocalTopics
from trader.adapters.local_topic.deliveries import Deliveries
from trader.adapters.sqlite import SqliteStore
from trader.ports import Create, OutgoingMessage, ReceivedMessage, Topic
from trader.runs.runs import path_of
from trader.stored import records

Trader = Callable[..., Any]


def buried(data_dir: Path, *bodies: str, accounts: Sequence[str] = ("DU1",)) -> None:
    """Let messages lie among the dead letters of a stack that has served these accounts."""

    async def bury() -> None:
        store = await SqliteStore.open(data_dir / "state.sqlite3")
        for account in accounts:
            await records.remember_account(store, account, datetime.now(UTC))
        await store.close()
        topics = await LocalTopics.open(data_dir / "topics.sqlite3", SystemClock())
        deliveries = Deliveries(topics)
        for body in bodies:
            message_id = await topics.publish(OutgoingMessage(Topic.INTENTS, body.encode()))
            delivery = await deliveries.begin(int(message_id))
            assert delivery is not None
            await deliveries.bury(delivery, "worker-local")
        await topics.close()

    data_dir.mkdir(exist_ok=True)
    asyncio.run(bury())


def published(data_dir: Path) -> list[ReceivedMessage]:
    """Return the intents that lie ready to be delivered."""

    async def read() -> list[ReceivedMessage]:
        topics = await LocalTopics.open(data_dir / "topics.sqlite3", SystemClock())
        waiting = [await Deliveries(topics).begin(n) for n in await Deliveries(topics).waiting(0)]
        await topics.close()
        return [delivery.message for delivery in waiting if delivery]

    return asyncio.run(read())


def listed(trader: Trader, *arguments: str) -> list[dict[str, Any]]:
    said = trader("replay", "--json", *arguments)
    assert said.code == 0
    return [json.loads(line) for line in said.out.splitlines()]


@pytest.mark.parametrize("all_of_them", [(), ("--all",)])
def test_without_dead_letters_it_says_so(
    trader: Trader, data_dir: Path, all_of_them: tuple[str, ...]
) -> None:
    buried(data_dir)
    said = trader("replay", *all_of_them)
    assert (said.code, said.out) == (0, "no dead letters: every message was acknowledged\n")
    assert listed(trader, *all_of_them) == []


def test_that_none_can_be_replayed_is_said(trader: Trader, data_dir: Path) -> None:
    buried(data_dir, "no intent")
    said = trader("replay", "--all")
    assert (said.code, said.out) == (0, "none of 1 can be replayed; `trader replay` says why\n")


def test_a_letter_that_no_worker_ever_claimed_is_listed_and_published_again(
    trader: Trader, data_dir: Path
) -> None:
    buried(data_dir, '{"intent": "summary", "id": "lost"}')
    (letter,) = listed(trader)
    assert (letter["run"], letter["status"], letter["refusal"]) == ("id/lost", None, None)
    shown = trader("replay").out
    for word in (letter["letter"], "summary", "id/lost", "never claimed", "yes"):
        assert word in shown
    said = trader("replay", letter["letter"])
    assert (said.code, "published again as id/lost" in said.out) == (0, True)
    (message,) = published(data_dir)
    assert message.attributes["ce-id"] == f"id/lost/replay/{letter['letter']}"
    assert message.attributes["ce-source"] == "//ib-intents/DU1"
    assert json.loads(message.data) == {"intent": "summary", "id": "lost"}
    assert listed(trader) == []


def test_all_takes_what_can_be_and_leaves_what_cannot(trader: Trader, data_dir: Path) -> None:
    buried(data_dir, '{"intent": "summary", "id": "one"}', "no json", '{"intent": "summary", "id": "two"}')
    said = trader("replay", "--all", "--json")
    assert said.code == 0
    assert [json.loads(line)["run"] for line in said.out.splitlines()] == ["id/one", "id/two"]
    (left,) = listed(trader)
    assert left["refusal"]["code"] == "unreadable"
    refused = trader("replay", left["letter"])
    assert (refused.code, "refused, unreadable" in refused.out) == (1, True)
    assert listed(trader) == [left]


def test_a_mistake_is_one_line_and_changes_nothing(trader: Trader, data_dir: Path) -> None:
    buried(data_dir, '{"intent": "summary", "id": "one"}')
    for arguments, told in {
        ("7",): "expected a dead letter",
        ("7", "--all"): "expected letters or --all, found both",
    }.items():
        said = trader("replay", *arguments)
        assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
        assert told in said.err
    assert len(listed(trader)) == 1


@pytest.mark.parametrize(
    ("environment", "is_replayed"),
    [
        ({}, False),
        ({"TRADER_DEFAULT": "true"}, True),
        ({"TRADER_DEFAULT": "false"}, False),
        ({"TRADER_DEFAULT": "true", "TRADER_ACCOUNT": "DU2"}, True),
        ({"TRADER_DEFAULT": "true", "TRADER_ACCOUNT": "DU1"}, False),  # it speaks of DU1's worker
    ],
)
def test_among_several_accounts_a_letter_that_names_none_needs_to_be_known_for_ones_own(
    trader: Trader,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: Mapping[str, str],
    is_replayed: bool,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    buried(data_dir, '{"intent": "close-all", "id": "lost"}', accounts=("DU1", "DU2"))
    (letter,) = listed(trader, "--account", "DU2")
    said = trader("replay", letter["letter"], "--account", "DU2")
    assert (said.code, said.out.count("\n")) == (0 if is_replayed else 1, 1)
    assert [message.attributes["account"] for message in published(data_dir)] == ["DU2"] * is_replayed
    if not is_replayed:
        assert "refused, account-missing" in said.out
        assert "TRADER_DEFAULT=true" in said.out


def damaged(data_dir: Path, key: str) -> None:
    """Let a run stand there whose message nobody can read any more."""

    async def damage() -> None:
        store = await SqliteStore.open(data_dir / "state.sqlite3")
        await store.commit([Create(path_of("DU1", key), {**run(key).to_json(), "attempts": 7})])
        await store.close()

    asyncio.run(damage())


def test_what_became_of_a_run_that_can_not_be_told_is_neither_running_nor_never_claimed(
    trader: Trader, data_dir: Path
) -> None:
    buried(data_dir, '{"intent": "summary", "id": "one"}', '{"intent": "summary"}')
    damaged(data_dir, "id/one")
    assert [(letter["status"], letter["refusal"]["code"]) for letter in listed(trader)] == [
        (None, "document-damaged")
    ] * 2
    shown = trader("replay").out
    assert ("unknown" in shown, "running" in shown, "never claimed" in shown) == (True, False, False)


def test_beside_a_damaged_run_a_letter_that_may_be_its_says_which_and_others_are_replayed(
    trader: Trader, data_dir: Path
) -> None:
    buried(data_dir, '{"intent": "summary"}', '{"intent": "summary", "id": "lost"}')
    damaged(data_dir, "id/one")
    unknown, named = listed(trader)
    assert (unknown["refusal"]["code"], named["refusal"]) == ("document-damaged", None)
    assert path_of("DU1", "id/one") in unknown["refusal"]["message"]
    assert trader("replay", "--all").code == 0
    assert len(published(data_dir)) == 1
