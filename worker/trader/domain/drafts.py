"""From wishes to orders: each strategy's wishes within its bounds, netted by contract into one order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple

from trader.domain.closing import reducible
from trader.domain.configuration import Limits, OrderTerms
from trader.domain.netting import Netted, net
from trader.domain.orders import OrderType
from trader.domain.rebalance import Quote
from trader.domain.refusal import Refusal
from trader.domain.risk import Bounds, Proposal, collar_refusal, refuse
from trader.domain.sharing import share
from trader.domain.sizing import limit_price
from trader.domain.trading_state import TradingState


class Refused(NamedTuple):
    """A wish, or a part of one, that doesn't go, and why."""

    strategy: str
    con_id: int
    quantity: Decimal
    refusal: Refusal


@dataclass(slots=True)
class Wishes:
    """What strategies wish for one contract: what only reduces, and what opens something."""

    reducing: list[Proposal] = field(default_factory=list)
    opening: list[Proposal] = field(default_factory=list)

    def __iter__(self) -> Iterator[Proposal]:
        return iter([*self.reducing, *self.opening])


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to become of one contract: the wishes that may go, and how they are netted."""

    quote: Quote
    wishes: Wishes
    netted: Netted
    limit: Decimal | None

    @property
    def quantity(self) -> Decimal:
        """What goes to the broker, signed; 0 where everything crosses inside."""
        return self.netted.quantity

    @property
    def opens(self) -> bool:
        """Whether any strategy opens something with it."""
        return bool(self.wishes.opening)


class Drafting:
    """Makes drafts under the terms and limits of one plan.

    ``closed`` says by contract why nothing may be opened there, ``gates`` why nothing at all may go now.
    """

    def __init__(
        self,
        terms: OrderTerms,
        limits: Limits,
        bounds: Mapping[str, Bounds],
        *,
        state: TradingState = TradingState.ACTIVE,
        closed: Mapping[int, Refusal] | None = None,
        gates: Mapping[int, Refusal] | None = None,
    ) -> None:
        self._terms = terms
        self._limits = limits
        self._bounds = bounds
        self._state = state
        self._closed = closed or {}
        self._gates = gates or {}
        self.refused: list[Refused] = []

    def wishes(self, proposals: Mapping[int, Sequence[Proposal]]) -> dict[int, Wishes]:
        """Return, by contract, what of ``proposals`` may go by itself; the rest is noted as ``refused``.

        What reduces counts first, whatever its place: what a strategy gives up makes room for what it takes.
        """
        may_go = {con_id: self._by_itself(con_id, found) for con_id, found in proposals.items()}
        for con_id, wishes in may_go.items():
            wishes.opening = self._may_open(con_id, wishes.opening)
        return may_go

    def draft(self, quote: Quote, wishes: Wishes) -> Draft | None:
        """Return the wishes for one contract netted, within an order's limits; the rest is ``refused``."""
        found = self._netted(quote, wishes)
        if found and found.opens and (refusals := self._order_refusals(found)):
            return self.without_opening(found, refusals)
        return found

    def without_opening(self, draft: Draft, refusals: Iterable[Refusal]) -> Draft | None:
        """Return what is left of ``draft`` when what opens in it is refused."""
        con_id = draft.quote.contract.con_id
        for refusal in refusals:
            for wish in draft.wishes.opening:
                self.refused.append(Refused(wish.strategy, con_id, wish.quantity, refusal))
        return self._netted(draft.quote, Wishes(draft.wishes.reducing))

    def within_position(self, draft: Draft, position: Decimal, why: Refusal | None = None) -> Draft | None:
        """Return what of ``draft`` makes the broker's position smaller; the rest is noted as ``refused``.

        Where another strategy holds the other side, closing one strategy's holding opens a position.
        ``why`` is what to refuse it for, if there is a better reason.
        """
        netted, possible = draft.netted, reducible(position, draft.quantity)
        if possible == draft.quantity:
            return draft
        parts = share(possible, netted.rest) if possible else {}
        if why is None:
            why = refuse("beyond-position", f"a position to reduce by {draft.quantity}", str(position))
        for strategy, part in netted.rest.items():
            if left := part - parts.get(strategy, 0):
                self.refused.append(Refused(strategy, draft.quote.contract.con_id, left, why))
        rest = {strategy: part for strategy, part in parts.items() if part}
        return replace(draft, netted=Netted(netted.crossed, rest)) if rest or netted.crossed else None

    def _by_itself(self, con_id: int, proposals: Iterable[Proposal]) -> Wishes:
        """Return what of ``proposals`` gate and trading state let through; what reduces is counted."""
        found = Wishes()
        if gate := self._gates.get(con_id):
            self.refused += [Refused(wish.strategy, con_id, wish.quantity, gate) for wish in proposals]
            return found
        active = self._state is TradingState.ACTIVE
        for wish in proposals:
            if not active:
                wish = self._reducing(wish, con_id)
            if wish.held and wish.only_reduces:
                self._bounds[wish.strategy].reduce(wish)
                found.reducing.append(wish)
            elif wish.quantity:
                found.opening.append(wish)
        return found

    def _may_open(self, con_id: int, wishes: Sequence[Proposal]) -> list[Proposal]:
        """Return what of ``wishes`` their strategies' bounds let through; it counts from now on."""
        closed, found = self._closed.get(con_id), []
        for wish in wishes:
            refusals = (closed,) if closed else self._bounds[wish.strategy].open(wish)
            if refusals:
                self.refused += [Refused(wish.strategy, con_id, wish.quantity, why) for why in refusals]
            else:
                found.append(wish)
        return found

    def _reducing(self, wish: Proposal, con_id: int) -> Proposal:
        """Return what of ``wish`` only reduces, before anything is netted; the rest is refused."""
        found = wish.reducing()
        if left := wish.quantity - found.quantity:
            why = refuse("reduce-only", "trading state active", "reduce-only")
            self.refused.append(Refused(wish.strategy, con_id, left, why))
        return found

    def _netted(self, quote: Quote, wishes: Wishes) -> Draft | None:
        netted = net({wish.strategy: wish.quantity for wish in wishes})
        if not netted.rest and not netted.crossed:
            return None
        terms, quantity = self._terms, netted.quantity
        limit = None
        if terms.type is OrderType.LMT and quantity:
            tick = quote.contract.min_tick
            limit = limit_price(quote.price.value, quantity, terms.limit_offset_percent, tick)
        return Draft(quote, wishes, netted, limit)

    def _order_refusals(self, draft: Draft) -> tuple[Refusal, ...]:
        """Return why an order as such may not go. Codes: ``order-notional``, ``price-collar``."""
        limits, found = self._limits, []
        value = abs(draft.quantity) * draft.quote.unit
        if value > limits.order_notional:
            most = f"at most limits.orderNotional {limits.order_notional}"
            found.append(refuse("order-notional", most, f"{value:.2f}"))
        if draft.limit is not None and (
            collar := collar_refusal(draft.limit, draft.quote.price.value, limits)
        ):
            found.append(collar)
        return tuple(found)
