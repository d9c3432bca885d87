"""Historical requests are paced: sixty in ten minutes, whoever asks."""

from tests.support.clock import HurriedClock
from trader.adapters.ib.history_pace import REQUESTS, WINDOW_S, HistoryPace


async def test_sixty_go_at_once_and_the_next_when_the_first_is_ten_minutes_old() -> None:
    clock = HurriedClock()
    pace, began = HistoryPace(clock), clock.monotonic()
    times = []
    for _ in range(130):
        assert await pace.slot(1, until=began + 10_000)
        times.append(clock.monotonic() - began)
    assert times == [0.0] * 60 + [WINDOW_S] * 60 + [2 * WINDOW_S] * 10


async def test_no_ten_minutes_ever_have_more_than_sixty() -> None:
    clock = HurriedClock()
    pace, times = HistoryPace(clock), []
    for n in range(200):
        clock.advance(n % 7)
        requests = 2 if n % 5 == 0 else 1
        assert await pace.slot(requests, until=clock.monotonic() + 10_000)
        times += [clock.monotonic()] * requests
    for at in times:
        assert sum(at - WINDOW_S < other <= at for other in times) <= REQUESTS


async def test_at_the_deadline_it_waits_no_longer_and_has_taken_nothing() -> None:
    clock = HurriedClock()
    pace = HistoryPace(clock)
    pace.take(59)
    until = clock.monotonic() + 480
    assert await pace.slot(1, until=until)
    assert not await pace.slot(1, until=until)
    assert clock.monotonic() == until
    clock.advance(WINDOW_S - 480)
    assert await pace.slot(60, until=clock.monotonic())


async def test_what_a_decision_asks_for_is_counted_and_never_waits() -> None:
    clock = HurriedClock()
    pace, began = HistoryPace(clock), clock.monotonic()
    for _ in range(70):
        pace.take()
    assert clock.monotonic() == began
    assert await pace.slot(1, until=began + 10_000)
    assert clock.monotonic() == began + WINDOW_S
