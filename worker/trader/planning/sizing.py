"""What strategies want, in units: contracts, prices, capital, and what is still to be bought or sold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trader.books import Books
from trader.domain.configuration import Configuration
from trader.domain.errors import GatewayNotReady
from trader.domain.market import Price
from trader.domain.order_record import OrderRecord
from trader.domain.rebalance import Aim, Quote, rebalance
from trader.domain.refusal import Refusal
from trader.domain.risk import Proposal
from trader.domain.sizing import capital
from trader.planning.market import ANSWERED, Market
from trader.planning.records import StrategyDecision, Wants
from trader.planning.together import together

Proposals = Mapping[int, Sequence[Proposal]]


@dataclass(frozen=True, slots=True)
class Sized:
    """Each contract's quote, or why it has none, and what each strategy is still to buy (or sell) of it."""

    quotes: Mapping[int, Quote]
    refused: Mapping[int, Refusal]
    prices: Mapping[int, Price]  # as they were told, also where they aren't fit to size anything
    proposals: Proposals


async def size(
    decisions: Sequence[StrategyDecision], books: Books, market: Market, configuration: Configuration
) -> Sized:
    """Return what ``decisions`` come to, given what is held and under way. A Hold asks for no price.

    Raises GatewayNotReady when errors are all that the gateway answers.
    """
    wanted = {
        chosen.con_id: chosen.listed
        for decision in decisions
        for chosen in decision.targets
        if chosen.wants is not Wants.HOLD
    }
    contracts = await together(market.contract(listed) for listed in wanted.values())
    quotes: dict[int, Quote] = {}
    refused: dict[int, Refusal] = {}
    found = await together(market.quoted(contract) for contract in contracts)
    for con_id, quote in zip(wanted, found, strict=True):
        if isinstance(quote, Refusal):
            refused[con_id] = quote
        else:
            quotes[con_id] = quote
    if refused and not quotes and all(why.code == ANSWERED for why in refused.values()):
        first = next(iter(refused.values()))
        raise GatewayNotReady(first.code, first.message)
    overall, shares = configuration.exposure.overall, configuration.exposure.strategies
    aims = [
        Aim(
            decision.strategy,
            capital(market.net_liquidation, overall, shares.get(decision.strategy, overall * 0)),
            [(chosen.con_id, chosen.target) for chosen in decision.targets],
        )
        for decision in decisions
    ]
    return Sized(quotes, refused, market.prices, rebalance(aims, quotes, books.held, books.in_flight))


def in_the_way(proposals: Proposals, books: Books) -> list[OrderRecord]:
    """Return our open orders that are opposite to what a strategy with a part in them now wants."""
    found = {
        record.order.reference: record
        for con_id, wishes in proposals.items()
        for wish in wishes
        for record in books.against(wish.strategy, con_id, wish.quantity)
    }
    return list(found.values())
