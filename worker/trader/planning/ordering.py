"""From sized wishes to orders: bounds, netting, the account's limits, the broker's own margin."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from trader.books import Books
from trader.domain.closing import reducible
from trader.domain.configuration import Configuration
from trader.domain.drafts import Draft, Drafting, Refused
from trader.domain.errors import GatewayNotReady, Rejected
from trader.domain.headroom import Headroom
from trader.domain.instruments import Contract, Listed
from trader.domain.ledger import BookedFill, crossing_fills
from trader.domain.orders import OrderContract, OrderType
from trader.domain.portfolio import Margin
from trader.domain.refusal import Refusal
from trader.domain.risk import Bounds, Proposal, refuse
from trader.domain.run_key import document_id
from trader.domain.session import goes_until, may_go, trading_day
from trader.domain.trading_state import TradingState
from trader.intent import Run
from trader.planning.loads import loads
from trader.planning.market import SMART, Market
from trader.planning.records import (
    NettingLine,
    Ordered,
    OrderRefusal,
    StrategyDecision,
    TargetLine,
    Wants,
)
from trader.planning.sizing import Sized, size
from trader.planning.terms import Terms
from trader.planning.together import together
from trader.plans import Decided, OrderWish
from trader.ports import Ports
from trader.stored import orderbook, records


class Ordering:
    """Makes the orders of one plan."""

    def __init__(self, terms: Terms, market: Market, run: Run, ports: Ports) -> None:
        self._terms = terms
        self._market = market
        self._run = run
        self._ports = ports
        self._configuration: Configuration = run.desk.configuration

    async def ordered(
        self, decisions: Sequence[StrategyDecision], books: Books, *, without: Collection[str] = ()
    ) -> Decided:
        """Return the orders that bring each strategy to what it wants, what crosses, and what is refused.

        Orders of ours with a reference in ``without`` count as gone.
        """
        sized = await size(decisions, books, self._market, self._configuration)
        state = await self._state()
        gates = {**self._gates(sized), **books.late}
        standing, proposals = _but_opposed(sized.proposals, books)
        drafting = Drafting(
            self._terms.order,
            self._configuration.limits,
            await self._bounds(decisions, sized, books),
            state=state,
            closed=books.closed,
            gates={} if self._run.dry_run else gates,
        )
        drafting.refused += standing
        found = (
            drafting.draft(sized.quotes[con_id], wishes)
            for con_id, wishes in drafting.wishes(proposals).items()
        )
        drafts = [draft for draft in found if draft is not None]
        drafts = await self._affordable(drafts, drafting, sized, books, without)
        within = (self._within_position(draft, drafting, state, books) for draft in drafts)
        drafts = [draft for draft in within if draft is not None]
        record = Ordered(
            targets=tuple(_target_lines(decisions, sized, books)),
            netting=tuple(_netting_line(draft) for draft in drafts),
            refusals=tuple(_refusal_lines(drafting.refused, decisions, sized, gates, self._run)),
        )
        return Decided(
            record.to_json(),
            tuple(self._wish(draft) for draft in drafts if draft.quantity),
            tuple(fill for draft in drafts if draft.netted.crossed for fill in self._crossing(draft)),
        )

    def _within_position(
        self, draft: Draft, drafting: Drafting, state: TradingState, books: Books
    ) -> Draft | None:
        """Return what of ``draft`` may go without opening a position at the broker; the rest is refused.

        One that other strategies hold may come of it, unless only reducing is allowed or our books are in
        doubt. One of nobody's may not: what a strategy holds by the books, a person may have sold by hand.
        """
        con_id, position = draft.quote.contract.con_id, self._position(draft)
        if state is not TradingState.ACTIVE:
            return drafting.within_position(draft, position)
        if con_id in books.virtual:
            return draft
        if in_doubt := books.closed.get(con_id):
            return drafting.within_position(draft, position, in_doubt)
        closes = _closed_by(draft, books)
        left = books.of_strategies(con_id) + closes
        bound = position - (left if left * closes > 0 else 0)
        by_hand = Refusal(
            code="beyond-position",
            message=f"expected a position of {books.name(con_id)} to reduce by {closes}, found {position}: "
            "the rest was traded by hand; trade it back by hand, and reconcile",
        )
        if not draft.opens:
            return drafting.within_position(draft, bound, by_hand)
        if reducible(bound, closes) == closes:
            return draft
        rest = drafting.without_opening(draft, (by_hand,))
        return self._within_position(rest, drafting, state, books) if rest else None

    async def _state(self) -> TradingState:
        """Return what may be planned. HALTED is refused where a plan is stored; a dry run shows all."""
        found = await records.trading_state(self._ports.store, self._run.account)
        return TradingState.ACTIVE if found is TradingState.HALTED else found

    def _gates(self, sized: Sized) -> dict[int, Refusal]:
        """Return, by contract, why nothing may go there now."""
        gates = {con_id: self._gate(quote.contract) for con_id, quote in sized.quotes.items()}
        return {con_id: gate for con_id, gate in gates.items() if gate is not None}

    def _gate(self, contract: Contract) -> Refusal | None:
        order = self._terms.order
        if order.type is OrderType.LMT and contract.min_tick <= 0:
            return refuse("no-tick", f"a minimum tick of {contract} above 0", str(contract.min_tick))
        try:
            return may_go(order.type, order.tif, self._terms.good_after, contract, self._market.now)
        except Rejected as error:
            return Refusal(code=error.code, message=error.message)

    def _goes_until(self, contract: Contract) -> datetime | None:
        order, good_after = self._terms.order, self._terms.good_after
        try:
            return goes_until(order.type, order.tif, good_after, contract, self._market.now)
        except Rejected:  # a dry run's, which goes on where its gate is told
            return None

    async def _bounds(
        self, decisions: Sequence[StrategyDecision], sized: Sized, books: Books
    ) -> dict[str, Bounds]:
        bounds = {}
        for decision in decisions:
            invested = await self._invested(decision.strategy, sized, books)
            bounds[decision.strategy] = Bounds(decision.strategy, self._configuration, invested)
        return bounds

    async def _invested(self, strategy: str, sized: Sized, books: Books) -> Decimal | Refusal:
        """Return what a strategy's holdings and its orders in flight are worth, in the base currency."""
        total = Decimal(0)
        for con_id in books.contracts_of(strategy):
            quantity = books.holding(strategy, con_id) + books.under_way(strategy, con_id)
            quote = sized.quotes.get(con_id)
            unit = quote.unit if quote else await self._market.unit_of(self._listed(con_id))
            if unit is None:
                expected = f"a value of all that {strategy} holds"
                return refuse("strategy-notional", expected, f"none of {books.name(con_id)}")
            total += abs(quantity) * unit
        return total

    def _listed(self, con_id: int) -> Listed:
        held = (position.exchange for position in self._ports.broker.positions() if position.con_id == con_id)
        return Listed(con_id, next(held, SMART))

    async def _affordable(
        self,
        drafts: Sequence[Draft],
        drafting: Drafting,
        sized: Sized,
        books: Books,
        without: Collection[str],
    ) -> list[Draft]:
        """Return what of ``drafts`` the account's limits and the broker's margin leave room for.

        What only reduces comes first, and passes; what opens follows in the order of wishing.
        """
        reducing = [draft for draft in drafts if not draft.opens]
        opening = [draft for draft in drafts if draft.opens]
        if not opening:
            return reducing
        room = await self._headroom(sized, books, without)
        for draft in reducing:
            room.admit(draft)
        margins = await together(self._margin(draft) for draft in opening)
        kept = list(reducing)
        for draft, margin in zip(opening, margins, strict=True):
            refusals = room.refusals(draft)
            if isinstance(margin, Refusal):
                refusals = (*refusals, margin)
            elif margin and (no_margin := room.margin_refusal(margin)):
                refusals = (*refusals, no_margin)
            left = drafting.without_opening(draft, refusals) if refusals else draft
            if left is not None:
                room.admit(left, margin if left is draft and isinstance(margin, Margin) else None)
                kept.append(left)
        return kept

    async def _headroom(self, sized: Sized, books: Books, without: Collection[str]) -> Headroom:
        day = trading_day(self._market.now)
        return Headroom(
            self._configuration.limits,
            self._market.net_liquidation,
            await loads(sized.quotes, books, self._market, self._ports, without=without),
            await orderbook.orders_of_day(self._ports.store, self._run.account, day),
        )

    async def _margin(self, draft: Draft) -> Margin | Refusal | None:
        """Return what the broker says that an order would do, or why it must not go; None if none goes.

        A question that isn't answered is a refusal: what nobody has said there is room for isn't sent.
        """
        if not draft.quantity:
            return None
        try:
            return await self._ports.orders.margin(self._wish(draft).order())
        except Rejected as error:
            return Refusal(code="margin", message=error.message)
        except GatewayNotReady as error:
            if error.code != SILENT:
                raise
            return Refusal(code="margin", message=f"expected the margin of an order; {error.message}")

    def _position(self, draft: Draft) -> Decimal:
        con_id = draft.quote.contract.con_id
        held = self._ports.broker.positions()
        return sum((p.quantity for p in held if p.con_id == con_id), Decimal(0))

    def _wish(self, draft: Draft) -> OrderWish:
        order, position = self._terms.order, self._position(draft)
        shrinks = position * draft.quantity < 0 and abs(draft.quantity) <= abs(position)
        return OrderWish(
            contract=OrderContract.of(draft.quote.contract),
            quantity=draft.quantity,
            order_type=order.type,
            tif=order.tif,
            limit_price=draft.limit,
            good_after=self._terms.good_after,
            adaptive_priority=self._terms.adaptive,
            wanted=draft.netted.rest,
            reduces=shrinks and not draft.opens,
            goes_until=self._goes_until(draft.quote.contract),
        )

    def _crossing(self, draft: Draft) -> tuple[BookedFill, BookedFill]:
        contract = draft.quote.contract
        return crossing_fills(
            f"{document_id(self._run.turn)}/{contract.con_id}",
            OrderContract.of(contract),
            draft.netted.crossed,
            draft.quote.price.value,
            self._market.now,
        )


