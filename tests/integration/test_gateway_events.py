"""What the results topic is told of the gateway's connection, over real sockets: incidents, not attempts."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

import gateway_simulator
from gateway_simulator.actions import NoLogin
from gateway_simulator.clock import Clock
from gateway_simulator.effects import perform
from gateway_simulator.faults import Faults
from gateway_simulator.gateway import Gateway
from gateway_simulator.scenario import load_scenario
from gateway_simulator.server import serve
from tests.support.eventually import eventually
from tests.support.gateway import running_worker
from tests.support.ib import OPEN, Client, HurriedTime, client, drop, simulated, tell
from tests.support.schemas import problems
from tests.support.world import RecordingPublisher
from trader.adapters.sqlite import SqliteStore
from trader.domain.configuration_sample import sample
from trader.domain.events import GATEWAY_TYPE
from trader.domain.gateway import GatewayState
from trader.domain.incidents import FLAP, START
from trader.domain.wire import JsonObject
from trader.ports import OutgoingMessage
from trader.runner.gateway_telling import GatewayTeller
from trader.stored import records

ACCOUNT = "DU1234567"
NIGHT = datetime(2026, 11, 24, 4, 38, tzinfo=UTC)
"""Two minutes before the gateway's restart window, in New York."""
WINDOW_ENDS = datetime(2026, 11, 24, 5, 10, tzinfo=UTC)
SCENARIOS = Path(gateway_simulator.__file__).parent / "scenarios"
LOST = GatewayState.DISCONNECTED, "gateway-disconnected"


@pytest.fixture(autouse=True)
async def _own_loop() -> AsyncIterator[None]:
    """Make this loop the one that ib_insync finds, as the server's lifespan does; leave no task on it."""
    asyncio.set_event_loop(asyncio.get_running_loop())
    yield
    assert asyncio.all_tasks() == {asyncio.current_task()}


class Topic(RecordingPublisher):
    """A topic that a test can take down, or have hang, and what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.error: Exception | None = None

    async def publish(self, message: OutgoingMessage) -> str:
        self.tries += 1
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return await super().publish(message)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(message.data) for message in self.messages]

    @property
    def names(self) -> list[str]:
        return [event["event"] for event in self.events]

    async def until_told(self, *names: str) -> list[dict[str, Any]]:
        """Return the events once they are these, all of them and no other."""
        await eventually(lambda: len(self.names) >= len(names))
        assert self.names == [*names]
        return self.events


def behaving_as(scenario: str) -> Gateway:
    """Return a gateway that plays one of the scenarios that ship with it."""
    clock = Clock(OPEN)
    return Gateway(clock=clock, faults=Faults(load_scenario(SCENARIOS / f"{scenario}.yaml"), clock))


@dataclass
class Watched:
    """A connection that is told of, to a simulated gateway."""

    gateway: Gateway
    worker: Client
    topic: Topic
    store: SqliteStore

    def pass_time(self, time: timedelta) -> None:
        self.gateway.clock.set(self.gateway.clock.now() + time)

    def log_out(self) -> None:
        perform(self.gateway, [NoLogin()])

    def log_in(self) -> None:
        self.gateway.is_logged_in = True


@asynccontextmanager
async def watched(gateway: Gateway, folder: Path, **given: Any) -> AsyncIterator[Watched]:
    """A connection with its teller, as the worker has them, but for the teller's patience."""
    store = await SqliteStore.open(folder / "state.sqlite3")
    data = {**sample(ACCOUNT), "restartWindow": {}}
    await records.write_configuration(store, records.configuration_path(ACCOUNT), data)
    clock, topic = HurriedTime(gateway), Topic()
    teller = GatewayTeller(store, topic, clock, look_s=0.01)
    telling = asyncio.gather(teller.run(), teller.watch())
    given = {"account": ACCOUNT, "connect_s": 0.2, "broker_call_s": 1, "heartbeat_s": 0.05, **given}
    try:
        async with (
            serve(gateway) as server,
            client(server.port, clock=clock, on_state=teller.note, **given) as worker,
        ):
            yield Watched(gateway, worker, topic, store)
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        await store.close()


async def test_a_worker_tells_that_its_gateway_is_ready_as_the_schema_says(tmp_path: Path) -> None:
    gateway = simulated()
    async with serve(gateway) as server, running_worker(gateway, server.port, tmp_path) as worker:
        await worker.until_ready()

        async def is_told() -> bool:
            return bool(await worker.told(GATEWAY_TYPE))

        await eventually(is_told)
        [event] = await worker.told(GATEWAY_TYPE)
        assert problems("gateway-event", event) == []
        assert (event["event"], event["state"], event["code"]) == ("ready", "ready", "")
        assert event["account"] == ACCOUNT


