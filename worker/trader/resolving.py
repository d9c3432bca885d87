"""From the names of instruments to contracts: several at once, and the chains of futures and options."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from trader.domain.errors import Rejected
from trader.domain.instrument_set import FutureChain, InstrumentSet, OptionChain
from trader.domain.instruments import CONTINUOUS, Contract, Future, Instrument, Option
from trader.ports import MarketData


async def resolve(instruments: InstrumentSet, market_data: MarketData) -> Mapping[Instrument, Contract]:
    """Return the contract of each instrument, asked for at once.

    Raises as the port does. One that the broker refuses refuses all, and the refusal names each of them.
    """
    answers = await asyncio.gather(
        *(market_data.contract(instrument) for instrument in instruments), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, Rejected)]
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, Rejected):
            raise answer
    if refused:
        raise Rejected(refused[0].code, "; ".join(each.message for each in refused))
    found = zip(instruments, answers, strict=True)
    return {instrument: answer for instrument, answer in found if isinstance(answer, Contract)}


async def future_chain(future: Future, market_data: MarketData) -> FutureChain:
    """Return every month of a future, whichever of them it names, and the continuous series."""
    chain, series = await asyncio.gather(
        market_data.contracts(replace(future, expiry="")),
        market_data.contract(replace(future, expiry=CONTINUOUS)),
    )
    return FutureChain.of(chain, series)


async def option_chain(option: Option, market_data: MarketData) -> OptionChain:
    """Return the options that fit what is named of one. The broker is slow at a chain without an expiry."""
    return OptionChain.of(await market_data.contracts(option))
