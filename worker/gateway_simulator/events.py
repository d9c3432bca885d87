"""What a request is to a scenario: its name, and what rules may look at."""

from gateway_simulator.book import Book, Order
from gateway_simulator.faults import Event
from gateway_simulator.wire import requests
from gateway_simulator.wire.layout import Message
from gateway_simulator.wire.orders import PlaceOrder


def of(request: Message, client_id: int, book: Book) -> Event:
    """The event that a request is; a cancellation carries what its order is."""
    name = requests.name(request)
    if isinstance(request, PlaceOrder):
        return Event(
            name=name,
            client_id=client_id,
            symbol=request.contract.symbol,
            sec_type=request.contract.sec_type,
            side=request.action,
            order_type=request.order_type,
            order_ref=request.order_ref,
        )
    if isinstance(request, requests.CancelOrder):
        order = book.find(client_id, request.order_id)
        if order is not None:
            return _of_order(name, order)
    if isinstance(request, requests.ReqMktData | requests.ReqHistoricalData | requests.ReqContractDetails):
        asked = request.contract
        return Event(name=name, client_id=client_id, symbol=asked.symbol, sec_type=asked.sec_type)
    return Event(name=name, client_id=client_id)


def of_fill(order: Order) -> Event:
    """The fill of an order."""
    return _of_order("fill", order)


def _of_order(name: str, order: Order) -> Event:
    return Event(
        name=name,
        client_id=order.client_id,
        symbol=order.contract.symbol,
        sec_type=order.contract.sec_type,
        side=order.terms.action,
        order_type=order.terms.order_type,
        order_ref=order.terms.order_ref,
    )
