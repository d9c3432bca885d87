"""Executions, each counted once, and their commissions."""

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_insync import CommissionReport, Contract, Execution, Fill

from trader.adapters.ib.fills import to_fills

AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
ID = "0000e0d5.6a1f0000.01"


def fill(exec_id: str = f"{ID}.01", *, side: str = "BOT", shares: float = 10, seconds: int = 0,
         report: CommissionReport | None = None) -> Fill:  # fmt: skip
    execution = Execution(
        execId=exec_id,
        side=side,
        shares=shares,
        price=671.5,
        orderRef="r1",
        time=AT + timedelta(seconds=seconds),
    )
    contract = Contract(conId=1, symbol="SPY", secType="STK", currency="USD")
    return Fill(contract, execution, report or CommissionReport(), AT)


def test_a_sale_has_a_negative_quantity() -> None:
    [bought] = to_fills([fill(side="BOT")])
    [sold] = to_fills([fill(side="SLD")])

    assert (bought.quantity, sold.quantity) == (Decimal(10), Decimal(-10))
    assert (bought.price, bought.at, bought.reference) == (Decimal("671.5"), AT, "r1")


def test_a_correction_replaces_what_it_corrects() -> None:
    [corrected] = to_fills([fill(f"{ID}.01", shares=10), fill(f"{ID}.02", shares=8)])

    assert (corrected.exec_id, corrected.quantity) == (f"{ID}.02", Decimal(8))


def test_the_tenth_correction_comes_after_the_ninth() -> None:
    [corrected] = to_fills([fill(f"{ID}.10", shares=1), fill(f"{ID}.9", shares=2)])

    assert corrected.quantity == 1


@given(st.permutations([("a", 1), ("a", 2), ("b", 1), ("c", 1), ("c", 2), ("c", 3)]))
def test_the_order_in_which_executions_are_told_changes_nothing(told: list[tuple[str, int]]) -> None:
    fills = to_fills(fill(f"{stem}.{revision:02}", shares=revision) for stem, revision in told)

    assert [(f.exec_id, f.quantity) for f in fills] == [
        ("a.02", Decimal(2)),
        ("b.01", Decimal(1)),
        ("c.03", Decimal(3)),
    ]


def test_fills_are_in_the_order_of_time() -> None:
    fills = to_fills([fill("b.01", seconds=2), fill("a.01", seconds=1)])

    assert [f.exec_id for f in fills] == ["a.01", "b.01"]


def test_an_execution_id_of_another_shape_is_a_fill_of_its_own() -> None:
    assert len(to_fills([fill("F-1"), fill("F-2"), fill("x.y")])) == 3


def test_a_commission_that_was_not_reported_yet_is_none() -> None:
    [found] = to_fills([fill(report=CommissionReport())])

    assert (found.commission, found.commission_currency) == (None, None)


@pytest.mark.parametrize("unset", [sys.float_info.max, float("nan")])
def test_a_commission_that_is_no_number_is_none(unset: float) -> None:
    [found] = to_fills([fill(report=CommissionReport(execId=f"{ID}.01", commission=unset, currency="USD"))])

    assert (found.commission, found.commission_currency) == (None, None)


@pytest.mark.parametrize("commission", ["1.25", "0", "-0.1"])
def test_a_reported_commission_counts_even_if_it_is_nothing_or_a_rebate(commission: str) -> None:
    report = CommissionReport(execId=f"{ID}.01", commission=float(commission), currency="USD")
    [found] = to_fills([fill(report=report)])

    assert (found.commission, found.commission_currency) == (Decimal(commission), "USD")
