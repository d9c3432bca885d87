"""Positions, account values, the account summary, profit and loss: each a subscription."""

from functools import partial
from typing import TYPE_CHECKING, Any

from gateway_simulator import account_feeds, reports
from gateway_simulator.feeds import ACCOUNT_S, Feed
from gateway_simulator.refusal import Refusal, invalid
from gateway_simulator.wire import requests as ask
from gateway_simulator.wire import responses as say
from gateway_simulator.wire.layout import Message

if TYPE_CHECKING:
    from gateway_simulator.session import Session

NEVER_S = 10.0**9  # only a trade changes it
EVERYTHING = {"", "All"}


def positions(session: "Session", _: ask.ReqPositions) -> None:
    """Every position now, and each as it changes."""
    session.follows_positions = True
    held = session.gateway.book.positions.values()
    session.send(*(reports.position(position) for position in held if position.quantity))
    session.send(say.PositionEnd())


def cancel_positions(session: "Session", _: ask.CancelPositions) -> None:
    """No more of them."""
    session.follows_positions = False


def positions_multi(session: "Session", request: ask.ReqPositionsMulti) -> None:
    """The positions of one account."""
    produce = partial(account_feeds.positions_multi, session.gateway, request.req_id, request.account)
    session.subscribe(request.req_id, Feed(produce, NEVER_S, on_trade=True))
    session.send(say.PositionMultiEnd(req_id=request.req_id))


def account_updates(session: "Session", request: ask.ReqAccountUpdates) -> None:
    """One account at a time: another one takes its place."""
    if not request.subscribe:
        session.feeds.stop("account")
        return
    account = _account(session, request.account)
    feed = Feed(partial(account_feeds.account_updates, session.gateway, account), ACCOUNT_S, on_trade=True)
    session.subscribe("account", feed)
    session.send(say.AccountDownloadEnd(account=account))


def account_updates_multi(session: "Session", request: ask.ReqAccountUpdatesMulti) -> None:
    """Any number of accounts, each under its request's id."""
    account = _account(session, request.account)
    produce = partial(
        account_feeds.account_updates_multi,
        session.gateway,
        request.req_id,
        account,
        ledger_only=request.ledger_only,
    )
    session.subscribe(request.req_id, Feed(produce, ACCOUNT_S, on_trade=True))
    session.send(say.AccountUpdateMultiEnd(req_id=request.req_id))


def summary(session: "Session", request: ask.ReqAccountSummary) -> None:
    """Chosen values of all accounts."""
    if request.group not in EVERYTHING:
        raise invalid(f"Invalid group name {request.group!r}: only All is known here")
    produce = partial(
        account_feeds.summary, session.gateway, request.req_id, tuple(session.gateway.accounts), request.tags
    )
    session.subscribe(request.req_id, Feed(produce, ACCOUNT_S, on_trade=True))
    session.send(say.AccountSummaryEnd(req_id=request.req_id))


def pnl(session: "Session", request: ask.ReqPnL) -> None:
    """An account's profit and loss."""
    account = _account(session, request.account)
    feed = Feed(partial(account_feeds.pnl, session.gateway, request.req_id, account), on_trade=True)
    session.subscribe(request.req_id, feed)


def pnl_single(session: "Session", request: ask.ReqPnLSingle) -> None:
    """A position's profit and loss."""
    account = _account(session, request.account)
    if session.gateway.catalogue.get(request.con_id) is None:
        raise Refusal(2150, "Invalid position trade derived value")
    produce = partial(account_feeds.pnl_single, session.gateway, request.req_id, account, request.con_id)
    session.subscribe(request.req_id, Feed(produce, on_trade=True))


def cancel(
    session: "Session",
    request: ask.CancelPositionsMulti
    | ask.CancelAccountUpdatesMulti
    | ask.CancelAccountSummary
    | ask.CancelPnL
    | ask.CancelPnLSingle,
) -> None:
    """End the subscription of a request."""
    session.feeds.stop(request.req_id)


def _account(session: "Session", account: str) -> str:
    """The account that is meant; the first if none is named."""
    accounts = session.gateway.accounts
    if not account:
        return next(iter(accounts))
    if account not in accounts:
        raise invalid(f"Invalid account code '{account}'.")
    return account


HANDLERS: dict[type[Message], Any] = {
    ask.ReqPositions: positions,
    ask.CancelPositions: cancel_positions,
    ask.ReqPositionsMulti: positions_multi,
    ask.CancelPositionsMulti: cancel,
    ask.ReqAccountUpdates: account_updates,
    ask.ReqAccountUpdatesMulti: account_updates_multi,
    ask.CancelAccountUpdatesMulti: cancel,
    ask.ReqAccountSummary: summary,
    ask.CancelAccountSummary: cancel,
    ask.ReqPnL: pnl,
    ask.CancelPnL: cancel,
    ask.ReqPnLSingle: pnl_single,
    ask.CancelPnLSingle: cancel,
}
