"""The executions of one login in our terms, each read once however often the gateway repeats it."""

from collections import defaultdict
from collections.abc import Sequence

import ib_insync
from ib_insync import IB

from trader.adapters.ib.numbers import decimal, number
from trader.domain.portfolio import Fill

EXECUTION, COMMISSION = 11, 59
"""The kinds of message that tell of them."""
EXECUTION_ID, COMMISSION_ID = 14, 2
"""Where in each the execution's id is. The first two fields are the kind, and the request or a version."""


class Executions:
    """Keeps the fills of a login, and spares ib_insync what it was told already.

    A gateway answers each question for executions with those of the whole day. Reading one takes a third of
    a millisecond, and before an order they are asked for twice.
    """

    def __init__(self, ib: IB) -> None:
        self._ib = ib
        self._said: dict[tuple[int, str], str] = {}
        self._new: dict[str, ib_insync.Fill] = {}
        self._latest: defaultdict[str, dict[str, Fill]] = defaultdict(dict)  # by account and stem
        self._in_order: dict[str, tuple[Fill, ...]] = {}
        handlers = ib.client.decoder.handlers
        self._read = {kind: handlers[kind] for kind in (EXECUTION, COMMISSION)}
        handlers.update({EXECUTION: self._on_execution, COMMISSION: self._on_commission})

    def of(self, account: str) -> Sequence[Fill]:
        """Return the account's fills in the order of time, as far back as the gateway reports them.

        Of an execution and its corrections only the last counts. A correction has the execution's id with a
        higher number after the last dot: ``....01`` to ``....02``.
        """
        if self._new:
            for told in self._new.values():
                self._take(told)
            self._new.clear()
            self._in_order.clear()
        if account not in self._in_order:
            fills = self._latest[account].values()
            self._in_order[account] = tuple(sorted(fills, key=lambda fill: (fill.at, fill.exec_id)))
        return self._in_order[account]

    def _take(self, told: ib_insync.Fill) -> None:
        fills = self._latest[told.execution.acctNumber]
        stem, revision = parts(told.execution.execId)
        if stem not in fills or revision >= parts(fills[stem].exec_id)[1]:
            fills[stem] = to_fill(told)

    def _on_execution(self, fields: list[str]) -> None:
        self._hear(EXECUTION, fields[EXECUTION_ID], fields)

    def _on_commission(self, fields: list[str]) -> None:
        self._hear(COMMISSION, fields[COMMISSION_ID], fields)

    def _hear(self, kind: int, exec_id: str, fields: list[str]) -> None:
        said = "\0".join(fields[2:])
        if self._said.get((kind, exec_id)) == said:
            return
        self._read[kind](fields)
        told = self._ib.wrapper.fills.get(exec_id)
        if told is not None:  # ib_insync drops the commission of an execution that it doesn't know yet
            self._said[kind, exec_id] = said
            self._new[exec_id] = told


def parts(exec_id: str) -> tuple[str, int]:
    """Return what an execution and its corrections have in common, and the number of the correction."""
    stem, _, revision = exec_id.rpartition(".")
    return (stem, int(revision)) if revision.isdecimal() else (exec_id, 0)


def to_fill(fill: ib_insync.Fill) -> Fill:
    """Return an execution as ib_insync keeps it in our terms."""
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
