"""Instruments: what they are called, that a name is read back, and what none can be."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.domain.instrument_text import ONE_CONTRACT, read_instrument
from trader.domain.instruments import (
    CONTINUOUS,
    Forex,
    Future,
    Index,
    Instrument,
    Option,
    Right,
    Stock,
)

NAMES: dict[str, Instrument] = {
    "SPY": Stock("SPY"),
    "BRK B": Stock("BRK B"),
    "SAP:EUR": Stock("SAP", "EUR"),
    "SAP:EUR@IBIS": Stock("SAP", "EUR", "IBIS"),
    "AAPL@SMART/NASDAQ": Stock("AAPL", primary_exchange="NASDAQ"),
    "EUR.USD": Forex("EUR", "USD"),
    "VIX index": Index("VIX"),
    "NDX index@NASDAQ": Index("NDX", "NASDAQ"),
    "DAX:EUR index@EUREX": Index("DAX", "EUREX", "EUR"),
    "ES 202612@CME": Future("ES", "CME", "202612"),
    "ES 20261218@CME": Future("ES", "CME", "20261218"),
    "ES future@CME": Future("ES", "CME"),
    "ES continuous@CME": Future("ES", "CME", CONTINUOUS),
    "VIX 202612@CFE/VX": Future("VIX", "CFE", "202612", trading_class="VX"),
    "SPY 20261218 600 C": Option("SPY", "20261218", Decimal(600), Right.CALL),
    "SPY 202612 602.5 P": Option("SPY", "202612", Decimal("602.5"), Right.PUT),
    "SPY 20261218 * C": Option("SPY", "20261218", right=Right.CALL),
    "SPY * * *": Option("SPY"),
    "SPX 20261218 6000 C@SMART/SPXW": Option(
        "SPX", "20261218", Decimal(6000), Right.CALL, trading_class="SPXW"
    ),
}

symbols = st.from_regex(r"[A-Z][A-Z0-9]{0,5}( [A-Z])?", fullmatch=True)
currencies = st.sampled_from(["USD", "EUR", "HKD"])
exchanges = st.sampled_from(["SMART", "CBOE", "CME", "IBIS"])
classes = st.just("") | symbols
days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
expiries = st.builds("{:%Y%m%d}".format, days) | st.builds("{:%Y%m}".format, days)
strikes = st.decimals(min_value="0.001", max_value=99_999, places=3)
instruments: st.SearchStrategy[Instrument] = st.one_of(
    st.builds(Stock, symbols, currencies, exchanges, st.just("") | st.sampled_from(["NASDAQ", "ARCA"])),
    st.builds(Forex, st.sampled_from(["EUR", "GBP"]), st.sampled_from(["USD", "JPY"])),
    st.builds(Index, symbols, exchanges, currencies),
    st.builds(Future, symbols, exchanges, st.sampled_from(["", CONTINUOUS]) | expiries, currencies, classes),
    st.builds(
        Option,
        symbols,
        st.just("") | expiries,
        st.none() | strikes,
        st.none() | st.sampled_from(Right),
        exchanges,
        currencies,
        classes,
    ),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_what_a_person_would_type(name: str) -> None:
    assert read_instrument(name) == NAMES[name]
    assert str(NAMES[name]) == name


@given(instruments)
def test_what_an_instrument_is_called_is_read_back_as_itself(instrument: Instrument) -> None:
    assert read_instrument(str(instrument)) == instrument


@settings(deadline=None)
@given(st.from_regex(ONE_CONTRACT.replace("$", r"\Z"), fullmatch=True))
def test_whatever_a_message_may_call_a_contract_is_read(name: str) -> None:
    read_instrument(name)


@pytest.mark.parametrize(
    "name", ["ES future@CME", "SPY 20261218 * C", "ES 000012@CME", "ES 202613@CME", "spy"]
)
def test_a_message_names_no_chain_and_no_month_that_never_is(name: str) -> None:
    assert re.search(ONE_CONTRACT, name) is None


@pytest.mark.parametrize("name", ["spy", "  vix   INDEX ", "es 202612@cme", "spy 20261218 600 c"])
def test_capitals_and_spaces_do_not_matter(name: str) -> None:
    assert str(read_instrument(name)).upper() == " ".join(name.upper().split())


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "@CME",
        "SPY@",
        "SPY:US",
        "SPY:DOLLAR",
        "SPY@SMART@CME",
        "SPY;DROP",
        "é",
        "A" * 33,
        "VIX index@CBOE/X",
        "ES 2026",
        "SPY 20261218 600",
        "SPY 20261218 600 X",
        "SPY 20261218 -600 C",
    ],
)
def test_what_names_no_instrument_is_refused_in_one_line_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected an instrument like SPY, .* found ") as refused:
        read_instrument(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ES 202612", "expected a future with its exchange, like ES 202612@CME, found 'ES 202612'"),
        (
            "ES 202613@CME",
            "expected a month like 202612, a day like 20261218 or continuous for the future ES",
        ),
        ("ES 20260230@CME", "found '20260230'"),
        ("SPY 20261318 600 C", "expected a day like 20261218 or a month like 202612 for the option on SPY"),
        ("SPY 20261218 0 C", "expected a strike above 0 for the option on SPY, found 0"),
    ],
)
def test_what_is_wrong_with_a_name_is_said(text: str, expected: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the text is what is looked at
        read_instrument(text)
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "given", "found"),
    [
        (Future, {"symbol": "", "exchange": "CME"}, "expected a symbol like ES for the future '', found ''"),
        (
            Future,
            {"symbol": "ES", "exchange": ""},
            "expected an exchange like CME for the future 'ES', found ''",
        ),
        (Future, {"symbol": "es", "exchange": "CME"}, "found 'es'"),
        (Future, {"symbol": "ES", "exchange": "CME", "expiry": "2026-12"}, "found '2026-12'"),
        (
            Future,
            {"symbol": "ES", "exchange": "CME", "expiry": "\u0662\u0660\u0662\u0666\u0661\u0662"},
            "found",
        ),
        (Option, {"symbol": "SPY", "strike": Decimal("NaN")}, "found NaN"),
        (Option, {"symbol": "SPY", "strike": Decimal(-1)}, "found -1"),
        (Option, {"symbol": "SPY", "currency": "Dollar"}, "expected a currency like USD"),
        (Option, {"symbol": "SPY", "trading_class": "spxw"}, "expected a trading class like SPXW"),
        (Index, {"symbol": "VIX", "exchange": "C B O E"}, "for the index 'VIX', found 'C B O E'"),
    ],
)
def test_what_no_instrument_can_be_is_refused_in_one_line(
    kind: Any, given: dict[str, Any], found: str
) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the text is what is looked at
        kind(**given)
    assert found in str(refused.value)
    assert "\n" not in str(refused.value)
