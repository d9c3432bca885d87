"""`trader publish` where no stack runs: the message waits on its topic, and how a result is awaited."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trader.adapters.clock import SystemClock
from trader.adapters.local_topic import LocalTopics
from trader.domain.events import result_event
from trader.domain.messages import Reason, Result
from trader.domain.run_key import message_key
from trader.domain.status import Mode, Severity, Status
from trader.ports import OutgoingMessage, ReceivedMessage, Topic

Trader = Callable[..., Any]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def published(data_dir: Path) -> list[ReceivedMessage]:
    async def read() -> list[ReceivedMessage]:
        topics = await LocalTopics.open(data_dir / "topics.sqlite3", SystemClock())
        messages = [message async for message in topics.subscription(Topic.INTENTS).follow(wait=False)]
        await topics.close()
        return messages

    return asyncio.run(read())


def bodies(data_dir: Path) -> list[Any]:
    return [json.loads(message.data) for message in published(data_dir)]


def key_of(message: ReceivedMessage) -> str:
    """Return the key of the run that a message without an ``id`` asks for."""
    return message_key(message.id, message.attributes)


def test_a_message_waits_for_a_stack_and_its_run_is_printed(trader: Trader, data_dir: Path) -> None:
    ran = trader("publish", "summary")
    [message] = published(data_dir)
    assert (ran.code, ran.out) == (0, f"{key_of(message)}\n")
    assert "no local stack is running" in ran.err
    assert json.loads(message.data) == {"intent": "summary"}


def test_each_option_is_a_field_of_the_message(trader: Trader, data_dir: Path) -> None:
    trader(
        *(
            "publish",
            "testsignalgenerator",
            "--dry-run",
            "--set",
            "symbol=QQQ",
            "--id",
            "one",
            "--account",
            "DU1",
        ),
        *("--expires-at", "2026-11-23T16:00:00-05:00", "--reason", "why not"),
        *("--then", '[{"intent": "summary"}]'),
    )
    assert bodies(data_dir) == [
        {
            "intent": "testsignalgenerator",
            "symbol": "QQQ",
            "dryRun": True,
            "id": "one",
            "account": "DU1",
            "expiresAt": "2026-11-23T21:00:00.000000Z",
            "reason": "why not",
            "then": [{"intent": "summary"}],
        }
    ]


@pytest.mark.parametrize(
    ("given", "value"), [("halted", "halted"), ('"halted"', "halted"), ("reduce-only", "reduce-only")]
)
def test_a_word_that_is_no_json_is_text(trader: Trader, data_dir: Path, given: str, value: str) -> None:
    trader("publish", "set-trading-state", "--set", f"state={given}", "--set", "reason=a=b c")
    assert bodies(data_dir) == [{"intent": "set-trading-state", "state": value, "reason": "a=b c"}]


def test_the_id_and_the_run_are_told_to_programs(trader: Trader, data_dir: Path) -> None:
    own, given = trader("publish", "summary", "--json"), trader("publish", "summary", "--id", "x", "--json")
    first, second = published(data_dir)
    assert json.loads(own.out) == {"messageId": first.id, "run": key_of(first)}
    assert json.loads(given.out) == {"messageId": second.id, "run": "id/x"}


def test_each_publication_has_an_identity_of_its_own_that_the_topic_does_not_give(
    trader: Trader, data_dir: Path
) -> None:
    for _ in range(2):
        trader("publish", "summary")
    first, second = published(data_dir)
    assert {message.attributes["ce-source"] for message in (first, second)} == {"trader"}
    assert first.attributes["ce-id"] != second.attributes["ce-id"]
    assert first.id not in key_of(first)


def test_a_reason_in_another_encoding_is_published_as_far_as_it_can_be_read(
    trader: Trader, data_dir: Path
) -> None:
    halt = ("publish", "set-trading-state", "--set", "state=halted")
    assert trader(*halt, "--reason", "St\udcf6rung").code == 0
    assert bodies(data_dir) == [{"intent": "set-trading-state", "state": "halted", "reason": "St\ufffdrung"}]


def test_without_a_result_in_time_the_exit_code_is_3(trader: Trader) -> None:
    ran = trader("publish", "summary", "--wait", "--timeout", "0.01")
    assert (ran.code, ran.out) == (3, "")
    assert "expected a result" in ran.err.splitlines()[-1]


def a_result(key: str, status: Status) -> Result:
    return Result(
        id=key,
        intent="summary",
        status=status,
        severity=Severity.INFO,
        dry_run=False,
        mode=Mode.PAPER,
        account="DU1",
        reason=None if status is Status.SUCCEEDED else Reason(code="a-code", message="a message", field="f"),
        outcome={"tradingState": "halted"} if status is Status.SUCCEEDED else None,
        requested_at=NOON,
        started_at=NOON,
        finished_at=NOON,
        attempt=1,
    )


class Answering(LocalTopics):
    """Topics on which each intent is answered as it is published, by ``answer``, before others' results."""

    answer: Callable[[str], list[tuple[Result, int]]]

    async def publish(self, message: OutgoingMessage) -> str:
        message_id = await super().publish(message)
        await super().publish(OutgoingMessage(Topic.RESULTS, b"hello"))  # anybody may
        for result, publication in type(self).answer(message_key(message_id, message.attributes)):
            event = result_event(result, publication)
            await super().publish(OutgoingMessage(Topic.RESULTS, event.body(), event.attributes()))
        return message_id


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], list[tuple[Result, int]]]], None]:
    """Let each published intent be answered at once, in place of a worker."""

    def answer_with(answer: Callable[[str], list[tuple[Result, int]]]) -> None:
        monkeypatch.setattr(Answering, "answer", staticmethod(answer), raising=False)
        monkeypatch.setattr("trader.bootstrap.LocalTopics", Answering)

    return answer_with


@pytest.mark.parametrize(
    ("status", "code"),
    [(status, 0 if status in (Status.SUCCEEDED, Status.SKIPPED) else 1) for status in Status],
)
def test_the_exit_code_says_how_it_ended(trader: Trader, answered: Any, status: Status, code: int) -> None:
    answered(
        lambda key: [
            (a_result("message/another", Status.FAILED), 1),
            (a_result(key, status), 1),
        ]
    )
    ran = trader("publish", "summary", "--wait")
    assert ran.code == code
    assert status.value in ran.out
    assert ("a-code (f): a message" in ran.out) == (status is not Status.SUCCEEDED)


def test_the_result_of_an_id_is_found_by_it_and_a_refusal_by_the_message(
    trader: Trader, answered: Any
) -> None:
    answered(lambda _: [(a_result("id/x", Status.SUCCEEDED), 2)])
    told = trader("publish", "summary", "--id", "x", "--wait")
    assert told.code == 0
    assert "told for the second time" in told.out
    answered(lambda key: [(a_result(key, Status.REJECTED), 1)])
    assert trader("publish", "summary", "--id", "x", "--wait").code == 1


def test_a_program_gets_the_event_whole(trader: Trader, answered: Any) -> None:
    answered(lambda _: [(a_result("id/x", Status.SUCCEEDED), 2)])
    event = json.loads(trader("publish", "summary", "--id", "x", "--wait", "--json").out)
    assert (event["id"], event["type"]) == ("id/x#2", "ib-intents.result.v1")
    assert event["data"]["outcome"] == {"tradingState": "halted"}
