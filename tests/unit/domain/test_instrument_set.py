"""Instruments that are fetched together, and chains: what may be asked of them, and what they refuse."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.market import contract
from trader.domain.errors import Rejected
from trader.domain.instrument_set import FutureChain, InstrumentSet, OptionChain
from trader.domain.instruments import Contract, Forex, Index, Right, Stock

DECEMBER, MARCH, JUNE = date(2026, 12, 18), date(2027, 3, 19), date(2027, 6, 17)


def future(expiry: date, con_id: int = 0, sec_type: str = "FUT") -> Contract:
    return replace(
        contract(),
        con_id=con_id or expiry.toordinal(),
        sec_type=sec_type,
        local_symbol=f"ES{expiry:%y%m}",
        expiry=expiry,
        contract_month=f"{expiry:%Y%m}",
    )


def option(expiry: date, strike: str, right: Right, trading_class: str = "SPY") -> Contract:
    name = f"{trading_class} {expiry:%y%m%d} {strike} {right.value}"
    return replace(
        contract(),
        con_id=sum(map(ord, name)) * 7919,
        sec_type="OPT",
        local_symbol=name,
        expiry=expiry,
        strike=Decimal(strike),
        right=right,
        trading_class=trading_class,
    )


def futures(lead: date = DECEMBER) -> FutureChain:
    return FutureChain.of([future(JUNE), future(DECEMBER), future(MARCH)], future(lead, sec_type="CONTFUT"))


# Sets


def test_a_set_keeps_its_order_and_reads_names() -> None:
    found = InstrumentSet.of(["VIX index", "SPY", "EUR.USD"])
    assert list(found) == [Index("VIX"), Stock("SPY"), Forex("EUR", "USD")]
    assert len(found) == 3


def test_an_empty_set_and_one_that_repeats_itself_are_refused() -> None:
    with pytest.raises(ValueError, match="expected at least one instrument, found none"):
        InstrumentSet.of([])
    with pytest.raises(ValueError, match="expected each instrument once, found SPY more than once"):
        InstrumentSet.of(["SPY", "QQQ", "spy"])


# Futures


@pytest.mark.parametrize(
    ("on", "front", "after"),
    [
        (date(2026, 11, 23), DECEMBER, MARCH),
        (DECEMBER, DECEMBER, MARCH),  # its last day
        (DECEMBER + timedelta(days=1), MARCH, JUNE),
    ],
)
def test_front_and_next_move_on_after_the_last_day(on: date, front: date, after: date) -> None:
    assert (futures().front(on).expiry, futures().next(on).expiry) == (front, after)


def test_what_is_ordered_for_the_continuous_series_is_a_month() -> None:
    chain = futures(lead=MARCH)
    assert (chain.continuous.sec_type, chain.lead.sec_type) == ("CONTFUT", "FUT")
    assert chain.lead == chain.month("202703")
    assert chain.lead.con_id == chain.continuous.con_id


def test_a_month_that_is_not_there_is_unknown_and_those_that_are_are_listed() -> None:
    chain = futures(lead=date(2028, 3, 17))
    wanted: dict[str, Callable[[], Contract]] = {
        "of the month 202704": lambda: chain.month("202704"),
        "that most trade": lambda: chain.lead,
        "after the front one": lambda: chain.next(JUNE),
        "that is still traded": lambda: chain.front(JUNE + timedelta(days=1)),
    }
    for what, ask in wanted.items():
        with pytest.raises(Rejected, match=rf"unknown-instrument: .*{what}.*found ES2612, ES2703, ES2706"):
            ask()


def test_two_contracts_of_one_month_are_never_guessed_between() -> None:
    weekly = replace(future(DECEMBER - timedelta(days=9), 5), local_symbol="VX50")
    chain = FutureChain.of([future(DECEMBER), weekly], future(DECEMBER, sec_type="CONTFUT"))
    with pytest.raises(Rejected, match="expected one contract of the month 202612, found VX50, ES2612"):
        chain.month("202612")


def test_what_has_no_expiry_is_no_part_of_a_chain() -> None:
    with pytest.raises(Rejected, match="without an expiry"):
        FutureChain.of([contract(), future(MARCH)], future(MARCH))
    with pytest.raises(Rejected, match="without strike or right"):
        OptionChain.of([future(MARCH)])


# Options


options = st.lists(
    st.builds(
        option,
        st.sampled_from([DECEMBER, MARCH, JUNE]),
        st.sampled_from(["95", "100", "102.5", "105"]),
        st.sampled_from(Right),
        st.sampled_from(["SPX", "SPXW"]),
    ),
    unique_by=lambda each: each.con_id,
)


@given(options)
def test_calls_and_puts_and_each_expiry_and_strike_share_a_chain_out(found: list[Contract]) -> None:
    chain = OptionChain.of(found)
    parts = {
        "rights": [chain.calls(), chain.puts()],
        "expiries": [chain.expiring(day) for day in chain.expiries],
        "strikes": [chain.struck(strike) for strike in chain.strikes],
    }
    for name, shares in parts.items():
        assert sorted(each.con_id for share in shares for each in share.contracts) == sorted(
            each.con_id for each in found
        ), name
    assert OptionChain.of(reversed(chain.contracts)) == chain


@given(options, st.decimals(90, 110, places=2))
def test_the_nearest_strike_is_as_near_as_any(found: list[Contract], price: Decimal) -> None:
    chain = OptionChain.of(found)
    near = chain.nearest(price)
    assert len(near.strikes) <= 1
    for strike in near.strikes:
        assert all(abs(strike - price) <= abs(other - price) for other in chain.strikes)
    assert bool(near.contracts) == bool(found)


def test_filters_are_put_one_on_another_until_one_is_left() -> None:
    chain = OptionChain.of(
        [
            option(day, strike, right)
            for day in (DECEMBER, MARCH)
            for strike in ("95", "100")
            for right in Right
        ]
    )
    assert chain.expiring(DECEMBER, MARCH) == chain
    assert chain.struck(Decimal(96), Decimal(101)).strikes == (Decimal(100),)
    assert str(chain.expiring(MARCH).struck(Decimal(95)).puts().only()) == "SPY 270319 95 P"
    with pytest.raises(
        Rejected, match=r"ambiguous-instrument: expected one option, found 2 \(SPY 261218 95 C, "
    ):
        chain.calls().struck(Decimal(95)).only()
    with pytest.raises(Rejected, match="unknown-instrument: expected an option that fits, found none"):
        chain.struck(Decimal(1)).only()
