import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_simulator.clock import Clock

START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def test_without_a_start_it_shows_the_real_time() -> None:
    before = datetime.now(UTC)
    shown = Clock().now()
    assert before <= shown <= datetime.now(UTC)


def test_speed_0_stands_still_until_it_is_set() -> None:
    clock = Clock(START, speed=0)
    assert clock.now() == clock.now() == START
    clock.set(START + timedelta(hours=1))
    assert clock.now() == START + timedelta(hours=1)


def test_it_shows_utc_whatever_zone_it_was_set_in() -> None:
    clock = Clock(datetime.fromisoformat("2026-11-23T10:00:00-05:00"), speed=0)
    assert clock.now().isoformat() == "2026-11-23T15:00:00+00:00"


def test_it_does_not_go_back() -> None:
    clock = Clock(START, speed=0)
    with pytest.raises(ValueError, match="expected a time at or after 2026-11-23T15:00:00"):
        clock.set(START - timedelta(seconds=1))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a time with its zone"):
        Clock(datetime(2026, 11, 23))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize("speed", [-1.0, float("inf"), float("nan")])
def test_an_impossible_speed_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="expected a speed of 0 or more"):
        Clock(START, speed)


@given(
    st.lists(
        st.one_of(
            st.floats(0, 1e6).map(lambda speed: ("speed", speed)), st.floats(0, 1e6).map(lambda s: ("set", s))
        )
    )
)
def test_whatever_is_done_to_it_time_only_goes_forward(changes: list[tuple[str, float]]) -> None:
    clock = Clock(START)
    last = clock.now()
    for what, value in changes:
        if what == "speed":
            clock.set_speed(value)
        else:
            clock.set_speed(0)
            clock.set(clock.now() + timedelta(seconds=value))
        assert clock.now() >= last
        last = clock.now()


async def test_who_sleeps_wakes_when_the_clock_is_set_past_it() -> None:
    clock = Clock(START, speed=0)
    sleeper = asyncio.create_task(clock.sleep(3600))
    early = asyncio.create_task(clock.sleep_until(START - timedelta(seconds=1)))
    await early
    clock.set(START + timedelta(minutes=59))
    await asyncio.sleep(0)
    assert not sleeper.done()
    clock.set(START + timedelta(hours=1))
    await sleeper


async def test_who_sleeps_wakes_sooner_when_time_is_sped_up() -> None:
    clock = Clock(START, speed=0)
    sleeper = asyncio.create_task(clock.sleep(86_400))
    await asyncio.sleep(0)
    clock.set_speed(1e9)
    await sleeper
    assert clock.now() >= START + timedelta(days=1)


async def test_a_sleep_that_is_cancelled_leaves_nothing_behind() -> None:
    clock = Clock(START, speed=0)
    sleeper = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
    clock.set(START + timedelta(seconds=2))
