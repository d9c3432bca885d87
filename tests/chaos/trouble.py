"""What happens beside the messages, and the end of all of it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gateway_simulator import effects
from gateway_simulator.actions import Later
from gateway_simulator.gateway import Gateway
from tests.chaos.actor import Actor
from tests.chaos.gateways import SeenFaults
from tests.chaos.plan import Body, Down, Frozen, GatewayDoes, Killed, Lag, ShareSet, StateSet, Stopped, What
from tests.chaos.stage import Stage

NEW_YORK = ZoneInfo("America/New_York")


def happen(what: What, stage: Stage, actors: Mapping[str, Actor]) -> None:
    """Let it happen now."""
    match what:
        case GatewayDoes(gateway=name, actions=actions):
            stage.witness.say("gateway", f"by itself: {' and '.join(str(action) for action in actions)}")
            _act(stage.gateways[name], actions)
        case Killed(worker=name):
            actors[name].kill()
        case Stopped(worker=name):
            actors[name].stop()
        case Frozen(worker=name, seconds=seconds):
            actors[name].freeze(seconds)
        case StateSet(state=state):
            stage.errands.append(asyncio.create_task(stage.set_state(state)))
        case ShareSet(strategy=strategy, share=share):
            stage.errands.append(asyncio.create_task(stage.set_share(strategy, share)))
        case Down(port=port, seconds=seconds, applies=applies):
            obeys = "but does what it is asked to" if applies else "and does nothing"
            stage.witness.say(port, f"answers with errors for {seconds:g} s, {obeys}")
            stage.down[port] = applies
            stage.loop.call_later(seconds, stage.down.pop, port, None)
        case Lag(seconds=seconds, lag_s=lag_s):
            stage.witness.say("network", f"takes {lag_s:g} s for everything, for {seconds:g} s")
            stage.loop.lag_s = lag_s
            stage.loop.call_later(seconds, setattr, stage.loop, "lag_s", 0.0)


def heal(stage: Stage, *, next_day: bool) -> None:
    """End all trouble; ``next_day``: only the morning after, beside gateways that remember nothing."""
    stage.witness.say("all", "trouble ends")
    stage.down.clear()
    stage.loop.lag_s = 0.0
    for gateway in stage.gateways.values():
        assert isinstance(gateway.faults, SeenFaults)
        gateway.faults.over = True
        gateway.has_broker = gateway.is_logged_in = True
        gateway.is_frozen = False
        gateway.market.set_price("SPY", None)
        gateway.restart(fresh=next_day)
    if next_day:
        stage.gateway.clock.set(_next_morning(stage.gateway.clock.now()))
        for gateway in stage.gateways.values():
            gateway.pulse()


def _act(gateway: Gateway, actions: Sequence[Body | str]) -> None:
    effects.perform(gateway, Later.model_validate({"seconds": 0, "then": list(actions)}).then)


def _next_morning(now: datetime) -> datetime:
    tomorrow = now.astimezone(NEW_YORK) + timedelta(days=1)
    return tomorrow.replace(hour=10, minute=0, second=0)
