"""`trader results`: what is on the results topic, as lines and as JSON."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trader.adapters.clock import SystemClock
from trader.adapters.local_topic import LocalTopics
from trader.domain.events import GATEWAY_TYPE, Event, result_event
from trader.domain.messages import Reason, Result
from trader.domain.status import Mode, Severity, Status
from trader.ports import OutgoingMessage, Topic

Trader = Callable[..., Any]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_result(key: str, status: Status = Status.SUCCEEDED, at: datetime = NOON, **given: Any) -> Result:
    return Result(
        **{
            "id": key,
            "intent": "summary",
            "status": status,
            "severity": Severity.INFO,
            "dry_run": False,
            "mode": Mode.PAPER,
            "account": "DU1",
            "requested_at": at,
            "started_at": at,
            "finished_at": at,
            "attempt": 1,
            **given,
        }
    )


GATEWAY_EVENT = Event(id="g1", type=GATEWAY_TYPE, account="DU1", at=NOON, data={"event": "ready"})


@pytest.fixture
def told(data_dir: Path) -> Callable[..., None]:
    """Put events on the results topic."""

    def tell(*events: Event) -> None:
        async def publish() -> None:
            topics = await LocalTopics.open(data_dir / "topics.sqlite3", SystemClock())
            for event in events:
                await topics.publish(OutgoingMessage(Topic.RESULTS, event.body(), event.attributes()))
            await topics.close()

        data_dir.mkdir(exist_ok=True)
        asyncio.run(publish())

    return tell


def test_nothing_yet_is_nothing(trader: Trader) -> None:
    assert (trader("results").out, trader("results", "--json").out) == ("", "")


@pytest.mark.parametrize("width", ["40", "80", "120", "200"])
def test_a_line_tells_when_what_how_and_whose(
    trader: Trader, told: Any, width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    told(
        result_event(a_result("id/one"), 2),
        result_event(
            a_result(
                "message/1234567890123456",
                Status.REJECTED,
                at=NOON + timedelta(days=1),
                severity=Severity.WARNING,
                dry_run=True,
                attempt=3,
                reason=Reason(code="unknown-field", message="unknown field 'symbl'", field="symbl"),
            ),
            1,
        ),
    )
    out = trader("results").out
    if width == "40":
        return  # folded, but no error
    for word in (
        "2026-11-23",
        "2026-11-24",
        "12:00:00",
        "summary",
        "succeeded",
        "rejected",
        "warning",
        "DU1",
    ):
        assert word in out
    assert "id/one#2" in out
    assert "message/1234567890123456 (attempt 3)" in out
    assert "unknown-field (symbl): unknown field 'symbl'" in out
    assert all(line == line.rstrip() and len(line) <= int(width) for line in out.splitlines())


def test_the_columns_are_aligned_however_long_their_contents(trader: Trader, told: Any) -> None:
    told(*(result_event(a_result(f"id/{n}", intent="x" * n), 1) for n in (1, 19, 40)))
    lines = [line for line in trader("results").out.splitlines() if line.startswith("12:")]
    assert len({line.index("succeeded") for line in lines}) == 1


def test_json_is_each_event_whole_in_the_order_of_publication(trader: Trader, told: Any) -> None:
    told(result_event(a_result("id/one"), 1), GATEWAY_EVENT, result_event(a_result("id/one"), 2))
    events = [json.loads(line) for line in trader("results", "--json").out.splitlines()]
    assert [(event["id"], event["type"]) for event in events] == [
        ("id/one#1", "ib-intents.result.v1"),
        ("g1", "ib-intents.gateway.v1"),
        ("id/one#2", "ib-intents.result.v1"),
    ]
    assert events[0]["data"] == a_result("id/one").to_json()
    assert events[0]["source"] == "//ib-intents/DU1"


def test_the_last_ones_only(trader: Trader, told: Any) -> None:
    told(*(result_event(a_result(f"id/{n}"), 1) for n in range(150)))
    lines = trader("results", "--last", "2", "--json").out.splitlines()
    assert [json.loads(line)["data"]["id"] for line in lines] == ["id/148", "id/149"]
    assert len(trader("results", "--json").out.splitlines()) == 150


@pytest.mark.parametrize(
    ("data", "attributes"),
    [
        (b"hello", {}),
        (b"[]", {}),
        (b"\xff\x1b[2J", {}),
        (b"", {"only": "attributes"}),
        (b"{}", {"ce-type": "ib-intents.result.v1"}),
        (b"{}", GATEWAY_EVENT.attributes() | {"ce-time": "yesterday"}),
        (b"{}", result_event(a_result("id/one"), 1).attributes()),
        (b'"text"', GATEWAY_EVENT.attributes()),
    ],
)
def test_a_foreign_message_is_a_line_that_says_so_and_hides_no_other(
    trader: Trader, told: Any, data_dir: Path, data: bytes, attributes: dict[str, str]
) -> None:
    async def publish() -> str:
        topics = await LocalTopics.open(data_dir / "topics.sqlite3", SystemClock())
        message_id = await topics.publish(OutgoingMessage(Topic.RESULTS, data, attributes))
        await topics.close()
        return message_id

    told(result_event(a_result("id/before"), 1))
    message_id = asyncio.run(publish())
    told(result_event(a_result("id/after"), 1))
    listed = trader("results")
    assert (listed.code, listed.err) == (0, "")
    [foreign] = [line for line in listed.out.splitlines() if "no event of ours" in line]
    before, after = listed.out.split(foreign)
    assert "id/before" in before
    assert "id/after" in after
    assert foreign.startswith(f"no event of ours: message {message_id} of ")
    assert foreign.isprintable()
    events = [json.loads(line) for line in trader("results", "--json").out.splitlines()]
    assert [event.get("id") for event in events] == ["id/before#1", None, "id/after#1"]
    assert (events[1]["messageId"], events[1]["foreign"]) == (message_id, data.decode(errors="replace"))


def test_markup_in_a_message_is_only_text(trader: Trader, told: Any) -> None:
    reason = Reason(code="bad-field", message="found [red]x[/red] :smile:", field="f")
    told(result_event(a_result("id/one", Status.REJECTED, reason=reason), 1))
    assert "found [red]x[/red] :smile:" in trader("results").out
