"""The broker's pace, on a time that only the test moves."""

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from trader.adapters.ib.pacer import MESSAGES, WINDOW_S, Pacer


class Time:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self.pacer = Pacer(lambda: self.now, lambda at, do: self._timers.append((at, do)))
        self.sent: list[tuple[float, str]] = []

    async def ask(self, name: str = "", *, first: bool = False) -> asyncio.Task[None]:
        async def send() -> None:
            await self.pacer.slot(first=first)
            self.sent.append((self.now, name))

        task = asyncio.create_task(send())
        await asyncio.sleep(0)
        return task

    async def pass_to(self, at: float) -> None:
        while self._timers and min(self._timers)[0] <= at:
            due = min(self._timers)
            self._timers.remove(due)
            self.now = due[0]
            due[1]()
            await asyncio.sleep(0)
        self.now = at


@given(st.lists(st.floats(0, 2), min_size=1, max_size=200))
async def test_no_second_holds_more_messages_than_the_broker_takes_and_none_waits_for_nothing(
    gaps: list[float],
) -> None:
    time = Time()
    for gap in gaps:
        await time.pass_to(time.now + gap / 20)
        await time.ask()
    await time.pass_to(time.now + len(gaps))

    sent = [at for at, _ in time.sent]
    assert len(sent) == len(gaps)
    assert all(later - sooner >= WINDOW_S for sooner, later in zip(sent, sent[MESSAGES:], strict=False))
    if len(gaps) <= MESSAGES:
        assert sent[-1] <= sum(gap / 20 for gap in gaps) + 1e-9


async def test_an_order_goes_before_requests_that_have_waited_longer() -> None:
    time = Time()
    for n in range(MESSAGES + 3):
        await time.ask(f"data {n}")
    await time.ask("order 1", first=True)
    await time.ask("order 2", first=True)
    assert len(time.sent) == MESSAGES

    await time.pass_to(WINDOW_S)
    assert [name for _, name in time.sent[MESSAGES:]] == [
        "order 1",
        "order 2",
        *(f"data {MESSAGES + n}" for n in range(3)),
    ]


async def test_who_gives_up_waiting_takes_nobody_s_turn() -> None:
    time = Time()
    for _ in range(MESSAGES):
        await time.ask()
    given_up = await time.ask("given up")
    await time.ask("next")
    given_up.cancel()
    await time.pass_to(WINDOW_S)

    assert time.sent[-1] == (WINDOW_S, "next")
    assert len(time.sent) == MESSAGES + 1
