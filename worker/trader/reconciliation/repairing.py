"""Books made to agree on a person's word, where nothing is in flight and the position rests."""

from collections.abc import Mapping
from dataclasses import dataclass

from trader.domain.orders import OrderState
from trader.intent import Run
from trader.ports import Ports
from trader.reconciliation.reconciling import Survey, survey
from trader.reconciliation.unlocking import SETTLED, Entries


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair found and changes, and why it leaves some contracts as they are."""

    survey: Survey
    entries: Entries
    refused: Mapping[int, str]


async def repair(reason: str, run: Run, ports: Ports) -> Repaired:
    """Look twice, SETTLE apart, and repair each contract that rests; one that evidence unlocks needs none.

    Nothing is stored before the run's end, which writes all of it at once: an attempt that died has done
    nothing, and the next one looks anew, as other runs may have settled some of it since.
    """
    first = await survey(ports, run.account, adopts=True)
    await ports.clock.sleep(run.settle_s)
    second = await survey(ports, run.account, adopts=True)
    # Between the looks nothing was executed, so any time between them tells before from after; half-way
    # there is room on both sides for a broker's clock that differs.
    at = first.lookup.at + (second.lookup.at - first.lookup.at) / 2
    entries = Entries(second, run, ports.clock.now())
    entries.post()
    refused: dict[int, str] = {}
    for con_id in sorted(_broken(second)):
        if con_id in second.locks and second.why_locked(con_id) is None:
            entries.unlock(con_id, SETTLED)
        elif why := _in_the_way(con_id, first, second):
            refused[con_id] = why
        else:
            entries.repair(second.tally(con_id), at, reason)
    return Repaired(second, entries, refused)


def _broken(found: Survey) -> set[int]:
    in_doubt = {
        record.order.contract.con_id
        for record in found.records.values()
        if record.standing is OrderState.UNRESOLVED
    }
    return {*found.locks, *in_doubt, *(con_id for con_id, tally in found.tallies.items() if tally.difference)}


def _in_the_way(con_id: int, first: Survey, second: Survey) -> str | None:
    """Return why a contract can't be repaired now, or None."""
    for found in (*first.open_in(con_id), *second.open_in(con_id)):
        return f"expected nothing in flight, found {found}; cancel it, or wait for its end"
    before, after = first.tally(con_id).theirs, second.tally(con_id).theirs
    if before != after or _executed(con_id, first) != _executed(con_id, second):
        return f"expected a position that rests, found {before} and then {after}; try again"
    return None


def _executed(con_id: int, found: Survey) -> set[str]:
    return {fill.exec_id for fill in found.lookup.fills if fill.con_id == con_id}
