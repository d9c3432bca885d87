"""Whether the durations nest: the handler's within the request's, and that within the acknowledgement's."""

from collections.abc import Iterator
from itertools import pairwise

from trader.doctor.report import Line, danger, ok, warning
from trader.settings import Durations

ACK_S = (10, 600)
"""What Pub/Sub takes for an acknowledgement deadline."""


def check_deadlines(durations: Durations) -> Iterator[Line]:
    """Hold the worker's own durations against each other.

    A message is delivered again once its acknowledgement deadline is over, whether or not its run goes on:
    the lease, renewed four times within its length, is what keeps the second delivery from it.
    """
    nested = (("HANDLER", durations.handler_s), ("REQUEST", durations.request_s), ("ACK", durations.ack_s))
    lines = [
        danger(
            "deadlines",
            f"TRADER_{inner}_S below TRADER_{outer}_S",
            f"{inner_s:g} and {outer_s:g}",
            f"lower TRADER_{inner}_S: else messages come again while their first run still works",
        )
        for (inner, inner_s), (outer, outer_s) in pairwise(nested)
        if inner_s >= outer_s
    ]
    least, most = ACK_S
    if not least <= durations.ack_s <= most:
        lines.append(
            warning(
                "ack-deadline",
                f"TRADER_ACK_S from {least} to {most}",
                f"{durations.ack_s:g}",
                "Pub/Sub takes no other; set one within",
            )
        )
    if durations.lease_s >= durations.ack_s:
        lines.append(
            danger(
                "lease",
                "TRADER_LEASE_S below TRADER_ACK_S",
                f"{durations.lease_s:g} and {durations.ack_s:g}",
                "lower TRADER_LEASE_S: else a dead worker's run is not taken over by the next delivery",
            )
        )
    if durations.order_wait_s >= durations.handler_s:
        lines.append(
            warning(
                "order-wait",
                "TRADER_ORDER_WAIT_S below TRADER_HANDLER_S",
                f"{durations.order_wait_s:g} and {durations.handler_s:g}",
                "lower TRADER_ORDER_WAIT_S",
            )
        )
    if not lines:
        chain = " < ".join(f"{name.lower()} {seconds:g} s" for name, seconds in nested)
        lines.append(ok("deadlines", f"{chain}; a lease of {durations.lease_s:g} s is renewed within it"))
    yield from lines