async def test_an_event_has_the_labels_to_filter_it_by(tmp_path: Path) -> None:
    async with watched(simulated(), tmp_path) as at:
        await at.topic.until_told("ready")
        [message] = at.topic.messages
        assert {name: message.attributes[name] for name in ("account", "event", "ce-type", "ce-source")} == {
            "account": ACCOUNT,
            "event": "ready",
            "ce-type": GATEWAY_TYPE,
            "ce-source": f"//ib-intents/{ACCOUNT}",
        }


async def test_a_second_factor_that_is_pending_is_told_once_and_then_that_all_is_well(tmp_path: Path) -> None:
    gateway = behaving_as("second-factor-pending")
    async with watched(gateway, tmp_path, connect_s=0.05) as at:
        [event] = await at.topic.until_told("login-required")
        assert event["code"] == "gateway-login-required"
        assert "second factor" in event["reason"]
        await eventually(lambda: gateway.requests["connect"] >= 4)  # it is tried again and again
        at.pass_time(timedelta(minutes=2))
        await at.worker.ready()
        await at.topic.until_told("login-required", "ready")


async def test_the_log_says_again_and_again_that_the_gateway_is_not_ready(tmp_path: Path) -> None:
    with capture_logs() as lines:
        async with watched(behaving_as("second-factor-pending"), tmp_path, connect_s=0.05) as at:
            await eventually(lambda: [line["event"] for line in lines].count("gateway not ready") >= 2)
            at.pass_time(timedelta(minutes=2))
            await at.worker.ready()


async def test_a_competing_session_is_told_with_what_the_gateway_said(tmp_path: Path) -> None:
    gateway = behaving_as("competing-session")
    async with watched(gateway, tmp_path) as at:
        await at.worker.ready()
        before = gateway.clock.now()
        at.pass_time(timedelta(seconds=31))
        lost, wanted = (await at.topic.until_told("ready", "session-lost", "login-required"))[1:]
        assert before <= datetime.fromisoformat(lost["since"]) <= datetime.fromisoformat(wanted["since"])
        assert "10197" in lost["reason"]
        assert "did not answer a login" in lost["reason"]
        at.pass_time(timedelta(minutes=6))
        await at.worker.ready()
        await at.topic.until_told("ready", "session-lost", "login-required", "recovered")


async def test_a_night_restart_in_its_window_is_told_to_nobody(tmp_path: Path) -> None:
    gateway = simulated(at=NIGHT)
    async with watched(gateway, tmp_path) as at:
        await at.worker.ready()
        at.pass_time(timedelta(minutes=5))
        gateway.go_down(15 * 60)
        await at.worker.reaches(*LOST)
        at.pass_time(FLAP * 2)
        at.pass_time(timedelta(minutes=14))
        await at.worker.ready()
        # What comes next shows that there was nothing in between.
        at.log_out()
        at.pass_time(WINDOW_ENDS - gateway.clock.now())
        await at.topic.until_told("ready", "session-lost", "login-required")


async def test_a_login_that_a_night_restart_leaves_pending_is_told_when_the_window_ends(
    tmp_path: Path,
) -> None:
    gateway = simulated(at=NIGHT)
    async with watched(gateway, tmp_path, connect_s=0.05) as at:
        await at.worker.ready()
        at.pass_time(timedelta(minutes=5))
        at.log_out()
        await at.worker.reaches(GatewayState.LOGIN_REQUIRED)
        at.pass_time(FLAP * 2)
        tries = gateway.requests["connect"]
        await eventually(lambda: gateway.requests["connect"] >= tries + 2)
        await at.topic.until_told("ready")
        at.pass_time(WINDOW_ENDS - gateway.clock.now())

        told = await at.topic.until_told("ready", "session-lost", "login-required")
        assert all(event["since"] < f"{WINDOW_ENDS:%Y-%m-%dT%H:%M}" for event in told)
        times = [datetime.fromisoformat(message.attributes["ce-time"]) for message in at.topic.messages]
        assert times[0] < NIGHT + timedelta(minutes=1)
        assert min(times[1:]) >= WINDOW_ENDS
        at.log_in()
        await at.worker.ready()
        await at.topic.until_told("ready", "session-lost", "login-required", "recovered")


async def test_a_gateway_that_goes_silent_is_lost_until_it_speaks_again(tmp_path: Path) -> None:
    gateway = simulated()
    async with watched(gateway, tmp_path, connect_s=0.1, broker_call_s=0.2) as at:
        await at.worker.ready()
        gateway.is_frozen = True
        _, lost, _ = await at.topic.until_told("ready", "session-lost", "login-required")
        assert "did not answer a request for the time" in lost["reason"]
        gateway.is_frozen = False
        await at.worker.ready()
        await at.topic.until_told("ready", "session-lost", "login-required", "recovered")


async def test_a_gateway_without_its_broker_for_more_than_a_minute_is_lost(tmp_path: Path) -> None:
    gateway = simulated()
    async with watched(gateway, tmp_path) as at:
        await at.worker.ready()
        tell(gateway, 1100)
        await at.worker.reaches(GatewayState.DEGRADED)
        at.pass_time(FLAP)
        _, lost = await at.topic.until_told("ready", "session-lost")
        assert (lost["state"], lost["code"]) == ("degraded", "gateway-lost-broker")
        tell(gateway, 1102)
        await at.topic.until_told("ready", "session-lost", "recovered")


