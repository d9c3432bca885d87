"""A history as text, from delivery to fill: what was planned, what happened, what became of it."""

from collections.abc import Iterator
from datetime import date

from tests.chaos.history import Played
from tests.chaos.plan import Down, Frozen, GatewayDoes, Killed, Lag, Plan, ShareSet, StateSet, Stopped, What
from tests.chaos.witness import Line

WIDEST = 200


def drawn(played: Played) -> str:
    """Return the whole history."""
    return "\n".join((*_planned(played.plan), "", *_happened(played), "", *_became(played)))


def _planned(plan: Plan) -> Iterator[str]:
    yield f"seed {plan.seed}, about {plan.theme}, {plan.length_s:g} s of trouble"
    for worker in plan.workers:
        lives = "; then ".join(", ".join(map(str, blows)) or "nothing" for blows in worker.lives)
        where = f"gateway {worker.gateway}, clock {worker.skew_s:+g} s"
        yield f"  worker {worker.name}, {where}, its fate: {lives}"
    for mail in plan.mail:
        to = ", ".join(f"{name} after {after:g} s" for after, name in mail.deliveries)
        again = "again until acknowledged" if mail.comes_again else "never again"
        yield f"  {mail.id} at {mail.at:g} s: {dict(mail.body)} to {to}, {again}"
    for rule in plan.rules:
        when = f"{rule.when.event}, the {rule.when.nth}. time"
        yield f"  gateway 1 at {when}: {', '.join(_action(action) for action in rule.then)}"
    for happening in plan.happenings:
        yield f"  at {happening.at:g} s: {_what(happening.what)}"
    if plan.next_day:
        yield "  what is left is cleared up the next day, beside gateways that remember nothing"


def _happened(played: Played) -> Iterator[str]:
    day: date | None = None
    for line in played.lines:
        if line.at.date() != day:
            day = line.at.date()
            yield f"{day:%A, %d %B %Y}, UTC"
        yield _line(line)


def _line(line: Line) -> str:
    whom = f"{line.who:>7} -> {line.to:<7}" if line.to else f"{line.who:>7}{'':11}"
    text = f"{line.at:%H:%M:%S}.{line.at.microsecond // 1000:03} {whom} {line.text}"
    return text if len(text) <= WIDEST or line.who == "WRONG" else text[: WIDEST - 1] + "…"


def _became(played: Played) -> Iterator[str]:
    yield f"{played.orders} orders sent; " + (
        ", ".join(f"{count} {outcome}" for outcome, count in played.outcomes.most_common()) or "no run"
    )
    yield from (f"WRONG: {wrong}" for wrong in played.wrong)
    if not played.wrong:
        yield "all is as it must be"


def _action(action: object) -> str:
    return f"{type(action).__name__} {action}".strip()


def _what(what: What) -> str:
    match what:
        case GatewayDoes(gateway=name, actions=actions):
            return f"gateway {name} by itself: {' and '.join(map(str, actions))}"
        case Killed(worker=name):
            return f"{name} is killed"
        case Stopped(worker=name):
            return f"{name} is told to stop"
        case Frozen(worker=name, seconds=seconds):
            return f"{name} freezes for {seconds:g} s"
        case ShareSet(strategy=strategy, share=share):
            return f"{strategy} may use {share:g} of everything"
        case StateSet(state=state):
            return f"a person sets the trading state to {state}"
        case Down(port=port, seconds=seconds):
            return f"the {port} answers with errors for {seconds:g} s"
        case Lag(seconds=seconds, lag_s=lag_s):
            return f"the network takes {lag_s:g} s for everything, for {seconds:g} s"
