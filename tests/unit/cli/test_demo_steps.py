"""The demo's steps say what a result shows, and notice one that isn't as promised."""

from datetime import UTC, datetime
from typing import Any

import pytest

from trader.discovery import find_intents
from trader.domain.errors import Rejected
from trader.domain.events import RESULT_TYPE
from trader.domain.messages import Reason, Result
from trader.domain.orders import OrderReport
from trader.domain.status import Mode, Severity, Status
from trader.entrypoints.cli.message import checked
from trader.entrypoints.cli.told import Told
from trader.entrypoints.demo.scene import Broken, Scene, Step
from trader.entrypoints.demo.steps import STEPS

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SUMMARY, SIGNAL, AGAIN, REUSED, MISSPELT, OLD = STEPS[:6]


def example(intent: str) -> dict[str, Any]:
    schema: Any = find_intents()[intent].outcome.model_config["json_schema_extra"]
    return dict(schema["examples"][0])


def told(
    status: Status = Status.SUCCEEDED,
    code: str | None = None,
    *,
    publication: int = 1,
    outcome: Any = None,
    orders: tuple[OrderReport, ...] = (),
) -> Told:
    result = Result(
        id="id/demo-signal",
        intent="summary",
        status=status,
        severity=Severity.INFO,
        dry_run=True,
        mode=Mode.PAPER,
        account="DU1",
        reason=Reason(code=code, message="why") if code else None,
        outcome=outcome,
        orders=orders,
        requested_at=NOON,
        started_at=NOON,
        finished_at=NOON,
        attempt=1,
    )
    return Told(f"{result.id}#{publication}", RESULT_TYPE, "", NOON, result.to_json(), result)


def an_order(quantity: str) -> OrderReport:
    return OrderReport.model_validate(
        {
            "instrument": "SPY",
            "quantity": quantity,
            "orderType": "MKT",
            "tif": "DAY",
            "state": "planned",
            "filled": "0",
            "currency": "USD",
        }
    )


def test_a_summary_shows_worth_positions_and_trading_state() -> None:
    shown = SUMMARY.verify(Scene(told(outcome=example("summary"))))
    assert "100,000.00 USD" in shown
    assert "SPY" in shown
    assert "halted" in shown


@pytest.mark.parametrize(
    ("orders", "said"),
    [((), "long"), ((an_order("65"),), "would buy 65 SPY"), ((an_order("-65"),), "would sell 65 SPY")],
)
def test_a_signal_shows_what_it_would_do(orders: tuple[OrderReport, ...], said: str) -> None:
    outcome = {
        **example("testsignalgenerator"),
        "refusals": [{"code": "market-closed", "message": "closed"}],
    }
    shown = SIGNAL.verify(Scene(told(outcome=outcome, orders=orders)))
    assert said in shown
    assert "market-closed" in shown


def test_a_signal_without_a_bar_or_a_price_can_be_shown_too() -> None:
    outcome = {**example("testsignalgenerator"), "signal": "hold", "bars": 0, "price": None}
    assert "hold" in SIGNAL.verify(Scene(told(outcome=outcome)))


def test_a_message_that_came_twice_must_be_told_again_unchanged() -> None:
    first = told(outcome=example("testsignalgenerator"))
    assert "#2" in AGAIN.verify(Scene(told(outcome=first.data["outcome"], publication=2), (first,)))
    for other in (told(outcome=first.data["outcome"]), told(outcome={}, publication=2)):
        with pytest.raises(Broken, match="told again"):
            AGAIN.verify(Scene(other, (first,)))


@pytest.mark.parametrize(
    ("step", "status", "code"),
    [
        (REUSED, Status.REJECTED, "id-reused"),
        (MISSPELT, Status.REJECTED, "unknown-field"),
        (OLD, Status.EXPIRED, "too-old"),
    ],
)
def test_a_refusal_shows_its_reason(step: Step, status: Status, code: str) -> None:
    assert step.verify(Scene(told(status, code))).endswith(": why")
    for other in (told(), told(Status.FAILED, code), told(status, "another")):
        with pytest.raises(Broken, match=f"expected {status}: {code}, found "):
            step.verify(Scene(other))


@pytest.mark.parametrize("step", STEPS[:3])
def test_a_step_that_ends_otherwise_is_broken(step: Step) -> None:
    with pytest.raises(Broken, match="expected succeeded, found rejected: not-yet"):
        step.verify(Scene(told(Status.REJECTED, "not-yet"), (told(),)))


def test_only_the_misspelt_message_would_be_refused_before_it_is_published() -> None:
    refused = []
    for step in STEPS:
        try:
            checked(step.body(NOON))
        except Rejected:
            refused.append(step)
    assert refused == [MISSPELT]
