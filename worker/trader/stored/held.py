"""What each strategy holds, beside what the broker held when it was last looked at; from the store alone."""

from collections import defaultdict
from decimal import Decimal

from pydantic import Field

from trader.domain.ledger import holdings
from trader.domain.reconciliation import Tally, tallies
from trader.domain.wire import Amount, Time, Wire
from trader.ports import Store
from trader.stored import orderbook
from trader.stored.snapshots import latest_snapshot


class HeldContract(Wire):
    """One contract: ours by owner, and theirs."""

    con_id: int
    instrument: str
    currency: str
    holdings: dict[str, Amount] = Field(description="By strategy; EXTERNAL is what none asked for.")
    ours: Amount = Field(description="Their sum.")
    theirs: Amount | None = Field(description="The broker's position then; null while nobody has looked.")
    traded_since: bool = Field(description="Whether fills were booked since: then the two needn't agree.")

    @property
    def differs(self) -> bool:
        """Whether our books held something else than the broker."""
        return self.theirs is not None and self.ours != self.theirs and not self.traded_since


class Held(Wire):
    """All contracts that anybody holds."""

    positions_at: Time | None = Field(description="When the broker's positions were read, by `reconcile`.")
    contracts: tuple[HeldContract, ...]


async def read_held(store: Store, account: str) -> Held:
    """Return the holdings as they stand, beside the positions of the latest snapshot; raises Failed."""
    fills = await orderbook.all_fills(store, account)
    snapshot = await latest_snapshot(store, account)
    by_contract: defaultdict[int, dict[str, Decimal]] = defaultdict(dict)
    for (owner, con_id), quantity in sorted(holdings(fills).items()):
        by_contract[con_id][owner] = quantity
    since = {fill.con_id for fill in fills if snapshot and fill.at > snapshot.at}
    return Held(
        positions_at=snapshot.at if snapshot else None,
        contracts=tuple(
            _contract(tally, by_contract[con_id], known=snapshot is not None, traded=con_id in since)
            for con_id, tally in tallies(fills, snapshot.positions if snapshot else ()).items()
            if by_contract[con_id] or tally.theirs
        ),
    )


def _contract(tally: Tally, by_owner: dict[str, Decimal], *, known: bool, traded: bool) -> HeldContract:
    return HeldContract(
        con_id=tally.con_id,
        instrument=tally.instrument,
        currency=tally.currency,
        holdings=by_owner,
        ours=tally.ours,
        theirs=tally.theirs if known else None,
        traded_since=traded,
    )
