"""Tightening works at once; loosening only by a message that came after the last change."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from trader.domain.refusal import Refusal
from trader.domain.trading_state import StateRecord, TradingState, decide_state, state_of

ACTIVE, REDUCE_ONLY, HALTED = TradingState.ACTIVE, TradingState.REDUCE_ONLY, TradingState.HALTED
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
states = st.sampled_from(list(TradingState))
seconds = st.integers(-60, 60).map(lambda s: timedelta(seconds=s))


def record(state: TradingState) -> StateRecord:
    return StateRecord(state=state, changed_at=NOON)


def after(current: StateRecord | None, wanted: TradingState, *, published_s: int) -> TradingState | str:
    """Return the state that a message published so long after noon leads to, or the refusal's code."""
    published_at = NOON + timedelta(seconds=published_s)
    decided = decide_state(current, wanted, published_at=published_at, at=NOON + timedelta(minutes=1))
    return decided.code if isinstance(decided, Refusal) else decided.state


@pytest.mark.parametrize(
    ("current", "wanted"), [(ACTIVE, REDUCE_ONLY), (ACTIVE, HALTED), (REDUCE_ONLY, HALTED)]
)
@pytest.mark.parametrize("published_s", [-3600, 0, 1])
def test_a_tighter_state_wins_at_once_however_old_its_message(
    current: TradingState, wanted: TradingState, published_s: int
) -> None:
    assert after(record(current), wanted, published_s=published_s) is wanted


@pytest.mark.parametrize(
    ("current", "wanted"), [(HALTED, ACTIVE), (HALTED, REDUCE_ONLY), (REDUCE_ONLY, ACTIVE)]
)
def test_a_looser_state_counts_only_if_it_was_published_after_the_last_change(
    current: TradingState, wanted: TradingState
) -> None:
    assert after(record(current), wanted, published_s=1) is wanted
    assert after(record(current), wanted, published_s=0) == "state-not-newer"
    assert after(record(current), wanted, published_s=-1) == "state-not-newer"


@pytest.mark.parametrize("wanted", list(TradingState))
def test_without_a_record_trading_is_halted_and_any_message_counts(wanted: TradingState) -> None:
    assert state_of(None) is HALTED
    assert after(None, wanted, published_s=-3600) is wanted


def test_an_active_sent_between_two_halts_does_not_undo_the_second() -> None:
    again = decide_state(record(HALTED), HALTED, published_at=NOON, at=NOON + timedelta(seconds=10))
    assert isinstance(again, StateRecord)
    assert after(again, ACTIVE, published_s=5) == "state-not-newer"


def test_an_active_on_its_way_while_a_late_halt_took_effect_does_not_count() -> None:
    halted = decide_state(
        record(ACTIVE), HALTED, published_at=NOON - timedelta(hours=1), at=NOON + timedelta(seconds=10)
    )
    assert isinstance(halted, StateRecord)
    assert after(halted, ACTIVE, published_s=5) == "state-not-newer"
    assert after(halted, ACTIVE, published_s=11) is ACTIVE


def test_the_reason_is_kept() -> None:
    decided = decide_state(None, HALTED, published_at=NOON, at=NOON, reason="odd fills")
    assert isinstance(decided, StateRecord)
    assert decided.reason == "odd fills"


@given(states, states, seconds, seconds)
def test_a_message_from_before_the_last_change_never_loosens_nor_turns_time_back(
    current: TradingState, wanted: TradingState, published: timedelta, at: timedelta
) -> None:
    decided = decide_state(record(current), wanted, published_at=NOON + published, at=NOON + at)
    if isinstance(decided, Refusal):
        assert current.is_tighter_than(wanted)
        assert published <= timedelta(0)
    else:
        assert decided.state is wanted
        assert decided.changed_at >= NOON
        assert published > timedelta(0) or not current.is_tighter_than(wanted)


@given(states, states)
def test_of_two_states_one_is_tighter_unless_they_are_the_same(a: TradingState, b: TradingState) -> None:
    assert a.is_tighter_than(b) + b.is_tighter_than(a) == (a is not b)


@pytest.mark.parametrize("word", ["halted", "halt", "HALTED", "Halt"])
def test_halting_is_understood_as_people_write_it_in_a_hurry(word: str) -> None:
    assert TypeAdapter(TradingState).validate_json(f'"{word}"', strict=True) is HALTED


def test_other_words_are_no_state() -> None:
    assert TradingState("REDUCE_ONLY") is REDUCE_ONLY
    with pytest.raises(ValueError, match="'go' is not a valid TradingState"):
        TradingState("go")


def test_a_record_reads_back_as_itself() -> None:
    stored = record(REDUCE_ONLY).to_json()
    assert stored == {
        "state": "reduce-only",
        "changedAt": "2026-11-23T12:00:00.000000Z",
        "reason": None,
        "by": "",
    }
    assert StateRecord.model_validate(stored) == record(REDUCE_ONLY)
