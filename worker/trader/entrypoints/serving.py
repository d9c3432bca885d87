"""Which worker serves the request at hand: functions-framework hands its function an event and no more."""

from contextvars import ContextVar

from trader.runner.runner import Runner

RUNNER: ContextVar[Runner] = ContextVar("RUNNER")
