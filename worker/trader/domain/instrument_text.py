"""Instruments as a person types them; ``str`` of one is what is read back here.

SPY, SAP:EUR@IBIS, AAPL@SMART/NASDAQ   a stock; the exchange that it is listed on follows the slash
EUR.USD                                a currency pair
VIX index                              an index
ES 202612@CME, ES 20261218@CME         a future, by its month or its last trading day
ES continuous@CME, ES future@CME       the continuous series, and the whole chain
SPY 20261218 600 C                     an option; * in place of expiry, strike or right is all of them
SPX 20261218 6000 P@SMART/SPXW         one of a class of options
"""

import re
from decimal import Decimal

from trader.domain.instruments import CONTINUOUS, Forex, Future, Index, Instrument, Option, Right, Stock

# A word after the first one is the class of a share, as in BRK B or BAC PRL: a slip is no stock.
_NAME = r"(?P<symbol>[A-Z0-9][A-Z0-9.-]{0,15}(?: [A-Z]{1,4})?)(?::(?P<currency>[A-Z]{3}))?"
_WHERE = r"(?:@(?P<exchange>[A-Z0-9]{1,16})(?:/(?P<detail>[A-Z0-9][A-Z0-9 .-]{0,31}))?)?"
_FOREX = re.compile(r"(?P<base>[A-Z]{3})\.(?P<quote>[A-Z]{3})", re.ASCII)
_INDEX = re.compile(rf"{_NAME} INDEX{_WHERE}", re.ASCII)
_FUTURE = re.compile(rf"{_NAME} (?P<expiry>\d{{6}}|\d{{8}}|{CONTINUOUS.upper()}|FUTURE){_WHERE}", re.ASCII)
_OPTION = re.compile(
    rf"{_NAME} (?P<expiry>\d{{6}}|\d{{8}}|\*) (?P<strike>\d{{1,9}}(?:\.\d{{1,6}})?|\*) (?P<right>[CP*])"
    rf"{_WHERE}",
    re.ASCII,
)
_STOCK = re.compile(rf"{_NAME}{_WHERE}", re.ASCII)
_MONTH = "[1-9][0-9]{3}(0[1-9]|1[0-2])"
_DAY = (
    "[1-9][0-9]{3}((0[13578]|1[02])(0[1-9]|[12][0-9]|3[01])|(0[469]|11)(0[1-9]|[12][0-9]|30)"
    "|02(0[1-9]|1[0-9]|2[0-8]))"
)
_WORD = "[A-Z0-9][A-Z0-9.-]{0,15}( [A-Z]{1,4})?(:[A-Z]{3})?"
_PLACE = "@[A-Z0-9]{1,16}"
_CLASS = "/[A-Z0-9][A-Z0-9.-]{0,15}"
ONE_CONTRACT = (
    f"^({_WORD}({_PLACE}({_CLASS})?)?"
    f"|{_WORD} index({_PLACE})?"
    f"|{_WORD} ({_MONTH}|{_DAY}|{CONTINUOUS}){_PLACE}({_CLASS})?"
    f"|{_WORD} {_DAY} [1-9][0-9]{{0,8}}([.][0-9]{{1,6}})? [CP]({_PLACE}({_CLASS})?)?)$"
)
"""What a message may call one contract, for schemas and worker alike: ``read_instrument`` reads all of it.

A person's spelling may be looser, and may name chains; the 29th of February is no expiry here.
"""
_LIKE = "SPY, SAP:EUR@IBIS, EUR.USD, VIX index, ES 202612@CME or SPY 20261218 600 C"


def read_instrument(text: str) -> Instrument:
    """Return the instrument that ``text`` names; raises ValueError, one line, for what names none."""
    typed = " ".join(text.upper().split())
    if found := _FOREX.fullmatch(typed):
        return Forex(found["base"], found["quote"])
    if (found := _INDEX.fullmatch(typed)) and not found["detail"]:
        return Index(found["symbol"], found["exchange"] or "CBOE", found["currency"] or "USD")
    if found := _OPTION.fullmatch(typed):
        return _option(found)
    if found := _FUTURE.fullmatch(typed):
        return _future(found, text)
    if found := _STOCK.fullmatch(typed):
        return Stock(
            found["symbol"], found["currency"] or "USD", found["exchange"] or "SMART", found["detail"] or ""
        )
    raise ValueError(f"expected an instrument like {_LIKE}, found {text[:64]!r}")


def _future(found: re.Match[str], text: str) -> Future:
    if not found["exchange"]:
        raise ValueError(f"expected a future with its exchange, like ES 202612@CME, found {text[:64]!r}")
    expiry = {"FUTURE": "", CONTINUOUS.upper(): CONTINUOUS}.get(found["expiry"], found["expiry"])
    return Future(
        found["symbol"], found["exchange"], expiry, found["currency"] or "USD", found["detail"] or ""
    )


def _option(found: re.Match[str]) -> Option:
    strike, right = found["strike"], found["right"]
    return Option(
        found["symbol"],
        found["expiry"].replace("*", ""),
        None if strike == "*" else Decimal(strike),
        None if right == "*" else Right(right),
        found["exchange"] or "SMART",
        found["currency"] or "USD",
        found["detail"] or "",
    )
