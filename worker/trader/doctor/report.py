"""What a check says: good, something to know, a danger, or that it couldn't be made."""

from enum import StrEnum

from pydantic import Field

from trader.domain.wire import Wire


class Verdict(StrEnum):
    """How a check went; the gravest comes last."""

    OK = "ok"
    UNCHECKED = "unchecked"
    WARNING = "warning"
    DANGER = "danger"  # it would lose an intent, or could move money twice


class Line(Wire):
    """One check's outcome."""

    code: str = Field(description="Stable, kebab-case, for programs: of the finding, or of the check.")
    verdict: Verdict
    message: str = Field(description="What is so; of a finding: what was expected and what was found.")
    advice: str = Field("", description="What to do about it.")


def ok(code: str, message: str) -> Line:
    """Say that all is well."""
    return Line(code=code, verdict=Verdict.OK, message=message)


def unchecked(code: str, reason: str) -> Line:
    """Say that something couldn't be looked at, and why."""
    return Line(code=code, verdict=Verdict.UNCHECKED, message=reason)


def warning(code: str, expected: str, found: str, advice: str) -> Line:
    """Say that something isn't as it should be, which loses and doubles nothing."""
    return _finding(Verdict.WARNING, code, expected, found, advice)


def danger(code: str, expected: str, found: str, advice: str) -> Line:
    """Say that something would lose an intent, or could move money twice."""
    return _finding(Verdict.DANGER, code, expected, found, advice)


def _finding(verdict: Verdict, code: str, expected: str, found: str, advice: str) -> Line:
    return Line(code=code, verdict=verdict, message=f"expected {expected}, found {found}", advice=advice)
