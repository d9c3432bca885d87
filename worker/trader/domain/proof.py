"""The proof that an order never stood, without which none is ever sent a second time."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from trader.domain.ledger import stem_of
from trader.domain.order_record import OrderRecord
from trader.domain.orders import BrokerOrder, Lookup, reference_of
from trader.domain.portfolio import Fill


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known when an order is found absent.

    ``links`` are the connections that the two lookups were asked on; ``expected_position`` is that of the
    plan, moved by what our own orders are now found to have filled.
    """

    first: Lookup
    second: Lookup
    links: tuple[str, str]
    gateway: str
    client_id: int
    session_date: str
    position: Decimal
    expected_position: Decimal
    settle_s: float


def missing_proof(record: OrderRecord, scene: Scene) -> str | None:
    """Return what is missing of the proof that ``record`` never stood, or None when it is proven.

    Each condition is needed: absence at the broker alone proves little, since its reports forget.
    """
    sending, evidence = record.sending, record.evidence
    if sending is None:
        return None  # no id was ever given to it, so nothing could be sent
    if scene.second.at - scene.first.at < timedelta(seconds=scene.settle_s):
        return f"two lookups {scene.settle_s:g} s apart"
    if sending.link in scene.links:
        return "the end of the connection that it was to go over: what is sent on it still arrives"
    if (sending.gateway, sending.client_id) != (scene.gateway, scene.client_id):
        return f"gateway {sending.gateway} as client {sending.client_id}"
    if evidence.session_date != scene.session_date:
        return (
            f"the session of {evidence.session_date}; it is {scene.session_date}, reports have been cut off"
        )
    if scene.position != scene.expected_position:
        return f"a position of {scene.expected_position}, found {scene.position}"
    lookups = (scene.first, scene.second)
    if any(_shows(lookup, record.order.reference) for lookup in lookups):
        return "an order that neither lookup shows"
    if not all(_reaches_back(lookup, record) for lookup in lookups):
        return "reports that still show an execution from before it, found none: they may have been forgotten"
    taken = max(evidence.taken_order_id, *(_highest_seen(lookup, sending.client_id) for lookup in lookups))
    if taken == 0:
        return "an order id that the gateway is known to have taken"
    for lookup in lookups:
        if lookup.next_order_id > sending.order_id:
            return f"a counter at or below {sending.order_id}, found {lookup.next_order_id}: the id was taken"
        if lookup.next_order_id <= taken or lookup.next_order_id < evidence.next_order_id:
            return f"a counter above {taken}, found {lookup.next_order_id}: it was reset"
    return None


def _shows(lookup: Lookup, reference: str) -> bool:
    told: tuple[BrokerOrder | Fill, ...] = (*lookup.open, *lookup.completed, *lookup.fills)
    return any(report.reference == reference for report in told)


def _reaches_back(lookup: Lookup, record: OrderRecord) -> bool:
    """Return whether the gateway still shows an execution from before ``record`` was sent.

    A gateway that has forgotten may count on from where it was when the order came, as if it had lost the
    order in a restart: its counter doesn't tell. What it reports does. Orders of one run go in their order.
    """
    earlier = {reference_of(record.run, index) for index in range(record.index)}
    return any(
        stem_of(fill.exec_id) == record.evidence.last_execution or fill.reference in earlier
        for fill in lookup.fills
    )


def _highest_seen(lookup: Lookup, client_id: int) -> int:
    """Return the highest id that the gateway shows it has taken from our client.

    One at or above its own counter, which was then reset, counts too: it is what gives the reset away.
    """
    told: tuple[BrokerOrder | Fill, ...] = (*lookup.open, *lookup.fills)
    return max((report.order_id for report in told if report.client_id == client_id), default=0)