SILENT = "gateway-silent"
"""The code of a question that wasn't answered on a connection that stands: again may not help either."""


def _closed_by(draft: Draft, books: Books) -> Decimal:
    """Return as much of what goes to the broker as closes what strategies hold, signed."""
    con_id = draft.quote.contract.con_id
    return sum(
        (reducible(books.holding(strategy, con_id), part) for strategy, part in draft.netted.rest.items()),
        Decimal(0),
    )


def _but_opposed(
    proposals: Mapping[int, Sequence[Proposal]], books: Books
) -> tuple[list[Refused], dict[int, list[Proposal]]]:
    """Return the wishes that an order of ours still stands against, refused, and the others."""
    refused: list[Refused] = []
    left: dict[int, list[Proposal]] = {}
    for con_id, wishes in proposals.items():
        for wish in wishes:
            opposed = books.against(wish.strategy, con_id, wish.quantity)
            if opposed:
                expected = f"order {opposed[0].order.reference} of {wish.strategy} cancelled"
                why = refuse("not-cancelled", expected, "it open or in doubt")
                refused.append(Refused(wish.strategy, con_id, wish.quantity, why))
            else:
                left.setdefault(con_id, []).append(wish)
    return refused, left


def _target_lines(decisions: Sequence[StrategyDecision], sized: Sized, books: Books) -> list[TargetLine]:
    wishes = {(wish.strategy, con_id): wish for con_id, found in sized.proposals.items() for wish in found}
    lines = []
    for decision in decisions:
        for chosen in decision.targets:
            key = (decision.strategy, chosen.con_id)
            held, in_flight = books.holding(*key), books.under_way(*key)
            is_sized = chosen.con_id in sized.quotes and chosen.wants is not Wants.HOLD
            price = sized.prices.get(chosen.con_id) if chosen.wants is not Wants.HOLD else None
            wish = wishes.get(key)
            lines.append(
                TargetLine(
                    strategy=decision.strategy,
                    instrument=chosen.instrument,
                    wants=chosen.wants,
                    weight=chosen.weight,
                    quantity=(wish.after if wish else held + in_flight) if is_sized else None,
                    held=held,
                    in_flight=in_flight,
                    price=price.value if price else None,
                    currency=price.currency if price else None,
                    price_is_delayed=price is not None and price.delayed,
                    reason=chosen.reason,
                )
            )
    return lines


