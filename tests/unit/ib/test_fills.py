"""Executions, each counted once, and their commissions."""
# ib_insync types its data, but not all of its calls.
# mypy: allow-untyped-calls

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_insync import IB, Contract, Execution

from trader.adapters.ib.fills import Executions
from trader.domain.portfolio import Fill

AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
ID = "0000e0d5.6a1f0000.01"
ACCOUNT, ANOTHER = "DU1", "DU2"


class Gateway:
    """Says executions to a client, in the fields that go over the wire."""

    def __init__(self) -> None:
        self.ib = IB()
        self.executions = Executions(self.ib)
        self.read: list[str] = []
        """What ib_insync was given to read, by the execution's id."""
        pass_on = self.ib.wrapper.execDetails

        def hear(request: int, contract: Contract, execution: Execution) -> None:
            self.read.append(execution.execId)
            pass_on(request, contract, execution)

        setattr(self.ib.wrapper, "execDetails", hear)  # noqa: B010 - mypy takes no method for another

    def executed(self, exec_id: str = f"{ID}.01", *, side: str = "BOT", shares: float = 10, seconds: int = 0,
                 account: str = ACCOUNT, request: int = -1) -> None:  # fmt: skip
        at = f"{AT + timedelta(seconds=seconds):%Y%m%d %H:%M:%S} UTC"
        contract = ["1", "SPY", "STK", "", "0.0", "", "", "SMART", "USD", "SPY", "SPY"]
        what = [
            exec_id,
            at,
            account,
            "NYSE",
            side,
            str(shares),
            "671.5",
            "77",
            "1",
            "0",
            str(shares),
            "671.5",
        ]
        self._says("11", str(request), "5", *contract, *what, "r1", "", "", "", "2")

    def charged(self, exec_id: str = f"{ID}.01", commission: float = 1.25) -> None:
        self._says("59", "1", exec_id, str(commission), "USD", "0", "0", "0")

    def fills(self, account: str = ACCOUNT) -> Sequence[Fill]:
        return self.executions.of(account)

    def _says(self, *fields: str) -> None:
        self.ib.client.decoder.interpret(list(fields))


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def test_a_sale_has_a_negative_quantity(gateway: Gateway) -> None:
    gateway.executed("a.01", side="BOT")
    gateway.executed("b.01", side="SLD")
    bought, sold = gateway.fills()

    assert (bought.quantity, sold.quantity) == (Decimal(10), Decimal(-10))
    assert (bought.price, bought.at, bought.reference) == (Decimal("671.5"), AT, "r1")


def test_a_correction_replaces_what_it_corrects(gateway: Gateway) -> None:
    gateway.executed(f"{ID}.01", shares=10)
    assert [fill.quantity for fill in gateway.fills()] == [10]

    gateway.executed(f"{ID}.02", shares=8)
    [corrected] = gateway.fills()

    assert (corrected.exec_id, corrected.quantity) == (f"{ID}.02", Decimal(8))


def test_the_tenth_correction_comes_after_the_ninth(gateway: Gateway) -> None:
    gateway.executed(f"{ID}.10", shares=1)
    gateway.executed(f"{ID}.9", shares=2)

    assert [fill.quantity for fill in gateway.fills()] == [1]


@given(st.permutations([("a", 1), ("a", 2), ("b", 1), ("c", 1), ("c", 2), ("c", 3)]), st.booleans())
def test_the_order_in_which_executions_are_told_changes_nothing(
    told: list[tuple[str, int]], looked_at: bool
) -> None:
    gateway = Gateway()
    for stem, revision in told:
        gateway.executed(f"{stem}.{revision:02}", shares=revision)
        if looked_at:
            gateway.fills()

    assert [(fill.exec_id, fill.quantity) for fill in gateway.fills()] == [
        ("a.02", Decimal(2)),
        ("b.01", Decimal(1)),
        ("c.03", Decimal(3)),
    ]


def test_fills_are_in_the_order_of_time(gateway: Gateway) -> None:
    gateway.executed("b.01", seconds=2)
    gateway.executed("a.01", seconds=1)

    assert [fill.exec_id for fill in gateway.fills()] == ["a.01", "b.01"]


def test_an_execution_id_of_another_shape_is_a_fill_of_its_own(gateway: Gateway) -> None:
    for exec_id in ("F-1", "F-2", "x.y"):
        gateway.executed(exec_id)

    assert len(gateway.fills()) == 3


def test_each_account_has_its_own_fills(gateway: Gateway) -> None:
    gateway.executed("a.01")
    gateway.executed("b.01", account=ANOTHER)

    assert [fill.exec_id for fill in gateway.fills()] == ["a.01"]
    assert [fill.exec_id for fill in gateway.fills(ANOTHER)] == ["b.01"]


def test_an_execution_that_is_told_again_is_not_read_again(gateway: Gateway) -> None:
    for request in (-1, 7, 8):
        gateway.executed(request=request)

    assert gateway.read == [f"{ID}.01"]
    assert len(gateway.fills()) == 1


def test_an_execution_that_is_told_otherwise_is_read_again(gateway: Gateway) -> None:
    gateway.executed(shares=10)
    gateway.executed(shares=8)

    assert gateway.read == [f"{ID}.01"] * 2


def test_a_commission_that_was_not_reported_yet_is_none(gateway: Gateway) -> None:
    gateway.executed()
    [found] = gateway.fills()

    assert (found.commission, found.commission_currency) == (None, None)


@pytest.mark.parametrize("unset", [sys.float_info.max, float("nan")])
def test_a_commission_that_is_no_number_is_none(gateway: Gateway, unset: float) -> None:
    gateway.executed()
    gateway.charged(commission=unset)
    [found] = gateway.fills()

    assert (found.commission, found.commission_currency) == (None, None)


@pytest.mark.parametrize("commission", ["1.25", "0", "-0.1"])
def test_a_reported_commission_counts_even_if_it_is_nothing_or_a_rebate(
    gateway: Gateway, commission: str
) -> None:
    gateway.executed()
    gateway.fills()
    gateway.charged(commission=float(commission))
    [found] = gateway.fills()

    assert (found.commission, found.commission_currency) == (Decimal(commission), "USD")


def test_a_commission_that_is_told_again_may_have_changed(gateway: Gateway) -> None:
    gateway.executed()
    gateway.charged(commission=1)
    gateway.charged(commission=1)
    gateway.charged(commission=2)

    assert [fill.commission for fill in gateway.fills()] == [2]


def test_a_commission_before_its_execution_is_taken_when_it_comes_again(gateway: Gateway) -> None:
    gateway.charged()
    gateway.executed()
    assert [fill.commission for fill in gateway.fills()] == [None]

    gateway.charged()

    assert [fill.commission for fill in gateway.fills()] == [Decimal("1.25")]


@pytest.mark.parametrize("fields", [["11", "1"], ["59", "1"], ["11", *["x"] * 30]])
def test_an_execution_that_cannot_be_read_is_logged_and_nothing_is_kept_of_it(
    gateway: Gateway, fields: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    gateway.ib.client.decoder.interpret(fields)

    assert "Error handling fields" in caplog.text
    assert gateway.fills() == ()
    caplog.clear()
