"""What a target may say, and what the configuration makes of it."""

from decimal import Decimal

import pytest

from trader.domain.instruments import Stock
from trader.domain.targets import Flat, Hold, Target, Weight, as_configured

SPY = Stock("SPY")
LONG, SHORT = Weight(SPY, Decimal(1)), Weight(SPY, Decimal(-1))
HOLD = Hold(SPY, "no cross")


@pytest.mark.parametrize("value", ["0", "-0", "1.01", "-2", "NaN", "Infinity"])
def test_a_weight_is_a_part_of_the_capital_and_never_nothing(value: str) -> None:
    with pytest.raises(ValueError, match="expected a weight from -1 to 1 other than 0"):
        Weight(SPY, Decimal(value))


@pytest.mark.parametrize(
    ("target", "shorting", "expected"),
    [(LONG, False, LONG), (SHORT, True, SHORT), (SHORT, False, Flat(SPY)), (HOLD, False, HOLD)],
)
def test_only_a_short_wish_is_made_flat_where_shorting_is_off(
    target: Target, shorting: bool, expected: Target
) -> None:
    assert as_configured([target], exposed=True, allow_short=shorting) == (expected,)


@pytest.mark.parametrize("target", [LONG, SHORT, Flat(SPY), HOLD])
def test_without_exposure_everything_is_flat_rather_than_left_as_it_is(target: Target) -> None:
    assert as_configured([target], exposed=False, allow_short=True) == (Flat(SPY),)
