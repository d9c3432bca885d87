"""Terms of an order: the message's go before the configuration's, and contradictions are named."""

from datetime import UTC, datetime

import pytest

from trader.domain.configuration import AdaptivePriority, OrderTerms
from trader.domain.errors import Rejected
from trader.domain.orders import OrderType, TimeInForce
from trader.planning.terms import terms

MKT, LMT, MOC = OrderType.MKT, OrderType.LMT, OrderType.MOC
DAY, GTC = TimeInForce.DAY, TimeInForce.GTC
LATER = datetime(2026, 11, 23, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("configured", "said", "expected"),
    [
        ((MKT, DAY), (None, None), (MKT, DAY)),
        ((LMT, GTC), (None, None), (LMT, GTC)),
        ((LMT, GTC), (None, DAY), (LMT, DAY)),
        ((MKT, DAY), (LMT, GTC), (LMT, GTC)),
        ((LMT, GTC), (MOC, None), (MOC, DAY)),  # at the close is for the day, whatever is configured
        ((MOC, DAY), (LMT, GTC), (LMT, GTC)),
        ((MOC, DAY), (None, None), (MOC, DAY)),
    ],
)
def test_what_the_message_says_goes_before_the_configuration(
    configured: tuple[OrderType, TimeInForce],
    said: tuple[OrderType | None, TimeInForce | None],
    expected: tuple[OrderType, TimeInForce],
) -> None:
    kind, tif = configured
    found = terms(OrderTerms(type=kind, tif=tif), *said, LATER if expected[0] is not MOC else None)
    assert (found.order.type, found.order.tif) == expected


@pytest.mark.parametrize(
    ("configured", "said", "field"),
    [
        ((MKT, DAY), (MOC, GTC, None), "tif"),
        ((MOC, DAY), (None, GTC, None), "tif"),
        ((MKT, DAY), (MOC, None, LATER), "goodAfter"),
        ((MOC, DAY), (None, None, LATER), "goodAfter"),
    ],
)
def test_terms_that_contradict_each_other_are_refused_by_the_field_to_change(
    configured: tuple[OrderType, TimeInForce],
    said: tuple[OrderType | None, TimeInForce | None, datetime | None],
    field: str,
) -> None:
    kind, tif = configured
    with pytest.raises(Rejected) as refused:
        terms(OrderTerms(type=kind, tif=tif), *said)
    assert (refused.value.code, refused.value.field) == ("contradictory-terms", field)
    assert "leave" in refused.value.message


@pytest.mark.parametrize(("kind", "expected"), [(MKT, "Patient"), (LMT, "Patient"), (MOC, None)])
def test_the_adaptive_algorithm_knows_no_order_at_the_close(kind: OrderType, expected: str | None) -> None:
    configured = OrderTerms(adaptive_priority=AdaptivePriority.PATIENT)
    assert terms(configured, kind).adaptive == expected
    assert terms(OrderTerms(), kind).adaptive is None
