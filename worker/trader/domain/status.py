"""How an intent ended, and how loudly that is told."""

from enum import StrEnum


class Status(StrEnum):
    """The terminal status of an intent."""

    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    EXPIRED = "expired"
    FAILED = "failed"
    UNRESOLVED = "unresolved"


class Severity(StrEnum):
    """How much a person should care."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    def at_least(self, other: "Severity") -> "Severity":
        """Return the louder of the two."""
        return max(self, other, key=list(Severity).index)


class IntentClass(StrEnum):
    """What an intent needs before it may run, and how long its message is good for."""

    READING = "reading"
    TRADING = "trading"
    CONTROL = "control"


class Mode(StrEnum):
    """Which kind of account is traded."""

    PAPER = "paper"
    LIVE = "live"
