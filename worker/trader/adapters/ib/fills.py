"""Executions as ib_insync keeps them, each counted once."""

from collections.abc import Iterable

import ib_insync

from trader.adapters.ib.numbers import decimal, number
from trader.domain.portfolio import Fill


def to_fills(reported: Iterable[ib_insync.Fill]) -> list[Fill]:
    """Return the fills in the order of time; of an execution and its corrections only the last counts.

    A correction has the execution's id with a higher number after the last dot: ``....01`` to ``....02``.
    """
    latest: dict[str, ib_insync.Fill] = {}
    for fill in reported:
        stem, revision = parts(fill.execution.execId)
        if stem not in latest or revision >= parts(latest[stem].execution.execId)[1]:
            latest[stem] = fill
    return sorted((_fill(fill) for fill in latest.values()), key=lambda fill: (fill.at, fill.exec_id))


def parts(exec_id: str) -> tuple[str, int]:
    """Return what an execution and its corrections have in common, and the number of the correction."""
    stem, _, revision = exec_id.rpartition(".")
    return (stem, int(revision)) if revision.isdecimal() else (exec_id, 0)


def _fill(fill: ib_insync.Fill) -> Fill:
    execution, contract, report = fill.execution, fill.contract, fill.commissionReport
    sign = -1 if execution.side == "SLD" else 1
    # Until the broker reports one, ib_insync shows an empty report with a commission of 0.
    commission = decimal(report.commission) if report.execId else None
    return Fill(
        exec_id=execution.execId,
        order_id=execution.orderId,
        perm_id=execution.permId,
        client_id=execution.clientId,
        reference=execution.orderRef,
        con_id=contract.conId,
        symbol=contract.symbol,
        sec_type=contract.secType,
        currency=contract.currency,
        quantity=sign * number(execution.shares),
        price=number(execution.price),
        at=execution.time,
        commission=commission,
        commission_currency=report.currency if commission is not None else None,
    )
