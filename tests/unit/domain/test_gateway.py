"""What the gateway's states allow, and what they are taken for in the restart window."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trader.domain.configuration import Configuration
from trader.domain.configuration_sample import sample
from trader.domain.errors import GatewayNotReady
from trader.domain.gateway import ALLOWS, TRANSITIONS, GatewayState, GatewayStatus
from trader.domain.restart import in_restart
from trader.domain.status import IntentClass

IN = datetime(2026, 11, 24, 4, 50, tzinfo=UTC)
"""Ten minutes to midnight in New York, within the restart window of 23:40 to 00:10."""
BEGAN = datetime(2026, 11, 24, 4, 40, tzinfo=UTC)
OUT = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


def status(state: GatewayState) -> GatewayStatus:
    code = "" if state is GatewayState.READY else f"gateway-{state}"
    return GatewayStatus(state, OUT, "as the test wants it", "DU1", code=code)


def configured(window: dict[str, Any] | None) -> Configuration:
    return Configuration.model_validate({**sample("DU1"), "restartWindow": window})


WINDOW = configured({})


def test_nothing_but_a_synchronisation_leads_to_ready() -> None:
    leading = {before for before, after in TRANSITIONS.items() if GatewayState.READY in after}
    assert leading == {GatewayState.SYNCHRONISING}


def test_each_state_of_a_connection_can_be_come_to_and_left() -> None:
    own = set(GatewayState) - {GatewayState.RESTART_WINDOW}
    assert set(TRANSITIONS) == own
    assert set().union(*TRANSITIONS.values()) == own - {GatewayState.CONNECTING}
    assert all(TRANSITIONS.values())
    assert not any(state in after for state, after in TRANSITIONS.items())


def test_a_control_intent_is_allowed_in_every_state_and_trading_in_one() -> None:
    assert all(IntentClass.CONTROL in ALLOWS[state] for state in GatewayState)
    assert [state for state in GatewayState if IntentClass.TRADING in ALLOWS[state]] == [GatewayState.READY]


@pytest.mark.parametrize("state", GatewayState)
def test_what_may_be_traded_on_may_be_read(state: GatewayState) -> None:
    assert IntentClass.TRADING not in ALLOWS[state] or IntentClass.READING in ALLOWS[state]


def test_what_a_state_does_not_allow_is_refused_with_its_code_and_reason() -> None:
    status(GatewayState.READY).require(IntentClass.TRADING)
    refusal = r"gateway-degraded: the gateway is degraded: as the test wants it"
    with pytest.raises(GatewayNotReady, match=refusal):
        status(GatewayState.DEGRADED).require(IntentClass.READING)


@pytest.mark.parametrize("state", [state for state in TRANSITIONS if state is not GatewayState.REFUSED])
def test_in_the_window_a_gateway_is_restarting_whether_it_is_there_or_not(state: GatewayState) -> None:
    taken = in_restart(status(state), WINDOW, IN)
    assert (taken.state, taken.code, taken.since) == (GatewayState.RESTART_WINDOW, "restart-window", BEGAN)
    assert (
        taken.reason == "it restarts between 23:40 and 00:10 America/New_York; so far: as the test wants it"
    )
    assert taken.account == "DU1"
    taken.require(IntentClass.READING)
    with pytest.raises(GatewayNotReady, match="restart-window"):
        taken.require(IntentClass.TRADING)


@pytest.mark.parametrize(
    ("given", "configuration", "at"),
    [
        (GatewayState.READY, WINDOW, OUT),
        (GatewayState.READY, configured(None), IN),
        (GatewayState.REFUSED, WINDOW, IN),
    ],
)
def test_outside_or_without_a_window_and_when_refused_a_state_is_what_it_is(
    given: GatewayState, configuration: Configuration, at: datetime
) -> None:
    assert in_restart(status(given), configuration, at) == status(given)


@pytest.mark.parametrize(
    ("window", "at", "began"),
    [
        ({}, "2026-11-24T04:40:00Z", "2026-11-24T04:40:00Z"),
        ({}, "2026-11-24T05:09:59Z", "2026-11-24T04:40:00Z"),  # past midnight in New York
        ({"start": "10:00", "end": "11:00"}, "2026-11-23T15:30:00Z", "2026-11-23T15:00:00Z"),
        # In the night in which clocks go back, past the change, and in the hour that comes twice.
        ({"start": "00:30", "end": "03:00"}, "2026-11-01T07:30:00Z", "2026-11-01T04:30:00Z"),
        ({"start": "01:20", "end": "01:40"}, "2026-11-01T06:30:00Z", "2026-11-01T06:20:00Z"),
    ],
)
def test_a_window_began_at_its_last_start_on_the_wall_clock(
    window: dict[str, Any], at: str, began: str
) -> None:
    found = configured(window).restart_window
    assert found is not None
    now = datetime.fromisoformat(at)
    assert found.contains(now)
    assert found.began(now) == datetime.fromisoformat(began)
    assert not found.contains(found.began(now) - timedelta(seconds=1))
