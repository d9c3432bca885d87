"""Plays a plan: trouble as planned, then one healthy worker that clears up, then what must be true."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from gateway_simulator import effects
from gateway_simulator.actions import Later
from gateway_simulator.gateway import Gateway
from tests.chaos.actor import Actor
from tests.chaos.gateways import SeenFaults
from tests.chaos.loop import Loop, Stuck
from tests.chaos.model import judge
from tests.chaos.plan import Cast, Down, Frozen, GatewayDoes, Happening, Killed, Lag, Mail, Plan, StateSet
from tests.chaos.post import Letter
from tests.chaos.stage import Stage, open_stage
from tests.chaos.witness import Line, Witness
from trader.domain.wire import JsonObject

LAST = Mail("last", {"intent": "trade-reconciliation"}, 0.0, ())
"""What a person would publish in the end: it settles, books, and locks what doesn't agree."""
CLEARED_S = 3600.0
PATIENCE_S = 900.0
"""After which an hour passes at once, so that a reading run that nobody delivers any more grows too old."""
CONFIGURATION: JsonObject = {
    "exposure": {"overall": 0.9, "strategies": {"testsignalgenerator": 0.1}},
    "strategies": {
        "testsignalgenerator": {
            "enabled": True,
            "allowedSymbols": ["SPY", "AAPL"],
            "maxNotional": 50_000,
            "allowShort": True,
        }
    },
}


@dataclass(frozen=True, slots=True)
class Played:
    """How a history went."""

    plan: Plan
    lines: Sequence[Line]
    wrong: Sequence[str]
    outcomes: Counter[str]
    orders: int


