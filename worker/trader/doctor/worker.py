"""Whether the worker answers, is ready, serves the account that is meant, and tells the same time."""

from collections.abc import Iterator

from trader.doctor.facts import Answers, Unknown
from trader.doctor.report import Line, danger, ok, unchecked, warning

SKEW_S = (5.0, 60.0)
"""From when on another time is worth a word, and from when on messages would be taken for too old."""


def check_worker(answers: Answers | Unknown, account: str | None, version: str) -> Iterator[Line]:
    """Hold what a worker says of itself against what is expected of it."""
    if isinstance(answers, Unknown):
        yield unchecked("worker", answers.reason)
        return
    if answers.ready:
        yield ok("gateway", f"ready, logged in to {answers.account}")
    else:
        yield warning(
            "gateway", "a gateway that is ready", f"it {answers.gateway}: {answers.reason}", "see its log"
        )
    if account and answers.account and answers.account != account:
        yield danger(
            "gateway-account",
            f"a gateway logged in to {account}",
            answers.account,
            "log it in to the account that is meant",
        )
    if answers.refusal:
        yield danger(
            "worker-refused",
            "a worker whose store and topics serve it",
            f"since {answers.refusal.at} {answers.refusal.code}: {answers.refusal.message}",
            "mend that: deliveries are sent back until they run out; it serves again by itself",
        )
    yield from _clock(answers)
    if answers.version == version:
        yield ok("version", f"worker and command are {version}")
    else:
        yield warning(
            "version",
            f"a worker of version {version}, as this command is",
            answers.version,
            "use the command that was deployed with the worker: documents may differ",
        )


def _clock(answers: Answers) -> Iterator[Line]:
    if answers.date is None:
        yield unchecked("clock", "the worker's answer carried no date")
        return
    skew = abs((answers.at - answers.date).total_seconds())
    little, much = SKEW_S
    if skew < little:
        yield ok("clock", "the worker's and this machine's agree")
        return
    say = danger if skew >= much else warning
    yield say(
        "clock",
        f"clocks that agree within {little:g} s",
        f"{skew:.0f} s between the worker's and this machine's",
        "mend the one that is wrong: intents expire by it, and a day begins by it",
    )
