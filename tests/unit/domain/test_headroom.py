"""The account's own limits: counted down order by order, worst cases first, and unknown values refuse."""

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.domain.test_drafts import drafted, drafting, wish
from trader.domain.configuration import Limits
from trader.domain.drafts import Draft
from trader.domain.headroom import Headroom, Load
from trader.domain.portfolio import Margin

NET_LIQUIDATION = Decimal(10_000)


def draft(quantity: int, held: int = 0) -> Draft:
    found = drafted(drafting(), wish(quantity, held))
    assert found is not None
    return found


def room(loads: dict[int, Load] | None = None, orders_today: int = 0, **limits: Any) -> Headroom:
    held = Limits.model_validate({"orderNotional": 10**9, **limits})
    return Headroom(held, NET_LIQUIDATION, loads or {}, orders_today)


def load(position: int = 0, buying: int = 0, selling: int = 0, unit: int | None = 100) -> Load:
    value = None if unit is None else Decimal(unit)
    return Load("OTHER", value, Decimal(position), Decimal(buying), Decimal(selling))


def codes(found: Headroom, drafted_: Draft) -> list[str]:
    return [refusal.code for refusal in found.refusals(drafted_)]


@pytest.mark.parametrize(
    ("loads", "quantity", "expected"),
    [
        ({}, 100, []),
        ({}, 101, ["gross-exposure"]),
        ({}, -101, ["gross-exposure"]),
        ({9: load(position=50)}, 50, []),
        ({9: load(position=-50)}, 51, ["gross-exposure"]),
        ({9: load(buying=50)}, 51, ["gross-exposure"]),  # an order that stands may fill
        ({1: load(position=-50)}, 150, []),  # from one side to the other, and no further
        ({1: load(position=-50)}, 151, ["gross-exposure"]),
        ({1: load(position=50, selling=50)}, 51, ["gross-exposure"]),  # the sale may never come
        ({9: load(position=1, unit=None)}, 1, ["gross-exposure"]),
        ({9: load(unit=None)}, 1, []),
    ],
)
def test_gross_exposure_counts_the_worst_that_may_come(
    loads: dict[int, Load], quantity: int, expected: list[str]
) -> None:
    assert codes(room(loads), draft(quantity)) == expected


def test_each_order_that_is_admitted_takes_its_part() -> None:
    found = room()
    found.admit(draft(60))
    assert codes(found, draft(41)) == ["gross-exposure"]
    assert codes(found, draft(40)) == []


@pytest.mark.parametrize(
    ("loads", "expected"),
    [({8: load(1)}, []), ({8: load(1), 9: load(buying=1)}, ["positions"]), ({1: load(1), 9: load(1)}, [])],
)
def test_a_new_position_needs_a_place_among_them(loads: dict[int, Load], expected: list[str]) -> None:
    assert codes(room(loads, positions=2), draft(1)) == expected


@pytest.mark.parametrize(("before", "expected"), [(2, []), (3, ["orders-per-day"])])
def test_orders_of_one_session_are_counted(before: int, expected: list[str]) -> None:
    assert codes(room(orders_today=before, ordersPerDay=3), draft(1)) == expected


def test_what_only_reduces_is_never_refused_but_counts() -> None:
    full = room({1: load(position=500)}, orders_today=9, ordersPerDay=9, positions=0, grossExposure=0)
    assert codes(full, draft(-10, held=20)) == []
    counted = room(ordersPerDay=1)
    counted.admit(draft(-10, held=20))
    assert codes(counted, draft(1)) == ["orders-per-day"]


def test_what_crosses_inside_takes_no_order_and_no_exposure() -> None:
    crossed = drafted(drafting(), wish(5), wish(-5, 0, "beta"))
    assert crossed is not None
    full = room(ordersPerDay=0, grossExposure=0, positions=0)
    assert codes(full, crossed) == []
    full.admit(crossed)


def margin(after: int, change: int, equity: int = 100) -> Margin:
    return Margin(
        initial_after=Decimal(after),
        initial_change=Decimal(change),
        equity_after=Decimal(equity),
        equity_change=Decimal(-1),
    )


def test_margin_is_the_brokers_word_and_adds_up_over_the_orders_of_a_plan() -> None:
    found = room()
    assert found.margin_refusal(margin(100, 40)) is None
    refused = found.margin_refusal(margin(101, 41))
    assert refused is not None
    assert refused.code == "margin"
    found.admit(draft(1), margin(60, 60))
    assert found.margin_refusal(margin(40, 40, equity=101)) is None
    assert found.margin_refusal(margin(41, 41, equity=101)) is not None