def _netting_line(draft: Draft) -> NettingLine:
    return NettingLine(
        instrument=str(draft.quote.contract),
        price=draft.quote.price.value,
        currency=draft.quote.contract.currency,
        wishes={wish.strategy: wish.quantity for wish in draft.wishes},
        crossed=dict(draft.netted.crossed),
        quantity=draft.quantity,
        contributor=draft.netted.contributor,
        parts=dict(draft.netted.rest),
    )


def _refusal_lines(
    refused: Sequence[Refused],
    decisions: Sequence[StrategyDecision],
    sized: Sized,
    gates: Mapping[int, Refusal],
    run: Run,
) -> list[OrderRefusal]:
    """Return each wish that doesn't go; a dry run's that may not go now is told, and planned all the same."""
    names = {chosen.con_id: chosen.instrument for found in decisions for chosen in found.targets}
    lines = [_line(names, one.strategy, one.con_id, one.quantity, one.refusal) for one in refused]
    lines += [
        _line(names, decision.strategy, chosen.con_id, None, why)
        for decision in decisions
        for chosen in decision.targets
        if chosen.wants is not Wants.HOLD and (why := sized.refused.get(chosen.con_id))
    ]
    if run.dry_run:
        lines += [
            _line(names, wish.strategy, con_id, wish.quantity, gates[con_id])
            for con_id, wishes in sized.proposals.items()
            for wish in wishes
            if con_id in gates
        ]
    return lines


def _line(
    names: Mapping[int, str], strategy: str, con_id: int, quantity: Decimal | None, why: Refusal
) -> OrderRefusal:
    return OrderRefusal(
        strategy=strategy,
        instrument=names[con_id],
        quantity=quantity,
        code=why.code,
        message=why.message,
    )
