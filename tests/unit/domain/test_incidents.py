"""Events of the gateway's connection: once an incident, never for a flap, and nothing lasting untold."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.events import GatewayEvent
from trader.domain.gateway import GatewayState, GatewayStatus
from trader.domain.incidents import FLAP, START, Incidents

BEGIN = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
A_MOMENT = timedelta(seconds=1)
READY, SYNCHRONISING = GatewayState.READY, GatewayState.SYNCHRONISING
DISCONNECTED, LOGIN_REQUIRED = GatewayState.DISCONNECTED, GatewayState.LOGIN_REQUIRED
DEGRADED, REFUSED = GatewayState.DEGRADED, GatewayState.REFUSED


@dataclass
class Story:
    """A connection's states as time goes by, and all that is told of them at once."""

    incidents: Incidents = field(default_factory=Incidents)
    now: datetime = BEGIN
    told: list[GatewayEvent] = field(default_factory=list)

    def comes(self, *states: GatewayState) -> "Story":
        """Let one state follow the other, a moment apart."""
        for state in states:
            code = "" if state is READY else f"gateway-{state}"
            status = GatewayStatus(state, self.now, f"reason of {state} at {self.now:%H:%M:%S}", code=code)
            self.incidents = self.incidents.after(status)
            self.lasts(A_MOMENT)
        return self

    def lasts(self, time: timedelta) -> "Story":
        self.now += time
        while (event := self.incidents.due(self.now)) is not None:
            self.told.append(event)
            self.incidents = self.incidents.having_told(event)
        return self

    @property
    def names(self) -> list[str]:
        return [event.event for event in self.told]


def started() -> Story:
    return Story().comes(SYNCHRONISING, READY)


def test_the_first_time_that_it_is_ready_is_told() -> None:
    assert started().names == ["ready"]
    assert Story().comes(DISCONNECTED, SYNCHRONISING, READY).lasts(START).names == ["ready"]


def test_a_login_that_does_not_come_is_told_at_once_and_once() -> None:
    story = Story().comes(LOGIN_REQUIRED).lasts(FLAP).comes(DISCONNECTED, LOGIN_REQUIRED, DISCONNECTED)
    assert story.lasts(START).names == ["login-required"]
    assert story.comes(SYNCHRONISING, READY).names == ["login-required", "ready"]


def test_a_gateway_that_lets_nobody_in_after_the_start_wants_a_login_too() -> None:
    # IB's opens its port only once it is logged in.
    story = Story().comes(DISCONNECTED).lasts(START - 2 * A_MOMENT)
    assert story.names == []
    assert story.lasts(A_MOMENT).names == ["login-required"]
    assert story.lasts(START).names == ["login-required"]


@pytest.mark.parametrize("state", [REFUSED, DEGRADED])
def test_a_gateway_that_answers_but_is_not_ready_from_the_start_wants_no_login(state: GatewayState) -> None:
    assert Story().comes(state).lasts(START).names == []


@pytest.mark.parametrize("state", [DISCONNECTED, DEGRADED, SYNCHRONISING, REFUSED])
def test_what_was_ready_and_is_not_for_a_minute_is_lost_and_comes_back(state: GatewayState) -> None:
    story = started().comes(state)
    assert story.lasts(FLAP - 2 * A_MOMENT).names == ["ready"]
    assert story.lasts(A_MOMENT).names == ["ready", "session-lost"]
    assert story.comes(DISCONNECTED).lasts(START).names == ["ready", "session-lost"]
    assert story.comes(SYNCHRONISING, READY).names == ["ready", "session-lost", "recovered"]


def test_what_was_ready_and_wants_a_login_is_lost_and_wants_one_at_once() -> None:
    story = started().comes(DEGRADED, DISCONNECTED, LOGIN_REQUIRED)
    assert story.names == ["ready", "session-lost", "login-required"]
    lost, wanted = story.told[1:]
    assert lost.since == BEGIN + 2 * A_MOMENT, "when it stopped being ready"
    assert lost.reason == "reason of degraded at 15:00:02; now reason of login-required at 15:00:04"
    assert (wanted.since, wanted.state) == (BEGIN + 4 * A_MOMENT, LOGIN_REQUIRED)
    assert story.comes(SYNCHRONISING, READY).names[3:] == ["recovered"]


def test_flaps_are_told_to_nobody() -> None:
    story = started()
    for _ in range(100):
        story.comes(DEGRADED, SYNCHRONISING, READY, DISCONNECTED).lasts(FLAP / 2)
        story.comes(SYNCHRONISING, READY)
    assert story.names == ["ready"]


def test_a_loss_after_a_loss_is_another_incident() -> None:
    story = started()
    for _ in range(2):
        story.comes(DISCONNECTED).lasts(FLAP).comes(SYNCHRONISING, READY)
    assert story.names == ["ready", *["session-lost", "recovered"] * 2]


def test_what_was_over_before_it_could_be_told_is_told_no_more() -> None:
    incidents = started().incidents
    lost = GatewayStatus(DISCONNECTED, BEGIN, "gone", code="gateway-disconnected")
    assert incidents.after(lost).due(BEGIN + FLAP) is not None
    back = GatewayStatus(READY, BEGIN + FLAP, "back")
    assert incidents.after(lost).after(back).due(BEGIN + FLAP) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([READY, SYNCHRONISING, DISCONNECTED, LOGIN_REQUIRED, DEGRADED, REFUSED]),
            st.integers(0, 400).map(lambda seconds: timedelta(seconds=seconds)),
        ),
        max_size=40,
    )
)
def test_whatever_happens_each_trouble_is_told_once_and_ends_in_one_good_word(
    history: list[tuple[GatewayState, timedelta]],
) -> None:
    story = Story()
    for state, time in history:
        story.comes(state).lasts(time)
    story.comes(SYNCHRONISING, READY)

    assert story.names.count("ready") == 1
    assert story.names[-1] in ("ready", "recovered")
    incident: list[str] = []
    for name in story.names:
        if name in ("ready", "recovered"):
            assert name == "ready" or incident, "recovered from nothing"
            incident = []
        else:
            assert name not in incident, "told twice"
            incident.append(name)
    assert len({event.event + str(event.since) for event in story.told}) == len(story.told), "ids repeat"
