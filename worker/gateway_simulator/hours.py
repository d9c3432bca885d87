"""Exchange hours: sessions, holidays, early closes, and the strings IB sends."""

from datetime import date, datetime

from gateway_simulator.contracts import Contract


def trading_hours(contract: Contract, day_from: date, days: int) -> str:
    """IB's tradingHours, in the contract's time zone: `20261123:0400-20261123:2000;20261128:CLOSED`."""
    raise NotImplementedError


def liquid_hours(contract: Contract, day_from: date, days: int) -> str:
    """IB's liquidHours: the regular sessions alone."""
    raise NotImplementedError


def is_open(contract: Contract, at: datetime, *, regular: bool = True) -> bool:
    """Whether it trades at that instant, in its regular hours or in any."""
    raise NotImplementedError


def next_open(contract: Contract, at: datetime, *, regular: bool = True) -> datetime:
    """When its next session begins; `at` itself while one is on."""
    raise NotImplementedError


def session_close(contract: Contract, at: datetime, *, regular: bool = True) -> datetime | None:
    """When the session that is on ends for the day; None while it is closed."""
    raise NotImplementedError
