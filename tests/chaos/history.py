"""Plays a plan: trouble as planned, then one healthy worker that clears up, then what must be true."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from tests.chaos.actor import Actor
from tests.chaos.draw import STRATEGIES
from tests.chaos.loop import Loop
from tests.chaos.model import judge
from tests.chaos.plan import Body, Cast, Mail, Plan
from tests.chaos.post import Post
from tests.chaos.stage import Stage, open_stage
from tests.chaos.trouble import happen, heal
from tests.chaos.witness import Line, Witness

LAST = Mail("last", {"intent": "trade-reconciliation"}, 0.0, ())
"""What a person would publish in the end: it settles, books, and locks what doesn't agree."""
CLEARED_S = 3600.0
PATIENCE_S = 900.0
"""After which an hour passes at once, so that a reading run that nobody delivers any more grows too old."""
CONFIGURATION: Body = {
    "enforceFlatEod": True,
    "exposure": {"overall": 0.9, "strategies": dict.fromkeys(STRATEGIES, 0.1)},
    "strategies": {
        name: {
            "enabled": True,
            "allowedSymbols": ["SPY", "AAPL", "VIXY"],
            "maxNotional": 150_000,
            "allowShort": True,
        }
        for name in STRATEGIES
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
        witness = stage.witness
        with _listening(witness):
            post = await _trouble(plan, stage)
            await _clear_up(plan, stage, post)
            await judge(stage, post.letters)
        return Played(plan, witness.lines, witness.wrong, _outcomes(witness), len(set(witness.sent)))


async def _trouble(plan: Plan, stage: Stage) -> Post:
    await stage.configured(**CONFIGURATION, order=plan.order, resendProvenUnsent=plan.resends)
    actors = {cast.name: Actor(cast, stage, plan.latencies) for cast in plan.workers}
    post = Post(plan.mail, stage, actors)
    for cast in plan.workers:
        stage.loop.call_at(cast.starts_at, actors[cast.name].start)
    for happening in plan.happenings:
        stage.loop.call_at(happening.at, happen, happening.what, stage, actors)
    post.start()
    await asyncio.sleep(plan.length_s)
    while any(actor.is_frozen for actor in actors.values()):  # noqa: ASYNC110 - the loop's own time
        await asyncio.sleep(1)
    await post.stop()
    for actor in actors.values():
        await actor.end()
    return post


async def _clear_up(plan: Plan, stage: Stage, post: Post) -> None:
    heal(stage, next_day=plan.next_day)
    healthy = Actor(Cast("Z", plan.last_gateway, 0.0, (), float("inf")), stage, (0.0,))
    healthy.start()
    last = Post((LAST,), stage, {"Z": healthy})
    stage.witness.follows_up = post.take
    try:
        async with asyncio.timeout(CLEARED_S):
            await post.clear(healthy)
            await _until_ended(stage, post, healthy)
            last.start()
            await asyncio.sleep(1)
            await last.clear(healthy)
            await _until_ended(stage, post, healthy)
    except TimeoutError:
        stage.witness.accuse(f"WITHOUT RESULT: not all has an end after {CLEARED_S:g} s without trouble")
    await healthy.end()


async def _until_ended(stage: Stage, post: Post, healthy: Actor) -> None:
    """Wait until no run is left without its end; at last, by its age."""
    given_up_at = stage.loop.time() + PATIENCE_S
    while await stage._unended():
        await asyncio.sleep(5)
        await post.clear(healthy)
        if stage.loop.time() > given_up_at:
            stage.gateway.clock.set(stage.gateway.clock.now() + timedelta(hours=1))
            given_up_at = float("inf")


def _outcomes(witness: Witness) -> Counter[str]:
    ends = [end.result for end in witness.ends.values()]
    return Counter(f"{end.status} {end.reason.code if end.reason else ''}".strip() for end in ends)


@contextmanager
def _listening(witness: Witness) -> Iterator[None]:
    """Let the witness hear what workers log, and what goes wrong in tasks that nobody waits for."""
    before = structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, witness.log])
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: witness.accuse(f"in a task: {context}"))
    loggers = [logging.getLogger(name) for name in ("ib_insync", "gateway_simulator")]
    heard = _Heard(witness)
    for logger in loggers:
        logger.addHandler(heard)
        logger.propagate = False
    try:
        yield
    finally:
        for logger in loggers:
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
