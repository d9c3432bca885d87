"""The error tree: what a failure means for the intent, and so how its message is acknowledged.

TraderError
├── Refused            nothing was sent: rejected, skipped or expired
│   ├── Rejected       refused: bad message, halted, limit, interlock, no configuration
│   ├── Skipped        nothing to do, and that is normal
│   └── Expired        too old to act on, and nothing was ever planned
├── Retryable          not now: the message comes again, a stored plan resumes
├── Failed             ended with an error, nothing in doubt
└── OutcomeUnknown     an order may or may not stand; never retried by itself

Anything else is treated as Retryable, until the delivery attempts run out.
"""

from typing import ClassVar

from trader.domain.status import Status


class TraderError(Exception):
    """An outcome that isn't success, with a code that a program can match.

    ``code`` is kebab-case and stable; ``message`` is one line for a person: what was expected, what was
    found, what to do. ``field`` names the part of the message or configuration at fault, if one is.
    """

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.field = field


class Terminal(TraderError):
    """Ends the intent with the status of its class."""

    status: ClassVar[Status]


class Refused(Terminal):
    """Nothing was sent."""


class Rejected(Refused):
    """Refused before anything was sent."""

    status = Status.REJECTED


class Skipped(Refused):
    """Nothing to do, and that is normal, such as a market holiday."""

    status = Status.SKIPPED


class Expired(Refused):
    """Too old to act on, and nothing was ever planned."""

    status = Status.EXPIRED


class Failed(Terminal):
    """Ended with an error or with an order refused; nothing is in doubt."""

    status = Status.FAILED


class TooLarge(Failed):
    """A document at ``path`` that no store takes; nothing of what was to be written with it is written."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__("document-too-large", message)
        self.path = path


class OutcomeUnknown(Terminal):
    """An order may or may not stand; a person is alerted, and nothing is sent again by itself."""

    status = Status.UNRESOLVED


class Retryable(TraderError):
    """Not now: the gateway or the store is down, or another run is in the way."""

    def __init__(self, code: str, message: str, *, retry_after_s: int = 10) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


class GatewayNotReady(Retryable):
    """The gateway can't be trusted to answer or to act now."""


class StoreUnavailable(Retryable):
    """The store did not answer, or answered with an error that may pass."""


class TopicUnavailable(Retryable):
    """The topic did not take a message."""


class LeaseLost(Retryable):
    """Another attempt has taken this run over; this one may do nothing more."""