def play(plan: Plan) -> Played:
    """Play one history from its beginning to its end, in a loop of its own."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        try:
            return runner.run(_play(plan))
        finally:
            asyncio.set_event_loop(None)


async def _play(plan: Plan) -> Played:
    async with open_stage(plan) as stage:
        with _listening(stage.witness):
            try:
                letters = await _trouble(plan, stage)
                await judge(stage, plan, letters)
            except Stuck as stuck:
                stage.witness.accuse(f"the history is stuck: {stuck}")
        witness = stage.witness
        return Played(plan, witness.lines, witness.wrong, Counter(_outcomes(witness)), len(set(witness.sent)))


async def _trouble(plan: Plan, stage: Stage) -> Sequence[Letter]:
    await stage.configured(**CONFIGURATION, order=plan.order, resendProvenUnsent=plan.resends)
    actors = {cast.name: Actor(cast, stage, plan.latencies) for cast in plan.workers}
    letters = [Letter(mail, stage, actors) for mail in plan.mail]
    loop = stage.loop
    for cast in plan.workers:
        loop.call_at(cast.starts_at, actors[cast.name].start)
    for happening in plan.happenings:
        loop.call_at(happening.at, _happen, happening, stage, actors)
    posting = [asyncio.create_task(letter.run()) for letter in letters]
    await asyncio.sleep(max(plan.length_s, max((mail.at for mail in plan.mail), default=0) + 1))
    while any(actor.is_frozen for actor in actors.values()):  # noqa: ASYNC110 - the loop's own time
        await asyncio.sleep(1)
    for task in posting:
        task.cancel()
    await asyncio.gather(*posting, return_exceptions=True)
    for actor in actors.values():
        await actor.end()
    await _clear_up(plan, stage, letters)
    return letters


async def _clear_up(plan: Plan, stage: Stage, letters: Sequence[Letter]) -> None:
    witness = stage.witness
    witness.say("", "the trouble is over")
    _heal(stage)
    if plan.next_day:
        for gateway in stage.gateways.values():
            gateway.restart(fresh=True)
        stage.gateway.clock.set(_next_morning(stage))
        for gateway in stage.gateways.values():
            gateway.pulse()
    healthy = Actor(Cast("Z", plan.last_gateway, 0.0, (), float("inf")), stage, (0.0,))
    healthy.start()
    try:
        async with asyncio.timeout(CLEARED_S):
            await asyncio.gather(*(letter.clear(healthy) for letter in letters if letter.first is not None))
            await _until_ended(stage)
            last = Letter(LAST, stage, {})
            await last.run()
            await last.clear(healthy)
            await _until_ended(stage)
    except TimeoutError:
        witness.accuse(f"not cleared up within {CLEARED_S:g} s: a run or a message has no end")
    await healthy.end()


async def _until_ended(stage: Stage) -> None:
    """Wait until no run is left without its end; at last, by its age."""
    given_up_at = stage.loop.time() + PATIENCE_S
    while await stage._unended():
        await asyncio.sleep(5)
        if stage.loop.time() > given_up_at:
            stage.gateway.clock.set(stage.gateway.clock.now() + timedelta(hours=1))
            given_up_at = float("inf")


def _heal(stage: Stage) -> None:
    stage.down.clear()
    stage.loop.lag_s = 0.0
    for gateway in stage.gateways.values():
        assert isinstance(gateway.faults, SeenFaults)
        gateway.faults.over = True
        gateway.has_broker = gateway.is_logged_in = True
        gateway.is_frozen = False
        gateway.market.set_price("SPY", None)
        for session in tuple(gateway.sessions):
            session.close()


def _next_morning(stage: Stage) -> Any:
    zone = ZoneInfo("America/New_York")
    tomorrow = stage.gateway.clock.now().astimezone(zone) + timedelta(days=1)
    return tomorrow.replace(hour=10, minute=0, second=0)


def _happen(happening: Happening, stage: Stage, actors: dict[str, Actor]) -> None:
    what = happening.what
    match what:
        case GatewayDoes(gateway=name, actions=actions):
            stage.witness.say("gateway", " and ".join(str(action) for action in actions))
            _act(stage.gateways[name], actions)
        case Killed(worker=name):
            actors[name].kill()
        case Frozen(worker=name, seconds=seconds):
            actors[name].freeze(seconds)
        case StateSet(state=state):
            stage.gateway._tasks.add(asyncio.create_task(stage.set_state(state)))
        case Down(port=port, seconds=seconds, applies=applies):
            stage.witness.say("", f"the {port} answers with errors for {seconds:g} s ({applies=})")
            stage.down[port] = applies
            stage.loop.call_later(seconds, stage.down.pop, port, None)
        case Lag(seconds=seconds, lag_s=lag_s):
            stage.witness.say("", f"the network takes {lag_s:g} s for {seconds:g} s")
            stage.loop.lag_s = lag_s
            stage.loop.call_later(seconds, setattr, stage.loop, "lag_s", 0.0)


def _act(gateway: Gateway, actions: Sequence[JsonObject | str]) -> None:
    effects.perform(gateway, Later.model_validate({"seconds": 0, "then": list(actions)}).then)


@contextmanager
def _listening(witness: Witness) -> Iterator[None]:
    """Let the witness hear what workers log, and what goes wrong in tasks that nobody waits for."""
    before = structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, witness.log])
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: witness.accuse(f"in a task: {context}"))
    quiet = [logging.getLogger(name) for name in ("ib_insync", "gateway_simulator")]
    heard = _Heard(witness)
    for logger in quiet:
        logger.addHandler(heard)
        logger.propagate = False
    try:
        yield
    finally:
        for logger in quiet:
            logger.removeHandler(heard)
            logger.propagate = True
        loop.set_exception_handler(None)
        structlog.configure(**before)


class _Heard(logging.Handler):
    """Takes a failure inside the simulated gateway for what it is: no history may count on it."""

    def __init__(self, witness: Witness) -> None:
        super().__init__()
        self._witness = witness

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("gateway_simulator") and record.levelno >= logging.ERROR:
            self._witness.accuse(f"the simulator failed: {self.format(record)}")


def _outcomes(witness: Witness) -> Iterator[str]:
    for end in witness.ends.values():
        reason = end.result.reason.code if end.result.reason else ""
        yield f"{end.result.status} {reason}".strip()
