"""The account at the broker, answered from what the connection keeps subscribed."""

from collections.abc import Sequence

import ib_insync

from trader.adapters.ib.connection import Connection
from trader.adapters.ib.contracts import FOREX_EXCHANGE
from trader.adapters.ib.numbers import decimal, from_text, number
from trader.adapters.ib.session import Session
from trader.domain.errors import GatewayNotReady
from trader.domain.gateway import GatewayStatus
from trader.domain.portfolio import Account, AccountValue, Fill, OpenOrder, Position

NOT_SYNCHRONISED = "gateway-not-synchronised"


class IbBroker:
    """The Broker port. No method sends anything to the gateway.

    Open orders and fills of other clients, and manual ones, are those of the last time they were asked for,
    unless our client id is the gateway's master client id: a gateway tells a client only of its own.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._account: tuple[tuple[str, int], Account] | None = None

    def status(self) -> GatewayStatus:
        return self._connection.status()

    def require_ready(self) -> None:
        self._connection.session()

    def account(self) -> Account:
        session = self._connection.session()
        version = session.id, session.account_version
        if self._account is None or self._account[0] != version:
            self._account = version, self._told(session)
        return self._account[1]

    def _told(self, session: Session) -> Account:
        """Return the account as the broker has told it; some fifty values, of which few change at a time."""
        reported = session.ib.accountValues(session.account)
        if any(value.tag == "AccountReady" and value.value == "false" for value in reported):
            # While the broker resets an account, the figures that follow may be wrong.
            raise GatewayNotReady(NOT_SYNCHRONISED, f"the broker is resetting account {session.account}")
        values = tuple(
            AccountValue(name=value.tag, value=number, currency=value.currency)
            for value in reported
            if (number := from_text(value.value)) is not None
        )
        # The broker keeps an account's own figures in its base currency; the ledgers are in theirs.
        base = next((value.currency for value in values if value.name == "NetLiquidation"), None)
        if base is None:
            raise GatewayNotReady(NOT_SYNCHRONISED, f"the gateway reports no value of {session.account}")
        return Account(id=session.account, base_currency=base, values=values)

    def positions(self, con_id: int | None = None) -> Sequence[Position]:
        session = self._connection.session()
        valued = {item.contract.conId: item for item in session.ib.portfolio(session.account)}
        held = session.ib.positions(session.account)
        return [
            _position(position, valued.get(position.contract.conId))
            for position in held
            if con_id in (None, position.contract.conId)
        ]

    def open_orders(self, con_id: int | None = None) -> Sequence[OpenOrder]:
        session = self._connection.session()
        return [
            told.to_open_order()
            for told in session.told.standing(con_id)
            if told.order.account in ("", session.account)
        ]

    def fills(self) -> Sequence[Fill]:
        return self._connection.session().fills()


def exchange_to_close_at(contract: ib_insync.Contract) -> str:
    """Return where an order in a contract that is held goes.

    A position names the exchange where its shares are listed, or none; an order sent straight there may
    be refused, so what can be routed smartly is.
    """
    match contract.secType:
        case "STK" | "OPT":
            return "SMART"
        case "CASH":
            return FOREX_EXCHANGE
    return contract.exchange or contract.primaryExchange


def _position(held: ib_insync.Position, valued: ib_insync.PortfolioItem | None) -> Position:
    contract = held.contract
    return Position(
        con_id=contract.conId,
        symbol=contract.symbol,
        sec_type=contract.secType,
        exchange=exchange_to_close_at(contract),
        currency=contract.currency,
        quantity=number(held.position),
        average_cost=number(held.avgCost),
        market_price=decimal(valued.marketPrice) if valued else None,
        market_value=decimal(valued.marketValue) if valued else None,
        unrealized_pnl=decimal(valued.unrealizedPNL) if valued else None,
    )
