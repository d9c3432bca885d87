"""The broker's figures of a what-if order: all of them, or none that anybody may rely on."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from ib_insync import OrderState

from tests.support.ordering import market
from trader.adapters.ib.margins import to_margin
from trader.domain.errors import Rejected

FIGURES = {
    "initMarginAfter": "1000.50",
    "initMarginChange": "250.25",
    "equityWithLoanAfter": "100000",
    "equityWithLoanChange": "-1.00",
}
UNSET = "1.7976931348623157E308"


def told(figures: Mapping[str, str]) -> OrderState:
    """Return what the broker says, with a warning that goes with it."""
    state = OrderState(warningText="no margin for you")
    for name, text in figures.items():
        setattr(state, name, text)
    return state


def test_figures_are_read_as_they_are_written() -> None:
    found = to_margin(market(10), told(FIGURES))
    assert found.initial_after == Decimal("1000.50")
    assert found.initial_change == Decimal("250.25")
    assert found.equity_after == 100_000
    assert found.equity_change == -1


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("missing", ["", UNSET, "NaN"])
def test_a_figure_that_is_missing_is_a_refusal(name: str, missing: str) -> None:
    answer = told({**FIGURES, name: missing})
    with pytest.raises(Rejected, match="no margin for you") as refused:
        to_margin(market(10), answer)
    assert refused.value.code == "margin"
