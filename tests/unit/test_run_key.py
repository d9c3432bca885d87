"""Which messages are the same wish."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.errors import Rejected
from trader.domain.run_key import RunKey, message_key, run_key
from trader.domain.schedule import nearest_tick

NEW_YORK = ZoneInfo("America/New_York")
MONDAY = datetime(2026, 11, 23, 16, 15, tzinfo=NEW_YORK)
SCHEDULE = {"schedule": "test-signal", "cron": "15 16 * * 1-5", "timeZone": "America/New_York"}


def key(**given: Any) -> RunKey:
    defaults: dict[str, Any] = {
        "body_id": None,
        "attributes": {},
        "message_id": "77",
        "published_at": MONDAY,
        "account": "DU1",
    }
    return run_key(**{**defaults, **given})


def test_an_id_in_the_body_is_the_key() -> None:
    assert key(body_id="monday-close").text == "id/monday-close"


def test_a_message_without_id_or_schedule_is_known_by_its_own_id() -> None:
    assert key().text == "message/77"


def test_a_cloudevent_is_known_by_its_source_and_id() -> None:
    assert key(attributes={"ce-id": "a", "ce-source": "//mine"}).text == "message///mine/a"
    assert key(attributes={"ce-id": "a"}).text == "message/a"


@pytest.mark.parametrize("late_s", [-89, -1, 0, 1, 89])
def test_two_publications_of_one_tick_are_one_run(late_s: int) -> None:
    found = key(attributes=SCHEDULE, published_at=MONDAY + timedelta(seconds=late_s), message_id=str(late_s))
    assert found.text == "schedule/test-signal/2026-11-23T21:15:00.000000Z"
    assert found.requested_at == MONDAY


def test_a_scheduled_job_forced_at_another_hour_is_known_by_its_message() -> None:
    assert key(attributes=SCHEDULE, published_at=MONDAY + timedelta(minutes=5)).text == "message/77"
    assert key(attributes=SCHEDULE, published_at=MONDAY + timedelta(days=5)).text == "message/77"


def test_two_ticks_of_one_schedule_are_two_runs() -> None:
    later = MONDAY + timedelta(days=1)
    assert key(attributes=SCHEDULE).text != key(attributes=SCHEDULE, published_at=later).text


def test_the_id_wins_over_the_schedule() -> None:
    assert key(attributes=SCHEDULE, body_id="x").text == "id/x"


@pytest.mark.parametrize("left_out", ["schedule", "cron", "timeZone"])
def test_half_a_schedule_is_refused_by_the_name_of_what_is_missing(left_out: str) -> None:
    with pytest.raises(Rejected) as refusal:
        key(attributes={name: value for name, value in SCHEDULE.items() if name != left_out})
    assert (refusal.value.code, refusal.value.field) == ("missing-attribute", left_out)


@pytest.mark.parametrize("cron", ["", "* * * *", "* * * * * *", "61 * * * *", "every day", "*/0 * * * *"])
def test_a_cron_that_cannot_be_read_is_refused(cron: str) -> None:
    with pytest.raises(Rejected) as refusal:
        nearest_tick(cron, "America/New_York", MONDAY)
    assert (refusal.value.code, refusal.value.field) == ("bad-cron", "cron")


@pytest.mark.parametrize("zone", ["", "New York", "America/New_Yorck", "../../etc/passwd", "\0", "America"])
def test_a_time_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(Rejected) as refusal:
        nearest_tick("* * * * *", zone, MONDAY)
    assert (refusal.value.code, refusal.value.field) == ("bad-time-zone", "timeZone")


def test_the_hour_that_comes_twice_has_a_tick_each_time() -> None:
    first = datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK, fold=0).astimezone(UTC)
    second = datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK, fold=1).astimezone(UTC)
    assert second - first == timedelta(hours=1)
    for at in (first, second):
        assert nearest_tick("30 1 * * *", "America/New_York", at + timedelta(seconds=3)) == at


def test_the_hour_that_never_comes_has_no_tick() -> None:
    before = datetime(2026, 3, 8, 6, 59, 30, tzinfo=UTC)  # a minute later New York's clocks show 03:00
    for minutes in range(-60, 90):
        assert nearest_tick("30 2 8 3 *", "America/New_York", before + timedelta(minutes=minutes)) is None


def test_a_tick_keeps_its_wall_clock_time_across_a_change_of_the_clock() -> None:
    winter = datetime(2026, 3, 6, 21, 15, tzinfo=UTC)
    summer = datetime(2026, 3, 9, 20, 15, tzinfo=UTC)
    for at in (winter, summer):
        assert nearest_tick(SCHEDULE["cron"], SCHEDULE["timeZone"], at) == at


@given(st.integers(0, 3 * 365 * 1440), st.integers(-90, 90))
def test_every_publication_near_a_tick_finds_that_tick(minute: int, late_s: int) -> None:
    tick = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    cron = f"{tick.minute} {tick.hour} {tick.day} {tick.month} *"
    assert nearest_tick(cron, "UTC", tick + timedelta(seconds=late_s)) == tick


def test_follow_ups_are_counted_along_the_chain() -> None:
    parent = key(body_id="x")
    assert parent.follow_up(1) == "id/x/then/1"
    assert RunKey("id/x/then/1", MONDAY).follow_up(2) == "id/x/then/3"
    assert RunKey("id/x/more/4", MONDAY).follow_up(1) == "id/x/then/1"
    assert RunKey("id/x/then/1/more/2", MONDAY).follow_up(1) == "id/x/then/2"


def test_continuations_are_counted_from_one() -> None:
    assert RunKey("id/x", MONDAY).continuation() == "id/x/more/1"
    assert RunKey("id/x/more/1", MONDAY).continuation() == "id/x/more/2"
    assert RunKey("id/x/then/1", MONDAY).continuation() == "id/x/then/1/more/1"


@pytest.mark.parametrize("text", ["id/x", "id/x/then/1", "id/x/more/2", "schedule/a/t", "message/77"])
def test_what_follows_a_replayed_run_has_keys_that_nothing_had_before(text: str) -> None:
    run = RunKey(text, MONDAY)
    assert run.again(0) == run
    keys = [run.again(n).follow_up(1) for n in range(3)] + [run.again(n).continuation() for n in range(3)]
    assert len({*keys}) == 6
    for chained in keys:
        assert key(attributes={"ce-source": "//ib-intents/DU1", "ce-id": chained}).text == chained


def test_a_replayed_runs_chain_is_counted_from_one() -> None:
    assert RunKey("id/x", MONDAY).again(1).follow_up(2) == "id/x/again/1/then/2"
    assert RunKey("id/x/more/4", MONDAY).again(1).continuation() == "id/x/more/4/again/1/more/1"
    assert RunKey("id/x/again/1/more/1", MONDAY).follow_up(2) == "id/x/again/1/then/2"
    assert RunKey("id/x/again/1/then/2", MONDAY).follow_up(1) == "id/x/again/1/then/3"


@pytest.mark.parametrize("chained", ["id/x/then/1", "message/77/more/2", "schedule/a/t/then/12"])
def test_a_message_of_the_workers_own_keeps_the_key_it_was_given(chained: str) -> None:
    assert key(attributes={"ce-source": "//ib-intents/DU1", "ce-id": chained}).text == chained


@pytest.mark.parametrize(
    ("source", "ce_id"),
    [("//ib-intents/DU2", "id/x/then/1"), ("//else", "id/x/then/1"), ("//ib-intents/DU1", "id/x")],
)
def test_nobody_else_can_name_a_chained_key(source: str, ce_id: str) -> None:
    assert key(attributes={"ce-source": source, "ce-id": ce_id}).text == f"message/{source}/{ce_id}"


@given(
    st.text(max_size=2000), st.dictionaries(st.sampled_from(["ce-id", "ce-source"]), st.text(max_size=2000))
)
def test_a_key_always_fits_into_an_attribute(message_id: str, attributes: dict[str, str]) -> None:
    assert len(message_key(message_id, attributes).encode(errors="replace")) < 300
