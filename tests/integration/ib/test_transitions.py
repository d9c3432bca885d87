"""A connection goes from state to state as the table says: each way that is in it, and no other."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_simulator.actions import NoLogin
from gateway_simulator.effects import perform
from gateway_simulator.gateway import Gateway
from gateway_simulator.server import serve
from tests.support.ib import Client, HurriedTime, client, drop, simulated, tell, until
from trader.domain.gateway import TRANSITIONS, GatewayState

Way = tuple[GatewayState, GatewayState]
Step = Callable[["Stage"], None]

CONNECTING, DISCONNECTED = GatewayState.CONNECTING, GatewayState.DISCONNECTED
LOGIN_REQUIRED, REFUSED = GatewayState.LOGIN_REQUIRED, GatewayState.REFUSED
SYNCHRONISING, READY, DEGRADED = GatewayState.SYNCHRONISING, GatewayState.READY, GatewayState.DEGRADED

WAYS = [(before, after) for before in TRANSITIONS for after in sorted(TRANSITIONS[before])]
A_LONG_TIME_S = 3600


@dataclass
class Stage:
    """A gateway, and a clock beside it, that a test spoils and mends."""

    gateway: Gateway
    clock: HurriedTime

    def go_down(self) -> None:
        self.gateway.go_down(A_LONG_TIME_S)

    def come_up(self) -> None:
        self.gateway.goes_down.clear()
        self.gateway.comes_up.set()

    def log_out(self) -> None:
        perform(self.gateway, [NoLogin()])

    def log_in(self) -> None:
        self.gateway.is_logged_in = True

    def part_the_clocks(self) -> None:
        self.clock.ahead(60)

    def set_the_clocks(self) -> None:
        self.clock.ahead(0)

    def lose_the_broker(self) -> None:
        tell(self.gateway, 1100)

    def find_the_broker(self) -> None:
        tell(self.gateway, 1102)

    def find_the_broker_without_data(self) -> None:
        tell(self.gateway, 1101)

    def flap(self) -> None:
        tell(self.gateway, 2103, "Market data farm connection is broken:usfarm")

    def drop(self) -> None:
        drop(self.gateway)

    def freeze(self) -> None:
        self.gateway.is_frozen = True

    def thaw(self) -> None:
        self.gateway.is_frozen = False
        for session in tuple(self.gateway.sessions):
            session.wake()

    def mend(self) -> None:
        """Let everything be well again, whatever was done."""
        for done in (self.come_up, self.log_in, self.set_the_clocks, self.thaw, self.find_the_broker):
            done()


STEPS: list[Step] = [
    step for name, step in vars(Stage).items() if not name.startswith("_") and step is not Stage.mend
]

TURNS = st.sampled_from([None, None, None, 0, 5, 15, 40])
"""How many turns of the loop a step is left to have its effect; None is until something comes of it."""

AWAY = {DISCONNECTED: Stage.come_up, LOGIN_REQUIRED: Stage.log_in, REFUSED: Stage.set_the_clocks}
"""What a connection may come to by an attempt that fails, and what ends it."""
SPOIL = {DISCONNECTED: Stage.go_down, LOGIN_REQUIRED: Stage.log_out, REFUSED: Stage.part_the_clocks}
CONNECTED: dict[Way, list[Step]] = {
    (READY, SYNCHRONISING): [Stage.find_the_broker],
    (READY, DEGRADED): [Stage.lose_the_broker],
    (READY, DISCONNECTED): [Stage.drop],
    (READY, REFUSED): [Stage.part_the_clocks],
    (DEGRADED, SYNCHRONISING): [Stage.lose_the_broker, Stage.find_the_broker],
    (DEGRADED, DISCONNECTED): [Stage.lose_the_broker, Stage.drop],
    (DEGRADED, REFUSED): [Stage.lose_the_broker, Stage.part_the_clocks],
}
MEANWHILE: dict[GatewayState, object] = {
    READY: {"delay": {"seconds": 0}},
    DEGRADED: {"notice": {"code": 1100}},
    DISCONNECTED: "drop",
}
"""What happens while a connection that synchronises waits for an answer."""
WITHOUT_BROKER = (
    {"event": "startApi", "every": 1},
    {"later": {"seconds": 0, "then": [{"notice": {"code": 2110}}]}},
)


def stage(*rules: tuple[object, object]) -> Stage:
    gateway = simulated(*rules)
    return Stage(gateway, HurriedTime(gateway))


async def ways_of(stage: Stage, *steps: Step | GatewayState) -> list[Way]:
    """Return each way that a connection went while ``steps`` were done, and states waited for, in turn."""
    async with (
        serve(stage.gateway) as server,
        client(
            server.port,
            clock=stage.clock,
            connect_s=0.1,
            broker_call_s=1,
            heartbeat_s=0.01,
        ) as worker,
    ):
        for step in steps:
            if isinstance(step, GatewayState):
                await worker.reaches(step)
            else:
                step(stage)
        return ways(worker)


def ways(worker: Client) -> list[Way]:
    states = [CONNECTING, *(status.state for status in worker.states)]
    return [(before, after) for before, after in pairwise(states) if before is not after]


def script(way: Way) -> tuple[Stage, list[Step | GatewayState]]:
    """Return where a connection goes that way, and what has to be done and waited for."""
    before, after = way
    if before is SYNCHRONISING:
        return stage(("reqCompletedOrders", MEANWHILE[after])), [after]
    if way in CONNECTED:
        return stage(), [READY, *CONNECTED[way], after]
    spoilt = stage(*([WITHOUT_BROKER] if after is DEGRADED else []))
    spoil = [SPOIL[after]] if after in SPOIL else []
    if before is CONNECTING:
        return spoilt, [*spoil, after]
    return spoilt, [SPOIL[before], before, *spoil, AWAY[before], after]


@pytest.mark.parametrize("way", WAYS, ids="-to-".join)
async def test_each_way_of_the_table_is_gone(way: Way) -> None:
    spoilt, steps = script(way)
    went = await ways_of(spoilt, *steps)
    assert way in went
    assert set(went) <= set(WAYS)


@given(st.lists(st.tuples(st.sampled_from(STEPS), TURNS), min_size=2, max_size=12), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_whatever_a_gateway_does_no_other_way_is_gone_and_it_mends(
    history: list[tuple[Step, int | None]], is_ready_first: bool
) -> None:
    spoilt = stage()
    clock = spoilt.clock
    async with (
        serve(spoilt.gateway) as server,
        client(server.port, clock=clock, connect_s=0.05, broker_call_s=0.1, heartbeat_s=0.01) as worker,
    ):
        if is_ready_first:
            await worker.ready()
        for step, turns in history:
            step(spoilt)
            await (a_new_state(worker) if turns is None else passing(turns))
        spoilt.mend()
        await until(lambda: worker.broker.status().ready)
        assert set(ways(worker)) <= set(WAYS)


async def passing(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


async def a_new_state(worker: Client) -> None:
    """Wait for one, but not for ever: the gateway may have nothing to say."""
    seen = len(worker.states)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.07):
            await until(lambda: len(worker.states) > seen)
