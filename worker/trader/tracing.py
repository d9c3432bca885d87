"""Tracing: spans around what a delivery does, and the trace context from message to message.

Off until a tracer is set, as the worker's start does where one is configured. Off, a span costs a call, and
a message's trace context still goes on to the messages that follow from it.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol

CONTEXT = ("traceparent", "tracestate")
"""The message attributes of the W3C trace context; a CloudEvent's extension has ``ce-`` before them."""

Context = Mapping[str, str]
"""The trace context as message attributes; empty for none."""


class Tracer(Protocol):
    """Makes spans. What it is given names no account, and holds no body, amount or token."""

    def span(self, name: str, attributes: Mapping[str, str]) -> AbstractContextManager[None]:
        """Open a span inside the one that is open, and end it with the block; an error marks it."""

    def continued(self, context: Context) -> AbstractContextManager[None]:
        """Let the spans of the block belong to the trace of ``context``."""

    def context(self) -> Context:
        """Return the trace context of the span that is open."""


_NOTHING: AbstractContextManager[None] = nullcontext()


class _Off:
    """No spans: what came with a message goes on as it came."""

    def __init__(self) -> None:
        self._given: ContextVar[Context] = ContextVar("trace_context", default={})  # noqa: B039 - never changed

    def span(self, _name: str, _attributes: Mapping[str, str]) -> AbstractContextManager[None]:
        return _NOTHING

    @contextmanager
    def continued(self, context: Context) -> Iterator[None]:
        token = self._given.set(context)
        try:
            yield
        finally:
            self._given.reset(token)

    def context(self) -> Context:
        return self._given.get()


_tracer: Tracer = _Off()


def use(tracer: Tracer | None) -> None:
    """Trace with ``tracer`` from now on, with None not at all. Called once, as a process starts."""
    global _tracer  # noqa: PLW0603 - one a process, as with its logs
    _tracer = tracer or _Off()


def span(name: str, **attributes: str) -> AbstractContextManager[None]:
    """Open a span around a block."""
    return _tracer.span(name, attributes)


def continued(attributes: Mapping[str, str]) -> AbstractContextManager[None]:
    """Let the spans of a block belong to the trace that a message's ``attributes`` name, if they name one."""
    found = {
        name: value
        for name in CONTEXT
        if (value := attributes.get(name) or attributes.get(f"ce-{name}")) is not None
    }
    return _tracer.continued(found) if "traceparent" in found else _NOTHING


def context() -> Context:
    """Return the attributes that let the next message belong to this trace; none without a trace."""
    return _tracer.context()
