"""What a write to the store says, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from trader.domain.order_record import OrderRecord

Stored = Mapping[str, Any]
"""A document's data."""


def described(path: str, before: Stored | None, after: Stored | None) -> Iterator[str]:
    """Yield what has changed in the document at ``path``, as far as a reader of a history cares."""
    _, _, kind, name = path.split("/") if path.count("/") == 3 else ("", "", "", "")
    if kind == "locks":
        yield f"LOCKS {after['instrument']}: {after['reason']}" if after else f"unlocks {name}"
    if after is None:
        return
    if kind == "runs":
        yield from _run(before, after)
    elif kind == "orders":
        yield from _order(OrderRecord.model_validate(before) if before else None, after)
    elif kind == "fills":
        shares = ", ".join(f"{owner} {part}" for owner, part in after["shares"].items())
        yield f"books {'' if before is None else 'anew '}{after['execId']}: {shares}"
    elif name == "trading-state":
        yield f"sets the trading state to {after['state']}, {after['reason']}"


def _run(before: Stored | None, after: Stored) -> Iterator[str]:
    key, was = after["key"], before or {}
    if before is None:
        yield f"claims {key}, a run of {after['intent']}"
    elif after["lease"] and (not was["lease"] or was["lease"]["nonce"] != after["lease"]["nonce"]):
        yield f"TAKES OVER {key}"
    elif was["lease"] and not after["lease"] and after["state"] == "running":
        yield f"lets go of {key}"
    for stage in _stages(after)[len(_stages(was)) :]:
        yield f"plans to {stage['name']}: {', '.join(stage['orders']) or 'no order'}"
    if after["result"] and not was.get("result"):
        reason = after["result"]["reason"]
        yield f"ENDS {key}: {after['result']['status']}" + (
            f" ({reason['code']}: {reason['message']})" if reason else ""
        )


def _stages(run: Stored) -> list[Stored]:
    return list((run.get("plan") or {}).get("stages", []))


def _order(before: OrderRecord | None, document: Stored) -> Iterator[str]:
    after = OrderRecord.model_validate(document)
    name = f"{after.order.reference}, {after.order.quantity} {after.order.contract}"
    number = after.sending.order_id if after.sending else None
    if before is None:
        yield f"writes down order {name}, as number {number}"
    elif before.sending != after.sending:
        yield f"renumbers {name}: {number}"
    elif (before.standing, before.filled) != (after.standing, after.filled):
        filled = f" with {after.filled} filled" if after.filled else ""
        why = f": {after.text}" if after.text else ""
        yield f"settles {name}: {before.standing} -> {after.standing}{filled}{why}"