async def test_flaps_and_quick_drops_are_told_to_nobody(tmp_path: Path) -> None:
    gateway = simulated()
    async with watched(gateway, tmp_path) as at:
        await at.worker.ready()
        for _ in range(10):
            for code in (2103, 2105, 10182, 2104, 2106):
                tell(gateway, code, "A farm connection is what it is:usfarm")
            tell(gateway, 1100)
            tell(gateway, 1102)
            await at.worker.ready()
            drop(gateway)
            await at.worker.ready()
            at.pass_time(FLAP)
        # What comes next shows that there was nothing in between.
        gateway.go_down(3600)
        await at.worker.reaches(*LOST)
        at.pass_time(FLAP)
        await at.topic.until_told("ready", "session-lost")


async def test_attempts_that_fail_in_one_way_and_another_are_one_incident(tmp_path: Path) -> None:
    gateway = simulated()
    async with watched(gateway, tmp_path, connect_s=0.05) as at:
        await at.worker.ready()
        for _ in range(3):
            at.log_out()
            await at.worker.reaches(GatewayState.LOGIN_REQUIRED)
            gateway.go_down(60)
            await at.worker.reaches(GatewayState.DISCONNECTED)
            at.pass_time(timedelta(minutes=2))
        at.log_in()
        await at.worker.ready()
        await at.topic.until_told("ready", "session-lost", "login-required", "recovered")


async def test_a_gateway_that_lets_nobody_in_after_the_start_is_told_of_whosever_it_is(
    tmp_path: Path,
) -> None:
    gateway = simulated(({"event": "connect", "every": 1}, "drop"))
    async with watched(gateway, tmp_path, account=None) as at:
        await at.worker.reaches(*LOST)
        at.pass_time(START)
        [event] = await at.topic.until_told("login-required")
        assert (event["state"], event["account"]) == ("disconnected", None)
        assert problems("gateway-event", event) == []


# -- the topic ----------------------------------------------------------------------------------------------


async def test_what_the_topic_does_not_take_is_told_when_it_does(tmp_path: Path) -> None:
    async with watched(simulated(), tmp_path) as at:
        at.topic.down = True
        await eventually(lambda: at.topic.tries >= 3)
        at.topic.down = False
        await at.topic.until_told("ready")


async def test_an_event_whose_publication_was_in_doubt_comes_again_by_the_same_id(tmp_path: Path) -> None:
    gateway = simulated()
    async with watched(gateway, tmp_path, connect_s=0.05) as at:
        await at.topic.until_told("ready")
        publish = RecordingPublisher.publish
        lost_replies = [RuntimeError("the reply was lost")] * 2

        async def taken_but_not_said(message: OutgoingMessage) -> str:
            await publish(at.topic, message)
            if lost_replies:
                raise lost_replies.pop()
            return "1"

        at.topic.publish = taken_but_not_said  # type: ignore[method-assign]
        at.log_out()
        await eventually(lambda: at.topic.names[-1] == "login-required")
        ids = [message.attributes["ce-id"] for message in at.topic.messages]
        assert at.topic.names == ["ready", *["session-lost"] * 3, "login-required"]
        assert len(set(ids)) == 3


async def test_a_loss_that_was_over_before_the_topic_took_it_is_not_told(tmp_path: Path) -> None:
    gateway = simulated()
    async with watched(gateway, tmp_path, connect_s=0.05) as at:
        await at.topic.until_told("ready")
        at.topic.down, before = True, at.topic.tries
        at.log_out()
        await eventually(lambda: at.topic.tries > before)
        at.log_in()
        await at.worker.ready()
        at.topic.down = False
        at.log_out()
        await at.topic.until_told("ready", "session-lost", "login-required")


async def test_a_topic_that_never_answers_holds_nothing_up(tmp_path: Path) -> None:
    gateway = simulated()
    async with watched(gateway, tmp_path) as at:
        at.topic.answers.clear()
        await at.worker.ready()
        await eventually(lambda: at.topic.tries == 1)
        drop(gateway)
        await at.worker.reaches(*LOST)
        await at.worker.ready()
        at.topic.answers.set()
        await at.topic.until_told("ready")


async def test_a_store_that_can_not_be_read_silences_no_alarm(tmp_path: Path) -> None:
    gateway = simulated(at=NIGHT + timedelta(minutes=5))
    async with watched(gateway, tmp_path, connect_s=0.05) as at:
        await at.topic.until_told("ready")
        damaged: JsonObject = {"version": "not a configuration"}
        await records.write_configuration(at.store, records.configuration_path(ACCOUNT), damaged)
        at.log_out()
        await at.topic.until_told("ready", "session-lost", "login-required")
